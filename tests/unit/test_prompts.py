"""From a system and an example to a request: shots, templates, the sandbox, identities, retrieval."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.core.content import text_of
from evalgate.core.data import (
    Example,
    Message,
    MetricUse,
    Passage,
    PromptDraft,
    PromptSpec,
    Sampling,
    SystemDraft,
    SystemSpec,
    Task,
    TaskSpec,
)
from evalgate.core.errors import UsageError
from evalgate.core.protocols import Ask
from evalgate.systems.prompt import bind, prepare
from evalgate.systems.retrieval import BM25Retriever
from evalgate.systems.shots import pick_shots

LABELS = ("delivery", "refund", "warranty")
TRAIN = tuple(
    Example(id=f"t{i}", inputs={"text": f"message {i}"}, label=LABELS[0] if i < 14 else LABELS[i % 3])
    for i in range(20)
)
SPEC = TaskSpec(name="route", kind="classification", data="route", metrics=(MetricUse(name="accuracy"),))
NAMES: dict[str, Any] = {"name": "s", "kind": "prompt", "backend": "hf", "model": "m"}
ONE = Example(id="e1", inputs={"text": "where is it"}, label="delivery")
TASK = Task(spec=SPEC, splits={"train": TRAIN, "heldout": (ONE,)})


def system(
    template: str = "{{ text }}", *, shots: tuple[str, ...] = (), retrieve: int = 0, **fields: Any
) -> SystemSpec:
    prompt = PromptSpec(template=template, shots=shots, retrieve=retrieve, sampling=Sampling(max_tokens=8))
    return SystemSpec(
        **{"name": "s", "kind": "prompt", "backend": "hf", "model": "m", **fields}, prompts={"route": prompt}
    )


def one(spec: SystemSpec, example: Example = ONE, **more: Any) -> Ask:
    return prepare(spec, TASK, [example], **more)[0]


def text(template: str, **more: Any) -> str:
    return one(system(template, **more)).request.messages[0].content


@given(st.integers(0, 20), st.integers(0, 5))
def test_shots_are_the_same_for_a_seed_and_a_longer_choice_begins_with_the_shorter(k: int, seed: int) -> None:
    picked = pick_shots(TRAIN, k, seed=seed, name="route")
    assert picked == pick_shots(TRAIN, k, seed=seed, name="route")
    assert len(set(picked)) == k
    assert pick_shots(TRAIN, 20, seed=seed, name="route")[:k] == picked


@given(st.integers(0, 30))
def test_labels_take_turns(seed: int) -> None:
    label = {e.id: e.label for e in TRAIN}
    picked = [label[i] for i in pick_shots(TRAIN, 6, seed=seed, name="route")]
    assert sorted(picked[:3]) == sorted(picked[3:]) == sorted(LABELS)


def test_another_seed_or_task_picks_others() -> None:
    choices = {pick_shots(TRAIN, 6, seed=s, name=n) for s in (1, 2, 3) for n in ("route", "extract")}
    assert len(choices) == 6


def test_too_few_examples_are_told_of() -> None:
    with pytest.raises(UsageError) as caught:
        pick_shots(TRAIN[:2], 3, seed=0, name="route")
    assert str(caught.value) == (
        "error[too-few-shots]: task 'route' has 2 training examples, but a prompt shows 3\n\n"
        "hint: lower `shots` in the system's YAML"
    )


def draft(**prompt: Any) -> SystemDraft:
    made = PromptDraft(**{"template": "{{ text }}", "template_path": "p.j2", **prompt})
    return SystemDraft(name="few", kind="prompt", prompts={"route": made}, path="few.yaml")


def test_a_draft_is_bound_to_shots_model_and_retriever() -> None:
    spec = bind(draft(shots=3), {"route": TASK}, model="m", model_digest="d", seed=1, retriever_digest="r")
    assert spec.prompts["route"].shots == pick_shots(TRAIN, 3, seed=1, name="route")
    assert (spec.model_digest, spec.retriever_digest) == ("d", None), "it looks nothing up"
    spec = bind(draft(retrieve=2), {"route": TASK}, model="m", model_digest="d", seed=1, retriever_digest="r")
    assert spec.retriever_digest == "r"
    named = bind(draft(shots=("t3", "t1")), {"route": TASK}, model="m", model_digest="d", seed=1)
    assert named.prompts["route"].shots == ("t3", "t1")


def test_shots_from_outside_the_training_split_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        bind(draft(shots=("t1", "e1")), {"route": TASK}, model="m", model_digest="d", seed=1)
    assert str(caught.value) == (
        "error[unknown-shot]: system 'few' shows examples that are not in the training split of 'route': ['e1']\n"
        "  at: few.yaml\n\nhint: name ids of the train split, or a number of examples to pick"
    )


def test_a_template_sees_the_example_the_shots_and_the_labels() -> None:
    template = "{% for s in shots %}{{ s.text }} => {{ s.answer }}\n{% endfor %}{{ labels|join('|') }}\n{{ text }}\n"
    assert text(template, shots=("t14", "t2")) == (
        "message 14 => warranty\nmessage 2 => delivery\ndelivery|refund|warranty\nwhere is it"
    )


def test_conversations_render_and_are_looked_up_turn_by_turn() -> None:
    turns = [Message(role="user", content="hi"), Message(role="assistant", content="hello")]
    example = Example(id="e2", inputs={"turns": turns, "note": "late"})
    made = one(system("{% for t in turns %}{{ t.role }}: {{ t.content }}\n{% endfor %}{{ note }}"), example)
    assert made.request.messages[0].content == "user: hi\nassistant: hello\nlate"
    assert text_of(example) == "hi\nhello\nlate"


def test_what_an_example_says_is_text_and_never_a_template() -> None:
    nasty = Example(id="e3", inputs={"text": "{{ labels }} <b>&</b> {% if %}"})
    assert one(system(), nasty).request.messages[0].content == "{{ labels }} <b>&</b> {% if %}"


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ text.__class__ }}",
        "{{ shots.append(1) }}{{ shots.__init__.__globals__ }}",
        "{{ (labels|attr('__class__')) }}",
        "{{ range(10000000)|list }}",
        "{{ '{0.__class__}'.format(text) }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ 1 / 0 }}",
        "{{ text + 1 }}",
    ],
)
def test_a_template_cannot_leave_the_sandbox_or_end_in_a_traceback(template: str) -> None:
    with pytest.raises(UsageError, match="bad-template"):
        text(template)


def test_a_field_that_is_not_there_is_told_of() -> None:
    with pytest.raises(UsageError) as caught:
        text("{{ txet }}")
    assert str(caught.value) == (
        "error[bad-template]: the template of system 's' cannot be rendered for example 'e1': 'txet' is undefined\n\n"
        "hint: use the example's fields ['text'] and `shots`, `passages`, `schema`, `labels`"
    )


BASE = {"model_digest": "d", "adapter_digest": "a", "quantization": "none"}


@pytest.mark.parametrize(
    "change",
    [{"model_digest": "other"}, {"adapter_digest": None}, {"adapter_digest": "b"}, {"quantization": "nf4"}],
    ids=str,
)
def test_the_digest_changes_with_the_weights(change: dict[str, Any]) -> None:
    assert one(system(**BASE)).digest != one(system(**BASE | change)).digest


def test_the_digest_changes_with_what_is_asked_and_not_with_names() -> None:
    mine = one(system(**BASE)).digest
    assert mine == one(system(**BASE, name="other", description="words", model="elsewhere")).digest
    assert mine == one(system("{{ text }}{# the same words #}", **BASE)).digest
    assert mine != one(system("Say: {{ text }}", **BASE)).digest
    assert mine != one(system(**BASE), Example(id="e1", inputs={"text": "other"})).digest
    longer = PromptSpec(template="{{ text }}", sampling=Sampling(max_tokens=9))
    assert (
        mine
        != one(SystemSpec(name="s", kind="prompt", backend="hf", model="m", prompts={"route": longer}, **BASE)).digest
    )


PASSAGES = (
    Passage(id="p0", title="Returns", text="You may return a sofa within 30 days."),
    Passage(id="p1", title="Delivery", text="A parcel takes 3 days."),
    Passage(id="p2", title="Same", text="twin words here"),
    Passage(id="p3", title="Same", text="twin words here"),
    Passage(id="p4", title="Warranty", text="Lamps have a warranty of 24 months."),
)


def found(query: str, k: int = 5) -> list[str]:
    return [p.id for p in BM25Retriever(PASSAGES).search([query], k)[0]]


@pytest.mark.parametrize(
    ("query", "first"),
    [("How long may I return sofas?", "p0"), ("PARCEL", "p1"), ("the lamp's warranty", "p4"), ("24", "p4")],
)
def test_the_passage_with_the_rare_words_comes_first(query: str, first: str) -> None:
    assert found(query)[0] == first


def test_ties_stand_in_the_corpus_order() -> None:
    assert found("twin")[:2] == ["p2", "p3"]
    assert found("zebra quux") == [p.id for p in PASSAGES]
    assert found("") == [p.id for p in PASSAGES]
    assert found("zebra parcel", 1) == ["p1"]


def test_no_more_than_all_and_each_query_for_itself() -> None:
    retriever = BM25Retriever(PASSAGES)
    together = retriever.search(["parcel", "zebra", "warranty"], 99)
    assert [len(row) for row in together] == [5, 5, 5]
    assert together == [retriever.search([q], 99)[0] for q in ("parcel", "zebra", "warranty")]


def test_the_retrievers_identity_is_that_of_its_passages() -> None:
    assert BM25Retriever(PASSAGES).digest == BM25Retriever(list(PASSAGES)).digest
    assert BM25Retriever(PASSAGES).digest != BM25Retriever(PASSAGES[:4]).digest


def test_a_task_without_passages_has_no_retriever() -> None:
    with pytest.raises(UsageError) as caught:
        BM25Retriever([])
    assert str(caught.value) == (
        "error[no-corpus]: a system retrieves passages, but the task has no corpus\n\n"
        "hint: add `corpus: corpus/passages.jsonl` to the task in suite.yaml, or remove `retrieve`"
    )


def test_found_passages_are_in_the_prompt_and_in_the_record() -> None:
    spec = system("{% for p in passages %}[{{ p.title }}] {{ p.text }}\n{% endfor %}{{ text }}", retrieve=1)
    made = one(spec, Example(id="q", inputs={"text": "parcel"}), retriever=BM25Retriever(PASSAGES))
    assert made.context_ids == ("p1",)
    assert made.request.messages[0].content == "[Delivery] A parcel takes 3 days.\nparcel"
