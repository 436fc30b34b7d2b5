"""Answers by likelihood: the label that the model would most likely write after the rendered chat."""

import math
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace
from test_hf_backend import answers, open_backend
from tiny_model import CONTEXT, save_adapter, save_tiny_model

from evalgate.backends.hf import HFBackend
from evalgate.core.data import Example, MetricUse, PromptSpec, Sampling, SystemSpec, Task, TaskSpec
from evalgate.core.protocols import Ask, Request
from evalgate.core.results import Generation, Prediction
from evalgate.execution.local import predict
from evalgate.systems.prompt import prepare

pytestmark = pytest.mark.slow

LABELS = ["cancel order", "delivery", 'say "no"', "warranty"]
SHARED = "Which intent has the message of the customer, please? "
ROWS = tuple(Example(id=f"e{i}", inputs={"text": f"word {i} é" * (1 + i % 5)}, label=LABELS[i % 4]) for i in range(24))
SPEC = TaskSpec(name="t", kind="classification", data="t", metrics=(MetricUse(name="accuracy"),))


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> HFBackend:
    folder = save_tiny_model(tmp_path_factory.mktemp("tiny"))
    found = open_backend(folder)
    found.add_adapter("a", save_adapter(folder, tmp_path_factory.mktemp("adapter"), 1))
    return found


def asks(labels: list[str] | None = None, template: str = SHARED + "{{ text }}", **sampling: Any) -> list[Ask]:
    rows = tuple(replace(row, label=labels[i % len(labels)]) for i, row in enumerate(ROWS)) if labels else ROWS
    task = Task(spec=SPEC, splits={"heldout": rows})
    prompt = PromptSpec(template=template, sampling=Sampling(**{"answer_by": "likelihood", **sampling}))
    system = SystemSpec(name="s", kind="prompt", backend="hf", model="m", prompts={"t": prompt})
    return prepare(system, task, rows)


def requests(labels: list[str] | None = None, **sampling: Any) -> list[Request]:
    return [ask.request for ask in asks(labels, **sampling)]


def next_token(backend: HFBackend, ids: list[int], adapter: str | None) -> Any:
    import torch

    with torch.inference_mode(), backend.using(adapter) as model:
        return torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0].double(), dim=-1)


def by_hand(backend: HFBackend, request: Request, label: str, adapter: str | None = None, ends: Any = None) -> float:
    """The label's likelihood from one whole forward over the chat in which it was answered."""
    turns = [{"role": "user", "content": request.messages[0].content}]
    start = backend.tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)["input_ids"]
    ids = [*start, *backend.tokenizer(" " + label, add_special_tokens=False).input_ids]
    rows = next_token(backend, ids, adapter)
    found = math.fsum(float(rows[k - 1, ids[k]]) for k in range(len(start), len(ids)))
    return found + (float(rows[-1, ends].exp().sum().log()) if ends else 0.0)


@pytest.mark.parametrize("adapter", [None, "a"])
def test_the_answer_is_the_likeliest_label_and_all_likelihoods_are_kept(
    backend: HFBackend, adapter: str | None
) -> None:
    asked = requests()
    found = answers(backend, asked, adapter)
    for request, answer in zip(asked, found, strict=True):
        wanted = {label: by_hand(backend, request, label, adapter) for label in LABELS}
        assert answer.label_logprobs == pytest.approx(wanted, abs=1e-4)
        assert answer.output == max(wanted, key=wanted.__getitem__)
        assert (answer.status, answer.prompt_bos) == ("ok", 1)
        assert answer.completion_tokens == len(f" {answer.output}")
    assert len({answer.output for answer in found}) > (adapter == "a"), "what the prompt says counts"


def test_batches_change_no_answer(backend: HFBackend) -> None:
    asked = requests()
    alone = [answers(backend, [request])[0] for request in asked]
    found = answers(backend, asked)
    assert [g.output for g in found] == [g.output for g in alone]
    for one, many in zip(alone, found, strict=True):
        assert many.label_logprobs == pytest.approx(one.label_logprobs, abs=1e-4)
        assert (one.latency_s or 0) > 0
        assert many.latency_s is None


def test_a_label_that_begins_another_counts_with_its_end(backend: HFBackend) -> None:
    labels = ["refund", "refund late", "warranty"]
    eos, line = backend.tokenizer.eos_token_id, backend.tokenizer("\n", add_special_tokens=False).input_ids[0]
    for stop, ends in (((), [eos]), (("\n",), [eos, line])):
        asked = requests(labels, stop=stop)[:6]
        for request, answer in zip(asked, answers(backend, asked), strict=True):
            wanted = {label: by_hand(backend, request, label, ends=ends) for label in labels}
            assert answer.label_logprobs == pytest.approx(wanted, abs=1e-4)


def test_the_same_question_twice_and_other_requests_among_them(backend: HFBackend) -> None:
    asked = requests()
    free = [replace(r, sampling=Sampling(max_tokens=6)) for r in asked[:3]]
    mixed = answers(backend, [asked[0], *free, asked[1], asked[0]])
    assert mixed[0] == mixed[-1]
    assert mixed[0].output == answers(backend, [asked[0]])[0].output
    assert [g.output for g in mixed[1:4]] == [g.output for g in answers(backend, free)]
    assert not mixed[1].label_logprobs


def test_a_prompt_without_room_for_the_longest_label_is_a_failure(backend: HFBackend) -> None:
    longest = max(len(f" {label}") for label in LABELS)
    used = answers(backend, requests(template="{{ 'x' }}")[:1])[0].prompt_tokens or 0
    room = CONTEXT - longest - used
    asked = [requests(template=f"{{{{ 'x' * {n + 1} }}}}")[0] for n in (room, room + 1)]
    fits, not_quite = answers(backend, asked)
    assert fits.output in LABELS
    assert not_quite.failure is not None
    assert not_quite.failure.code == "prompt-too-long"
    assert not_quite.failure.message == (
        f"{CONTEXT - longest + 1} prompt tokens and {longest} new ones exceed the context of {CONTEXT}"
    )


def test_how_it_is_answered_is_part_of_what_was_asked() -> None:
    likelihood, choices = asks()[0], asks(max_tokens=9)[0]
    free = asks(constraint="choices", answer_by=UNSET)[0]
    assert len({likelihood.digest, choices.digest, free.digest}) == 3
    assert likelihood.digest != asks(["a", "b"])[0].digest, "other labels are another question"


def test_likelihoods_are_recorded_with_the_answer(backend: HFBackend, tmp_path: Path) -> None:
    from recorder import Recorder

    from evalgate.files import read_lines

    path = tmp_path / "p.jsonl"
    given: dict[str, Any] = {"system": "s", "task": "t", "adapter": None, "backend": backend, "path": path}
    predictions = list(predict(asks(), **given, progress=Recorder()))
    assert read_lines(path, Prediction) == predictions
    for prediction in predictions:
        assert set(prediction.label_logprobs or {}) == set(LABELS)
        assert prediction.output == max(prediction.label_logprobs or {}, key=dict(prediction.label_logprobs or {}).get)


def test_a_template_that_thinks_before_answers_still_scores_the_label(tmp_path: Path) -> None:
    backend = open_backend(save_tiny_model(tmp_path))
    asked = requests()[:4]
    plain = backend.tokenizer.chat_template
    wanted = [by_hand(backend, r, "delivery") for r in asked]
    backend.tokenizer.chat_template = plain.replace("{% generation %} {{", "{% generation %}<think></think> {{")
    found = answers(backend, asked)
    assert [g.status for g in found] == ["ok"] * 4
    assert all(g.output in LABELS for g in found)
    first: Generation = found[0]
    assert (first.label_logprobs or {})["delivery"] != pytest.approx(wanted[0]), "no space before it: the bare label"
