"""What several processes are given, what is refused before they start, and what they tell. No torch."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from recorder import Recorder

from evalgate.core.data import Recipe
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.record import to_json_line
from evalgate.training import launch
from evalgate.training.data import Encoded
from evalgate.training.following import Event, Following, Telling, failure_of, keep_fault
from evalgate.training.launch import command, evenly, placement, refuse_unlaunchable, sharded, shared_out
from evalgate.training.recipe import recipe_digest, sft_arguments

ONE = Recipe(name="q", prompts={}, path="q.yaml")
TWO = replace(ONE, num_gpus=2)


def arguments(recipe: Recipe, device: Any = "cuda") -> dict[str, Any]:
    return shared_out(sft_arguments(recipe, device=device, output_dir="o", has_dev=False), recipe)


def test_one_process_is_given_what_it_was_given_before() -> None:
    assert arguments(ONE) == sft_arguments(ONE, device="cuda", output_dir="o", has_dev=False)


def test_two_processes_halve_the_steps_of_accumulation_and_count_tokens_together() -> None:
    changed = {k: v for k, v in arguments(TWO).items() if arguments(ONE).get(k) != v}
    assert changed == {
        "gradient_accumulation_steps": 2,
        "average_tokens_across_devices": True,
        "ddp_find_unused_parameters": False,
    }
    assert arguments(TWO, "cpu") | {"ddp_backend": "gloo"} == arguments(TWO, "cpu")


def test_sharded_training_has_an_optimizer_that_knows_sharded_tensors(tmp_path: Path) -> None:
    file = tmp_path / "fsdp.yaml"
    file.write_text("distributed_type: FSDP\n")
    recipe = replace(TWO, accelerate_config=str(file))
    assert arguments(recipe)["optim"] == "adamw_torch"
    assert arguments(replace(recipe, overrides={"optim": "sgd"}))["optim"] == "sgd"
    file.write_text("distributed_type: DEEPSPEED\n")
    assert arguments(recipe)["optim"] == arguments(TWO)["optim"] == "paged_adamw_8bit"


@given(batch=st.integers(1, 64), n=st.integers(2, 8), rows=st.integers(1, 200), device=st.sampled_from(["cpu", "cuda"]))
def test_every_step_has_the_rows_of_one_process(batch: int, n: int, rows: int, device: str) -> None:
    """As accelerate shares rows out: whole micro-batches in turn, filled up from the beginning if one is short."""
    recipe = replace(ONE, batch_size=batch, num_gpus=n)
    if batch % n:
        with pytest.raises(UsageError, match="batch-not-shared"):
            arguments(recipe, device)
        return
    given_each = arguments(recipe, device)
    micro, steps = given_each["per_device_train_batch_size"], given_each["gradient_accumulation_steps"]
    assert micro * steps * n == batch
    whole = Encoded(ids=[[i, 0] for i in range(rows)], prompt_lengths=[1] * rows, n_dropped=0)
    padded = evenly(whole, given_each, n)
    assert padded.ids[:rows] == whole.ids
    assert len(padded.ids) % (micro * n) == 0, "nothing is left for accelerate to fill up"
    assert len(padded.ids) - rows < micro * n
    assert padded.n_supervised == whole.n_supervised
    learned = [i for i, (ids, n_prompt) in enumerate(zip(padded.ids, padded.prompt_lengths, strict=True))
               if n_prompt < len(ids)]  # fmt: skip
    assert learned == list(range(rows))
    batches = [range(i, i + micro) for i in range(0, len(padded.ids), micro)]
    shards = [batches[p::n] for p in range(n)]
    for step in range(-(-rows // batch)):
        mine = [i for shard in shards for one in shard[step * steps : (step + 1) * steps] for i in one if i < rows]
        assert sorted(mine) == list(range(step * batch, min(rows, (step + 1) * batch)))


def test_packed_rows_are_not_filled_up() -> None:
    rows = Encoded(ids=[[1]], prompt_lengths=[0], n_dropped=0)
    assert evenly(rows, {"per_device_train_batch_size": 2, "packing": True}, 2) == rows


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        refuse_unlaunchable([ONE, replace(TWO, num_gpus=3)])
    assert str(caught.value) == (
        "error[batch-not-shared]: recipe 'q' has batches of 16 rows, which 3 GPUs cannot share evenly\n  at: q.yaml\n\n"
        "hint: set `batch_size` to a multiple of 3, such as 15 or 18, or change `num_gpus`"
    )


def test_more_gpus_than_there_are_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_n_devices", lambda: 1)
    with pytest.raises(UsageError) as caught:
        refuse_unlaunchable([TWO])
    assert str(caught.value) == (
        "error[too-few-gpus]: recipe 'q' wants 2 GPUs, but torch sees 1\n  at: q.yaml\n\n"
        "hint: lower `num_gpus`, or check CUDA_VISIBLE_DEVICES; ACCELERATE_USE_CPU=true trains in 2 processes on CPUs"
    )
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    refuse_unlaunchable([TWO, ONE])


@pytest.mark.parametrize(
    ("text", "why"), [("- a\n", "it is no mapping of keys"), ("num_machines: 2\n", "it is for several machines")]
)
def test_configurations_that_cannot_be_used_are_refused(text: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "fsdp.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        refuse_unlaunchable([replace(TWO, accelerate_config=str(file))])
    assert str(caught.value) == (
        f"error[accelerate-config]: recipe 'q' names an accelerate configuration that cannot be used: {why}\n"
        f"  at: {file}\n\nhint: give a file as `accelerate config --config_file FILE` writes it, for one machine"
    )


def test_a_configuration_is_passed_through_and_a_default_one_of_the_user_is_never_read(tmp_path: Path) -> None:
    own = command(TWO, tmp_path)
    file = own[own.index("--config_file") + 1]
    assert yaml.safe_load(Path(file).read_text()) == {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": "MULTI_GPU",
        "mixed_precision": "no",
        "num_machines": 1,
        "machine_rank": 0,
    }
    assert own[own.index("--num_processes") + 1] == "2"
    assert own[-3:] == ["--module", "evalgate.training.worker", str(tmp_path / "spec.json")]
    given_file = command(replace(TWO, accelerate_config="fsdp.yaml"), tmp_path)
    assert given_file[given_file.index("--config_file") + 1] == "fsdp.yaml"


def test_gpus_and_their_configuration_are_part_of_a_recipe_by_content(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.yaml", "b.yaml", "c.yaml")]
    for file, text in zip(files, ("x: 1\n", "x: 1\n", "x: 2\n"), strict=True):
        file.write_text(text)
    a, b, c = (recipe_digest(replace(TWO, accelerate_config=str(file))) for file in files)
    assert a == b
    assert len({a, c, recipe_digest(TWO), recipe_digest(ONE)}) == 4


def test_a_sharded_model_is_placed_by_accelerate_and_any_other_on_its_process_own_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LOCAL_RANK", "ACCELERATE_USE_FSDP", "ACCELERATE_DEEPSPEED_ZERO_STAGE"):
        monkeypatch.delenv(name, raising=False)
    assert placement() == {"": 0}
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert placement() == {"": 1}
    monkeypatch.setenv("ACCELERATE_DEEPSPEED_ZERO_STAGE", "2")
    assert not sharded()
    monkeypatch.setenv("ACCELERATE_DEEPSPEED_ZERO_STAGE", "3")
    assert placement() is None
    monkeypatch.delenv("ACCELERATE_DEEPSPEED_ZERO_STAGE")
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    assert placement() is None


class Noting(Recorder):
    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_what_is_told_is_shown_and_a_torn_line_waits(tmp_path: Path) -> None:
    file, shown = tmp_path / "events.jsonl", Noting()
    telling = Telling(file)
    with Following(file, shown) as following:
        following.read()
        telling.note("one row is too long")
        with telling.stage("training q", 3, 1) as tick:
            tick()
            following.read()
            whole = to_json_line(Event(tick=1))
            with file.open("ab") as torn:
                torn.write(whole[:5])
            following.read()
            assert shown.stages == [["training q", 3, 1, 2]]
            with file.open("ab") as torn:
                torn.write(whole[5:])
        following.read()
    assert shown.stages == [["training q", 3, 1, 3]]
    assert shown.notes == ["one row is too long"]
    Telling(None).note("silent")
    with Telling(None).stage("silent", 1) as tick:
        tick()


def test_the_first_fault_is_raised_as_it_was(tmp_path: Path) -> None:
    first = UsageError("no", code="unknown-override", fix="mend it", where="q.yaml")
    keep_fault(tmp_path, 1, first)
    error = failure_of(tmp_path, "q", 1)
    assert (type(error), str(error)) == (UsageError, str(first))


def test_without_a_fault_the_log_is_asked(tmp_path: Path) -> None:
    assert "failed: exit code 7" in str(failure_of(tmp_path, "q", 7))
    (tmp_path / "log.txt").write_text(
        "[rank1]: torch.distributed.DistBackendError: NCCL error\n"
        "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n  exitcode  : 1 (pid: 12)\n"
    )
    error = failure_of(tmp_path, "q", 1)
    assert isinstance(error, EvalgateError)
    assert str(error) == (
        "error[training-process-failed]: the processes that train 'q' failed: torch.distributed.DistBackendError: "
        f"NCCL error\n  at: {tmp_path.parent}\n\n"
        f"hint: read {tmp_path}/log.txt; training goes on from its last checkpoint if the recipe stays the same"
    )
