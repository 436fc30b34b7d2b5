"""Which checkpoint of a real training is kept: looks change nothing, and a killed training chooses the same."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from recorder import Recorder
from test_methods import pairs
from test_training import RECIPE, model_path, rows

from evalgate.capability.drift import document_drift, general_text, read_documents
from evalgate.core.adapter_files import adapter_digest
from evalgate.core.data import (
    Example,
    GateSpec,
    MetricUse,
    ModelSpec,
    PromptDraft,
    Recipe,
    Sampling,
    SystemDraft,
    Task,
    TaskSpec,
)
from evalgate.core.drafts import Checkpoints, Preferences
from evalgate.core.results import AdapterCard
from evalgate.core.training import Examined
from evalgate.examining import Examiner
from evalgate.systems.prompt import bind
from evalgate.training.dpo import SFT, prefer
from evalgate.training.quiet import quiet
from evalgate.training.trainer import train

pytestmark = pytest.mark.slow
__all__ = ["model_path"]
QUICK = replace(RECIPE, max_rows=32)  # 8 steps, looked at after 2, 4, 6 and 8


class Scripted:
    """An examiner that says what a test has written, and remembers the weights that it saw."""

    metrics = {"colour": "accuracy"}
    n_items = {"colour": 4}

    def __init__(self, shares: Sequence[float], drifts: Sequence[float] | None = None, identity: str = "one") -> None:
        self.identity = identity
        self._shares, self._drifts = shares, drifts or [0.0] * len(shares)
        self.weights: dict[int, Mapping[str, Any]] = {}
        self.n_looks = 0

    def base(self, module: Any) -> None:
        """Nothing: the drifts are written."""

    def __call__(self, module: Any) -> Examined:
        k = self.n_looks
        self.n_looks += 1
        self.weights[k] = {n: p.detach().clone() for n, p in module.named_parameters() if p.requires_grad}
        scores = tuple(1.0 if i < 4 * self._shares[k] else 0.0 for i in range(4))
        return Examined(scores={"colour": scores}, drift=self._drifts[k])


class Stopper(Recorder):
    """Progress during which the process is interrupted when it is told which checkpoint is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)
        raise KeyboardInterrupt


class Noting(Recorder):
    """Progress that remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def run(folder: Path, model_path: str, recipe: Recipe = QUICK, progress: Any = None, **extra: Any) -> AdapterCard:
    return train(
        recipe,
        rows(80),
        rows(8),
        model_path=model_path,
        revision=None,
        base_digest="base",
        folder=folder,
        progress=progress or Recorder(),
        **extra,
    )


def real_examiner(model_path: str, settings: Checkpoints) -> Examiner:
    """Asks the colours as training rows ask them, by the model's own template."""
    examples = [
        Example(id=row.id, inputs={"text": row.messages[0].content}, references=(row.completion,), label=row.completion)
        for row in rows(12)
    ]
    spec = TaskSpec(name="colour", kind="classification", data="colour", metrics=(MetricUse(name="accuracy"),))
    task = Task(spec=spec, splits={"dev": tuple(examples)})
    sampling = Sampling(max_tokens=4, constraint="choices")
    prompt = PromptDraft(template="{{ text }}", template_path="", sampling=sampling)
    draft = SystemDraft(name="tiny", kind="tuned", prompts={"colour": prompt})
    model = ModelSpec(id=model_path)
    from evalgate.backends.model_files import locate

    return Examiner(
        bind(draft, {"colour": task}, model=model_path, model_digest="base", seed=1),
        {"colour": task},
        [GateSpec(name="g", metric="colour.accuracy", rule="at_least", limit=0.1)],
        settings,
        {},
        seed=1,
        spec=model,
        files=locate(model),
        text=general_text(),
    )


def without_times(card: AdapterCard) -> list[Any]:
    return [replace(c, evaluations=tuple(replace(e, seconds=0.0) for e in c.evaluations)) for c in card.choices]


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory, model_path: str) -> tuple[Path, AdapterCard]:
    """A LoRA training whose every look is real, its last checkpoint kept."""
    folder, settings = tmp_path_factory.mktemp("looked"), Checkpoints(keep="last", dev_items=8)
    recipe = replace(RECIPE, method="lora", checkpoints=settings)
    return folder, run(folder, model_path, recipe, examiner=real_examiner(model_path, settings))


def test_looking_changes_no_byte_of_the_adapter_on_a_4_bit_base(model_path: str, tmp_path: Path) -> None:
    settings = Checkpoints(keep="last", dev_items=4)
    recipe = replace(QUICK, checkpoints=settings)
    seen = run(tmp_path / "seen", model_path, recipe, examiner=real_examiner(model_path, settings))
    unseen = run(tmp_path / "unseen", model_path, recipe)
    assert seen.adapter_digest == unseen.adapter_digest == adapter_digest(tmp_path / "seen")
    assert [p.loss for p in seen.curves] == [p.loss for p in unseen.curves]
    assert len([p for p in seen.curves if p.dev_score is not None]) == 4
    assert {p.name for p in (tmp_path / "seen").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "card.json",
    }


def test_what_a_look_shows_is_what_the_saved_adapter_does(looked_at: Any, model_path: str) -> None:
    """The same answers and the same drift as by the backend that answers in a run."""
    from evalgate.backends.hf import HFBackend
    from evalgate.backends.model_files import locate

    folder, card = looked_at
    [choice] = card.choices
    last = choice.evaluations[-1]
    examiner = real_examiner(model_path, Checkpoints(dev_items=8))
    with quiet():
        backend = HFBackend(ModelSpec(id=model_path), locate(ModelSpec(id=model_path)))
        (folder / "card.json").rename(folder / "card.kept")  # it names no real base
        backend.add_adapter("tiny", str(folder))
        (folder / "card.kept").rename(folder / "card.json")
        asks = examiner._asks["colour"]
        answers = dict(backend.generate([ask.request for ask in asks], adapter="tiny"))
        documents = read_documents(general_text())
        drifts = [document_drift(backend, "tiny", "", text) for text in documents]
    wanted = examiner._examples["colour"]
    right = [float(answers[i].output == wanted[ask.example_id].label) for i, ask in enumerate(asks)]
    assert last.seen.scores["colour"] == tuple(right)
    assert sum(right) > 0
    drift = sum(d.nats - d.base_nats for d in drifts) / sum(d.n_tokens for d in drifts)
    assert last.seen.drift == pytest.approx(drift, abs=1e-4)
    assert abs(last.seen.drift) > 0.01
    assert (choice.metrics, choice.n_items) == ({"colour": "accuracy"}, {"colour": 8})
    assert last.dev_loss == next(p.dev_loss for p in reversed(card.curves) if p.dev_loss is not None)


def test_the_chosen_checkpoint_is_the_adapter_as_it_was_then(model_path: str, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    examiner, progress = Scripted([0.0, 1.0, 0.0, 0.25]), Noting()
    card = run(tmp_path, model_path, examiner=examiner, progress=progress)
    [choice] = card.choices
    saved = load_file(tmp_path / "adapter_model.safetensors")
    assert (choice.step, choice.planned, choice.stopped, card.n_steps) == (4, 8, 0, 8)
    assert saved
    for name, value in saved.items():
        stem, _, last = name.rpartition(".")
        assert torch.equal(examiner.weights[1][f"{stem}.default.{last}"], value)
        assert not torch.equal(examiner.weights[3][f"{stem}.default.{last}"], value) or "lora_A" in name
    assert adapter_digest(tmp_path) == card.adapter_digest
    assert choice.overfitting is not None
    assert progress.notes == [
        "tiny: the checkpoint of step 4 of 8 is kept: its dev score is the best: 100.0%; drift +0.000 nats a token",
        "tiny overfits from step 4 on: the dev score fell from 100.0% to 25.0%, while the training loss went on "
        "falling",
    ]


def test_an_early_stop_survives_a_kill_before_the_card(model_path: str, tmp_path: Path) -> None:
    shares = [0.5, 1.0, 0.0, 0.0]
    recipe = replace(RECIPE, checkpoints=Checkpoints(evaluations=5, patience=2))  # after 4, 8, 12, 16, 20
    whole = run(tmp_path / "whole", model_path, recipe, examiner=Scripted(shares))
    assert (whole.n_steps, whole.choices[0].stopped, whole.choices[0].step) == (16, 16, 8)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", model_path, recipe, examiner=Scripted(shares), progress=Stopper())
    assert not (tmp_path / "killed" / "card.json").exists()
    progress = Recorder()
    again = run(tmp_path / "killed", model_path, recipe, examiner=Scripted([]), progress=progress)
    assert progress.stages == []
    assert (again.adapter_digest, without_times(again)) == (whole.adapter_digest, without_times(whole))
    assert (again.n_steps, again.curves) == (whole.n_steps, whole.curves)


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = {paths!r}
import test_checkpoints as t
from transformers import TrainerCallback

class AtStep(TrainerCallback):
    def on_step_end(self, args, state, control, **_):
        if state.global_step == 5:
            os.kill(os.getpid(), signal.SIGKILL)

settings = t.Checkpoints(dev_items=6, patience=9)
recipe = t.replace(t.QUICK, checkpoints=settings)
t.run(Path({folder!r}), {model!r}, recipe, examiner=t.real_examiner({model!r}, settings), callbacks=[AtStep()])
"""


def test_a_training_killed_by_the_system_ends_with_the_same_bytes_and_the_same_choice(
    model_path: str, tmp_path: Path
) -> None:
    settings = Checkpoints(dev_items=6, patience=9)
    recipe = replace(QUICK, checkpoints=settings)
    whole = run(tmp_path / "whole", model_path, recipe, examiner=real_examiner(model_path, settings))
    here = Path(__file__).resolve().parent
    script = KILLED.format(
        paths=[str(here), str(here.parent), str(here.parents[1])], folder=str(tmp_path / "killed"), model=model_path
    )
    # As many threads as here: sums of floating point depend on them.
    import torch

    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, env=environment)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]
    assert not (tmp_path / "killed" / "card.json").exists()
    progress = Recorder()
    again = run(
        tmp_path / "killed", model_path, recipe, examiner=real_examiner(model_path, settings), progress=progress
    )
    assert progress.stages == [["training tiny", 8, 4, 8]]
    assert again.adapter_digest == whole.adapter_digest
    assert without_times(again) == without_times(whole)
    assert again.curves == whole.curves


def test_other_looks_are_another_training(model_path: str, tmp_path: Path) -> None:
    recipe = replace(QUICK, max_rows=12)
    first = run(tmp_path, model_path, recipe, examiner=Scripted([0.0, 0.0, 1.0]))
    progress = Recorder()
    assert run(tmp_path, model_path, recipe, examiner=Scripted([0.0, 1.0, 0.0]), progress=progress) == first
    assert progress.stages == []
    other = run(tmp_path, model_path, recipe, examiner=Scripted([0.5, 0.25, 0.0], identity="two"), progress=progress)
    assert progress.stages == [["training tiny", 3, 0, 3]]
    # The first step of the warm-up has a learning rate of 0: what has not moved cannot be kept.
    assert [e.moved for e in other.choices[0].evaluations] == [False, True, True]
    assert (first.choices[0].step, other.choices[0].step) == (3, 2)
    assert other.adapter_digest != first.adapter_digest


def test_the_second_stage_chooses_among_its_own_checkpoints(model_path: str, tmp_path: Path) -> None:
    data = pairs(tmp_path / "pairs.jsonl", 16)
    recipe = replace(QUICK, dpo=Preferences(data=data, learning_rate=5e-3, epochs=2))  # 8 steps, too
    first = run(tmp_path / SFT, model_path, QUICK, examiner=Scripted([0.0, 0.0, 1.0, 0.0]))
    start, drifts = tmp_path / SFT, [0.0, 0.7, 0.7, 0.7]
    examiner = Scripted([0.5, 0.5, 1.0, 1.0], drifts)
    card = prefer(recipe, first, start=start, folder=tmp_path / "dpo", progress=Recorder(), examiner=examiner)
    assert [(c.step, c.planned) for c in card.choices] == [(6, 8), (10, 16)]
    assert [e.step for e in card.choices[1].evaluations] == [10, 12, 14]
    assert (card.choices[1].stopped, card.n_steps) == (14, 14)
    assert card.started_from == first.adapter_digest != card.adapter_digest
    assert [p.step for p in card.curves if p.drift is not None] == [2, 4, 6, 8, 10, 12, 14]
