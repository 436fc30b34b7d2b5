"""What a checkpoint is scored by: which metric, which dev items, and what each adds."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from evalgate.backends.model_files import ModelFiles
from evalgate.capability.drift import general_text, read_documents
from evalgate.core.data import (
    Example,
    GateSpec,
    MetricUse,
    ModelSpec,
    PromptDraft,
    SystemDraft,
    SystemSpec,
    Task,
    TaskSpec,
)
from evalgate.core.drafts import Checkpoints
from evalgate.core.results import Failure, Prediction, Score
from evalgate.examining import Examiner, metric_of, shares
from evalgate.plugins import metric
from evalgate.systems.prompt import bind

LABELS = ("a", "b")


def task(*metrics: str, n: int = 40) -> Task:
    rows = tuple(Example(id=f"d{i:02}", inputs={"text": f"row {i}"}, label=LABELS[i % 2]) for i in range(n))
    uses = tuple(MetricUse(name=name) for name in metrics)
    spec = TaskSpec(name="route", kind="classification", data="route", metrics=uses)
    return Task(spec=spec, splits={"dev": rows})


def gate(name: str) -> GateSpec:
    return GateSpec(name=name, metric=name, rule="at_least", limit=0.5)


def system(tasks: dict[str, Task]) -> SystemSpec:
    prompts = {"route": PromptDraft(template="{{ text }}", template_path="")}
    return bind(SystemDraft(name="c", kind="tuned", prompts=prompts), tasks, model="m", model_digest="m", seed=1)


def examiner(found: Task, text: Path | None = None, seed: int = 1, **settings: int) -> Examiner:
    return Examiner(
        system({"route": found}),
        {"route": found},
        [gate("route.accuracy")],
        Checkpoints(**settings),
        {},
        seed=seed,
        spec=ModelSpec(id="m"),
        files=ModelFiles(path="m", revision=None, digest="m"),
        text=text or general_text(),
    )


def test_the_first_metric_that_a_gate_judges_is_taken() -> None:
    both = task("macro_f1", "accuracy")
    assert getattr(metric_of(both, [gate("route.accuracy")]), "spec", None) == metric(MetricUse(name="accuracy")).spec
    first = metric_of(both, [gate("other.rouge_l"), gate("route.macro_f1"), gate("route.accuracy")])
    assert first is not None
    assert first.spec.name == "macro_f1"


def test_a_task_that_no_gate_judges_or_only_a_model_is_left_out() -> None:
    assert metric_of(task("accuracy"), [gate("other.accuracy"), gate("latency.p95")]) is None
    judged = task("judge_score", "accuracy")
    kept = metric_of(judged, [gate("route.judge_score"), gate("route.accuracy")])
    assert kept is not None
    assert kept.spec.name == "accuracy"


def scored(*parts: float | None) -> list[Score]:
    missing = Failure(code="no-output")
    return [
        Score(example_id=str(i), system="c", task="route", metric="accuracy", status="unscored", failure=missing)
        if p is None
        else Score(example_id=str(i), system="c", task="route", metric="accuracy", parts=(p,))
        for i, p in enumerate(parts)
    ]


def test_an_item_of_a_mean_adds_its_value_and_one_without_a_score_counts_as_the_worst() -> None:
    accuracy = metric(MetricUse(name="accuracy"))
    assert shares(scored(1.0, None, 0.0), accuracy) == (1.0, 0.0, 0.0)
    assert shares(scored(), accuracy) == ()
    assert shares(scored(None), accuracy) == (0.0,)
    over = metric(MetricUse(name="over_refusal_rate"))  # lower is better
    assert shares(scored(1.0, None, 0.0), over) == (0.0, 0.0, 1.0)


def test_of_macro_f1_the_items_are_pseudo_values_whose_spread_is_the_jackknifes() -> None:
    macro, found, r = metric(MetricUse(name="macro_f1")), task("macro_f1", n=40), np.random.default_rng(3)
    said = [LABELS[int(k)] for k in r.integers(0, 2, 40)]
    scores = [
        macro.score(e, Prediction(example_id=e.id, system="c", task="route", output=s), found)
        for e, s in zip(found.splits["dev"], said, strict=True)
    ]
    values = np.asarray(shares(scores, macro))
    parts = np.asarray([score.parts for score in scores])
    whole, without = float(macro.combine(parts)), [float(macro.combine(np.delete(parts, i, 0))) for i in range(40)]
    jackknife = 39 / 40 * float(((np.asarray(without) - np.mean(without)) ** 2).sum())  # Efron 1982, (3.2)
    assert float(values.var(ddof=1)) / 40 == pytest.approx(jackknife, rel=1e-4)
    assert float(values.mean()) == pytest.approx(whole, abs=0.02)


def test_the_same_few_dev_items_are_asked_at_every_checkpoint_and_for_every_seed_of_a_recipe() -> None:
    few = examiner(task("accuracy"), dev_items=8)
    assert (few.metrics, few.n_items) == ({"route": "accuracy"}, {"route": 8})
    assert few.identity == examiner(task("accuracy"), dev_items=8).identity
    assert examiner(task("accuracy", n=5), dev_items=8).n_items == {"route": 5}
    assert examiner(task("accuracy"), dev_items=0).n_items == {}


def test_other_items_answers_metrics_or_texts_are_other_looks(tmp_path: Path) -> None:
    found, text = task("accuracy"), tmp_path / "text.txt"
    text.write_text("One.\n\nTwo.\n")
    relabelled = tuple(replace(e, label="b") for e in found.splits["dev"])
    all_identities = {
        examiner(found, dev_items=8).identity,
        examiner(found, dev_items=9).identity,
        examiner(found, dev_items=8, seed=2).identity,
        examiner(found, text, dev_items=8).identity,
        examiner(replace(found, splits={"dev": relabelled}), dev_items=8).identity,
    }
    assert len(all_identities) == 5


def test_the_text_of_the_package_has_thirty_short_paragraphs() -> None:
    documents = read_documents(general_text())
    assert len(documents) == 30
    assert all(15 < len(text.split()) < 60 for text in documents)
