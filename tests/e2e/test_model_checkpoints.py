"""Which checkpoint of a whole model's training is kept: looks show what is served, and change nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from recorder import Recorder
from test_checkpoints import QUICK, Noting, Scripted, Stopper, real_examiner, run, without_times
from test_methods import pairs
from test_training import model_path, rows

from evalgate.backends.live import LiveModel
from evalgate.backends.model_files import ModelFiles
from evalgate.capability.drift import general_text, read_documents
from evalgate.core.artefacts import MODEL, model_digest
from evalgate.core.data import ModelSpec
from evalgate.core.drafts import Checkpoints, Preferences
from evalgate.core.errors import EvalgateError
from evalgate.core.results import AdapterCard
from evalgate.training.dpo import SFT, prefer
from evalgate.training.quiet import quiet
from evalgate.training.selection import Selection
from evalgate.training.trainer import CHECKPOINTS, fit
from evalgate.training.work import Job

pytestmark = pytest.mark.slow
__all__ = ["model_path"]
FULL = replace(QUICK, method="full", learning_rate=2e-3)  # 8 steps, looked at after 2, 4, 6 and 8
WEIGHTS = "model.safetensors"


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    found: dict[str, Any] = load_file(folder / WEIGHTS)
    return found


def drift_of(model: str, base: str, dtype: str) -> float:
    """The mean over tokens of general text, by transformers alone: one document at a time, without padding."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, nats, n = AutoTokenizer.from_pretrained(base), [], 0
    for path in (model, base):
        live = AutoModelForCausalLM.from_pretrained(path, dtype=getattr(torch, dtype)).eval()
        total, n = 0.0, 0
        for text in read_documents(general_text()):
            ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False).input_ids]])
            with torch.inference_mode():
                logits = live(input_ids=ids).logits[0, :-1].float()
            total += float(torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum").double())
            n += ids.shape[1] - 1
        nats.append(total)
    return (nats[0] - nats[1]) / n


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_look_is_at_what_is_served_and_changes_no_byte(model_path: str, tmp_path: Path, dtype: str) -> None:
    """In bf16 the live weights, which stay in fp32, are shown rounded as they are stored."""
    from evalgate.backends.hf import HFBackend
    from evalgate.backends.model_files import locate

    settings = Checkpoints(keep="last", dev_items=8)
    recipe, examiner = replace(FULL, checkpoints=settings), real_examiner(model_path, settings)
    seen = run(tmp_path / "seen", model_path, recipe, examiner=examiner, dtype=dtype)
    unseen = run(tmp_path / "unseen", model_path, recipe, dtype=dtype)
    assert seen.adapter_digest == unseen.adapter_digest == model_digest(tmp_path / "seen" / MODEL)
    assert [p.loss for p in seen.curves] == [p.loss for p in unseen.curves]
    assert {p.name for p in (tmp_path / "seen").iterdir()} == {"card.json", MODEL}
    assert {str(value.dtype) for value in weights(tmp_path / "seen" / MODEL).values()} == {f"torch.{dtype}"}

    [choice] = seen.choices
    assert [e.step for e in choice.evaluations] == [2, 4, 6, 8]
    last = choice.evaluations[-1]
    asks, wanted = examiner._asks["colour"], examiner._examples["colour"]
    spec = ModelSpec(id=str(tmp_path / "seen" / MODEL), dtype=dtype)  # type: ignore[arg-type]
    with quiet():
        answers = dict(HFBackend(spec, locate(spec)).generate([ask.request for ask in asks]))
        drift = drift_of(spec.id, model_path, dtype)
    right = tuple(float(answers[i].output == wanted[ask.example_id].label) for i, ask in enumerate(asks))
    assert last.seen.scores == {"colour": right}
    assert last.seen.drift == pytest.approx(drift, abs=1e-4 if dtype == "float32" else 2e-3)
    assert abs(drift) > 0.01
    assert [e.moved for e in choice.evaluations] == [True] * 4
    assert len([p for p in seen.curves if p.drift is not None and p.dev_score is not None]) == 4


def test_the_chosen_checkpoint_is_the_model_as_it_was_then(model_path: str, tmp_path: Path) -> None:
    import torch

    class Watching(Scripted):
        """Counts the weights of looks that lie on the disk when one begins."""

        stored: list[list[str]] = []

        def __call__(self, module: Any) -> Any:
            found = sorted((tmp_path / CHECKPOINTS).glob("model-*.safetensors"))
            self.stored.append([path.name for path in found])
            return super().__call__(module)

    examiner, progress = Watching([0.0, 1.0, 0.0, 0.25]), Noting()
    card = run(tmp_path, model_path, FULL, examiner=examiner, progress=progress)
    [choice] = card.choices
    assert (choice.step, choice.planned, choice.stopped, card.n_steps) == (4, 8, 0, 8)
    assert examiner.stored == [[], ["model-2.safetensors"], ["model-4.safetensors"], ["model-4.safetensors"]]
    saved = weights(tmp_path / MODEL)
    assert all(torch.equal(examiner.weights[1][name], value) for name, value in saved.items())
    assert not any(torch.equal(examiner.weights[3][name], value) for name, value in saved.items())
    assert model_digest(tmp_path / MODEL) == card.adapter_digest
    assert progress.notes == [
        "tiny: the checkpoint of step 4 of 8 is kept: its dev score is the best: 100.0%; drift +0.000 nats a token",
        "tiny overfits from step 4 on: the dev score fell from 100.0% to 25.0%, while the training loss went on "
        "falling",
    ]
    assert {p.name for p in tmp_path.iterdir()} == {"card.json", MODEL}


def test_a_model_that_has_not_moved_in_its_stored_precision_is_never_kept(model_path: str, tmp_path: Path) -> None:
    """The first step of the warm-up has a learning rate of 0."""
    recipe = replace(FULL, max_rows=12)
    card = run(tmp_path, model_path, recipe, examiner=Scripted([1.0, 0.5, 0.25]))
    assert [e.moved for e in card.choices[0].evaluations] == [False, True, True]
    assert card.choices[0].step == 2
    dead, examiner = replace(recipe, learning_rate=1e-60), Scripted([1.0, 0.5, 0.25])
    with pytest.raises(EvalgateError, match="all its weights in bfloat16 are those that training started from"):
        run(tmp_path / "dead", model_path, dead, examiner=examiner, dtype="bfloat16")


@pytest.mark.parametrize("keep", ["best", "last"])
def test_a_kill_after_the_last_step_and_before_the_card_loses_nothing(
    model_path: str, tmp_path: Path, keep: Any
) -> None:
    settings = Checkpoints(evaluations=4, patience=2, keep=keep)
    recipe, shares = replace(FULL, checkpoints=settings), [0.5, 1.0, 0.0, 0.0]
    whole = run(tmp_path / "whole", model_path, recipe, examiner=Scripted(shares))
    assert (whole.n_steps, whole.choices[0].step) == (8, 4 if keep == "best" else 8)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", model_path, recipe, examiner=Scripted(shares), progress=Stopper())
    assert not (tmp_path / "killed" / "card.json").exists()
    progress = Recorder()
    again = run(tmp_path / "killed", model_path, recipe, examiner=Scripted([]), progress=progress)
    assert progress.stages == []
    assert (again.adapter_digest, without_times(again)) == (whole.adapter_digest, without_times(whole))


@pytest.mark.parametrize("method", ["full", "lora"])
def test_so_it_is_where_nobody_looks(model_path: str, tmp_path: Path, method: Any) -> None:
    """As on several GPUs: the Trainer's own last checkpoint has the weights."""
    from transformers import TrainerCallback

    class AtEnd(TrainerCallback):  # type: ignore[misc]
        """Interrupts when the last checkpoint is written."""

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == state.max_steps:
                raise KeyboardInterrupt

    from contextlib import ExitStack

    recipe = replace(FULL, method=method)

    def trained(folder: Path, *callbacks: Any) -> AdapterCard:
        job = Job(recipe=recipe, rows=tuple(rows(32)), dev_rows=(), model_path=model_path, revision=None,
                  base_digest="base", folder=str(folder))  # fmt: skip
        selection = Selection(replace(recipe, num_gpus=2), folder / CHECKPOINTS, None, job.beginning, later=True)
        with quiet(), ExitStack() as stack:
            card = fit(job, selection, Recorder(), stack, callbacks)
        assert card is not None
        return card

    whole = trained(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "killed", AtEnd())
    assert trained(tmp_path / "killed").adapter_digest == whole.adapter_digest
    assert (
        whole.choices[0].reason
        == "the last one: on several GPUs whole models, and all with an accelerate_config, are not compared"
    )


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = {paths!r}
import test_model_checkpoints as t
from transformers import TrainerCallback

class AtStep(TrainerCallback):
    def on_step_end(self, args, state, control, **_):
        if state.global_step == {step}:
            os.kill(os.getpid(), signal.SIGKILL)

t.run(Path({folder!r}), {model!r}, t.LOOKED, examiner=t.real_examiner({model!r}, t.LOOKED.checkpoints),
      callbacks=[AtStep()], dtype="bfloat16")
"""
LOOKED = replace(FULL, checkpoints=Checkpoints(dev_items=6, patience=9))


@pytest.mark.parametrize("step", [5, 6])  # between looks; after a look, before its checkpoint is written
def test_killed_by_the_system_it_ends_with_the_same_bytes_and_the_same_choice(
    model_path: str, tmp_path: Path, step: int
) -> None:
    import torch

    def trained(name: str, progress: Recorder) -> AdapterCard:
        examiner = real_examiner(model_path, LOOKED.checkpoints)
        return run(tmp_path / name, model_path, LOOKED, progress, examiner=examiner, dtype="bfloat16")

    whole = trained("whole", Recorder())
    here = Path(__file__).resolve().parent
    script = KILLED.format(
        paths=[str(here), str(here.parent), str(here.parents[1])], folder=str(tmp_path / "killed"), model=model_path,
        step=step,
    )  # fmt: skip
    # As many threads as here: sums of floating point depend on them.
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, env=environment)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]
    assert not (tmp_path / "killed" / "card.json").exists()
    progress = Recorder()
    again = trained("killed", progress)
    assert progress.stages == [["training tiny", 8, 4, 8]]
    assert again.adapter_digest == whole.adapter_digest
    assert without_times(again) == without_times(whole)
    assert again.curves == whole.curves


def test_the_second_stage_chooses_for_itself_and_drifts_from_the_base(model_path: str, tmp_path: Path) -> None:
    data, settings = pairs(tmp_path / "pairs.jsonl", 16), Checkpoints(keep="last", dev_items=4, evaluations=2)
    recipe = replace(FULL, dpo=Preferences(data=data, learning_rate=1e-4, epochs=2), checkpoints=settings)
    first = run(
        tmp_path / SFT, model_path, replace(FULL, checkpoints=settings), examiner=real_examiner(model_path, settings)
    )
    start = tmp_path / SFT
    looked = real_examiner(model_path, settings)
    card = prefer(recipe, first, start=start, folder=tmp_path / "dpo", progress=Recorder(), examiner=looked)
    assert [(c.step, c.planned) for c in card.choices] == [(8, 8), (16, 16)]
    with quiet():
        drift = drift_of(str(tmp_path / "dpo" / MODEL), model_path, "float32")
    assert card.choices[1].evaluations[-1].seen.drift == pytest.approx(drift, abs=1e-4)

    chosen = replace(recipe, checkpoints=Checkpoints(patience=9), dpo=replace(recipe.dpo, learning_rate=2e-3))
    scripted = Scripted([0.0, 1.0, 0.5, 0.5])
    card = prefer(chosen, first, start=start, folder=tmp_path / "chosen", progress=Recorder(), examiner=scripted)
    assert [c.step for c in card.choices] == [8, 12]
    assert card.started_from == first.adapter_digest != card.adapter_digest == model_digest(tmp_path / "chosen" / MODEL)


def test_in_bf16_a_look_sees_the_very_weights_that_are_stored(model_path: str, tmp_path: Path) -> None:
    import torch

    examiner = Scripted([0.0, 1.0, 0.0, 0.25])
    card = run(tmp_path, model_path, FULL, examiner=examiner, dtype="bfloat16")
    saved = weights(tmp_path / MODEL)
    assert card.choices[0].step == 4
    assert saved
    for name, value in saved.items():
        assert examiner.weights[1][name].dtype == value.dtype == torch.bfloat16
        assert torch.equal(examiner.weights[1][name], value)


def test_a_look_keeps_nothing_that_other_weights_computed(model_path: str) -> None:
    """A beginning that all questions share is computed once, but never taken over from an earlier look."""
    import torch
    from transformers import AutoModelForCausalLM

    def opened() -> LiveModel:
        return LiveModel(ModelSpec(id=model_path), ModelFiles(path=model_path, revision=None, digest="tiny"))

    def seen(live: LiveModel) -> list[float]:
        with live.lent(module):
            return live.loglikelihood(pairs)

    beginning = "the customer asks about a parcel that was sent long ago " * 8
    pairs = [(f"{beginning}{word}", " and waits") for word in ("today", "again", "still")]
    with quiet():
        module, live = AutoModelForCausalLM.from_pretrained(model_path, dtype=torch.float32), opened()
        before = seen(live)
        with torch.no_grad():
            for i, parameter in enumerate(module.parameters()):
                parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(i)), alpha=0.05)
        after, fresh = seen(live), seen(opened())
    assert after == fresh
    assert after != pytest.approx(before, abs=0.01)
