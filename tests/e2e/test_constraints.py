"""Answers held to a schema or to labels by the decoder: always whole, whatever a random model would rather write."""

import json
from typing import Any

import pytest
from tiny_model import save_tiny_model

from evalgate.backends.constraints import problem_of
from evalgate.backends.hf import HFBackend
from evalgate.backends.lanes import lanes_for
from evalgate.backends.model_files import locate
from evalgate.core.data import Example, Message, MetricUse, ModelSpec, PromptSpec, Sampling, SystemSpec, Task, TaskSpec
from evalgate.core.protocols import Request
from evalgate.core.results import Generation
from evalgate.metrics.json_schema import failure_of
from evalgate.systems.prompt import constrained, prepare

pytestmark = pytest.mark.slow

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "order": {"type": "string", "pattern": "^BM-[0-9]{3}$"},
        "kind": {"enum": ["late", "broken"]},
        "n": {"type": "integer", "minimum": 1, "maximum": 99},
        "city": {"type": ["string", "null"], "maxLength": 6},
        "ask": {"type": "boolean"},
    },
    "required": ["order", "kind", "n", "city", "ask"],
    "additionalProperties": False,
}
LABELS = ["cancel order", "delivery", 'say "no"', "warranty"]
ROWS = tuple(Example(id=f"e{i}", inputs={"text": f"word {i} é" * (1 + i % 5)}, label=LABELS[i % 4]) for i in range(24))
SPEC = TaskSpec(
    name="t", kind="classification", data="t", metrics=(MetricUse(name="accuracy"),), output_schema="schema.json"
)
TASK = Task(spec=SPEC, splits={"heldout": ROWS}, schema=SCHEMA)


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> HFBackend:
    spec = ModelSpec(id=str(save_tiny_model(tmp_path_factory.mktemp("tiny"))))
    return HFBackend(spec, locate(spec))


def requests(**sampling: Any) -> list[Request]:
    prompt = PromptSpec(template="{{ text }}", sampling=Sampling(**{"max_tokens": 120, **sampling}))
    system = SystemSpec(name="s", kind="prompt", backend="hf", model="m", prompts={"t": prompt})
    return [ask.request for ask in prepare(system, TASK, ROWS)]


def answers(backend: HFBackend, asked: list[Request]) -> list[Generation]:
    return [generation for _, generation in sorted(backend.generate(asked), key=lambda pair: pair[0])]


@pytest.mark.parametrize("more", [{}, {"stop": ("\n",)}, {"temperature": 1.0, "top_p": 0.5}], ids=str)
def test_every_answer_keeps_the_schema(backend: HFBackend, more: dict[str, Any]) -> None:
    found = answers(backend, requests(constraint="json_schema", **more))
    assert [g.status for g in found] == ["ok"] * len(ROWS)
    assert [failure_of(str(g.output), SCHEMA) for g in found] == [None] * len(ROWS)
    assert len({g.output for g in found}) > 1, "what the prompt says still counts"
    assert list(json.loads(str(found[0].output))) == list(SCHEMA["properties"]), "in the order of the schema"


@pytest.mark.parametrize("more", [{}, {"stop": ("\n",)}, {"temperature": 1.0}], ids=str)
def test_every_answer_is_a_label(backend: HFBackend, more: dict[str, Any]) -> None:
    found = answers(backend, requests(constraint="choices", **more))
    assert {g.output for g in found} <= set(LABELS)
    assert {g.status for g in found} == {"ok"}
    assert "temperature" not in more or len({g.output for g in found}) > 1


def test_an_answer_that_was_cut_says_so(backend: HFBackend) -> None:
    found = answers(backend, requests(constraint="json_schema", max_tokens=20))
    assert {g.status for g in found} == {"truncated"}
    assert all(failure_of(str(g.output), SCHEMA) is not None for g in found)


def test_batches_do_not_change_what_is_answered(backend: HFBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = requests(constraint="json_schema")
    alone = [answers(backend, [request])[0].output for request in asked[:8]]
    assert [g.output for g in answers(backend, asked)][:8] == alone
    monkeypatch.setattr("evalgate.backends.hf.lanes_for", lambda device: 3)
    monkeypatch.setattr("evalgate.backends.memory.CPU_BATCH_ROWS", 6)
    assert [g.output for g in answers(backend, asked)][:8] == alone, "matchers are a batch's own"
    assert lanes_for("cpu") >= 1


def test_text_without_constraint_is_as_it_was(backend: HFBackend) -> None:
    free = requests()
    before = [g.output for g in answers(backend, free)]
    both = answers(backend, [*free, *requests(constraint="choices")])
    assert [g.output for g in both][: len(free)] == before
    assert {g.output for g in both[len(free) :]} <= set(LABELS)


def test_the_constraint_is_in_the_request() -> None:
    free, json_, choice = (requests(constraint=c)[0].sampling for c in ("none", "json_schema", "choices"))
    assert not free.grammar
    assert json.loads(str(json_.grammar)) == SCHEMA
    assert list(json.loads(str(json_.grammar))["properties"]) == list(SCHEMA["properties"])
    assert json.loads(str(choice.grammar)) == LABELS


@pytest.mark.parametrize(
    ("schema", "problem"),
    [(SCHEMA, None), ({"type": "object", "not": {}}, 'Unimplemented keys: ["not"]'), ({"type": "strng"}, "strng")],
    ids=["fits", "not", "type"],
)
def test_a_schema_that_cannot_be_kept_is_known_before(schema: dict[str, Any], problem: str | None) -> None:
    task = Task(spec=SPEC, splits={"heldout": ROWS}, schema=schema)
    found = problem_of(constrained(Sampling(constraint="json_schema"), task))
    assert (problem is None and found is None) or (problem or "") in str(found)


def test_a_matcher_that_gives_up_is_a_failure(backend: HFBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Sampling(constraint="json_schema", grammar='{"type": "strng"}', max_tokens=8)
    request = Request(messages=(Message(role="user", content="x"),), sampling=broken)
    [found] = answers(backend, [request])
    assert (found.output, found.status) == (None, "error")
    assert found.failure is not None
    assert found.failure.code == "constraint-failed"
    assert "strng" in found.failure.message
