"""Which examples a prompt shows: fixed, random for each question, nearest to it; never the question itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_suite import write_suite

from evalgate.config import load_suite_spec, load_systems
from evalgate.core.data import (
    Example,
    Message,
    MetricUse,
    Passage,
    PromptDraft,
    PromptSearch,
    PromptSpec,
    Sampling,
    SystemDraft,
    SystemSpec,
    Task,
    TaskSpec,
)
from evalgate.core.errors import UsageError
from evalgate.core.prompts import Shots
from evalgate.core.protocols import Array, Request, Retriever
from evalgate.core.record import digest_of
from evalgate.systems.prompt import bind, prepare
from evalgate.systems.retrieval import BM25Retriever, encoders_of, open_retrievers, shots_name
from evalgate.systems.shots import shots_for

THINGS = ("lamp", "sofa", "chair", "table", "shelf", "rug")
TRAIN = tuple(
    Example(id=f"t{i}", inputs={"text": f"the {THINGS[i % 6]} number {i} is late"}, label=("a", "b")[i % 2])
    for i in range(24)
)
DEV = tuple(Example(id=f"d{i}", inputs={"text": f"dev {THINGS[i]}"}, label="a") for i in range(6))
ASKED = tuple(Example(id=f"h{i}", inputs={"text": f"where is my {THINGS[i % 6]} {i}"}, label="a") for i in range(8))
SPEC = TaskSpec(name="route", kind="classification", data="route", metrics=(MetricUse(name="accuracy"),))
TASK = Task(spec=SPEC, splits={"train": TRAIN, "dev": DEV, "heldout": ASKED})
# Of the records in `test_what_was_written_before_keeps_its_digests`, before prompts could choose examples.
DIGESTS = ["aaacdc64209a", "63b9ec81e5b8", "20a6544e4b28", "3f5d6caf8173"]
SHOW = "{% for s in shots %}<{{ s.text }}={{ s.answer }}>{% endfor %}{% for p in passages %}[{{ p.text }}]{% endfor %}"


def system(shots: Any, *, seed: int = 1, retrieve: int = 0, task: Task = TASK) -> SystemSpec:
    prompt = PromptDraft(template=SHOW + "{{ text }}", template_path="p.j2", shots=shots, retrieve=retrieve)
    made = SystemDraft(name="few", kind="prompt", prompts={"route": prompt}, path="few.yaml")
    return bind(made, {"route": task}, model="m", model_digest="d", seed=seed)


def shown(spec: SystemSpec, examples: tuple[Example, ...] = ASKED, task: Task = TASK) -> list[list[str]]:
    by_text = {f"{e.inputs['text']}={e.label}": e.id for rows in task.splits.values() for e in rows}
    texts = [ask.request.messages[0].content for ask in prepare(spec, task, examples)]
    return [[by_text[part.partition(">")[0]] for part in text.split("<")[1:]] for text in texts]


def test_what_was_written_before_keeps_its_digests() -> None:
    """Stored runs and lock files are found by these; a field that is left out may not change them."""
    prompt = PromptSpec(
        template="{{ text }}", shots=("a", "b"), retrieve=2, sampling=Sampling(max_tokens=9, stop=("\n",))
    )
    draft = PromptDraft(template="{{ text }}", template_path="t.j2", shots=3)
    task = TaskSpec(name="t", kind="qa", data="t", metrics=(MetricUse(name="exact_match"),))
    request = Request(messages=(Message(role="user", content="hi"),), sampling=Sampling())
    assert [digest_of(x)[:12] for x in (prompt, draft, task, request)] == DIGESTS


def test_the_mapping_that_says_what_a_number_says_is_the_same_system() -> None:
    assert system(Shots(n=3)) == system(3)


@pytest.mark.parametrize(("n", "seed"), [(1, 0), (2, 3), (6, 1)])
def test_random_shots_differ_between_questions_and_are_the_same_for_a_seed(n: int, seed: int) -> None:
    spec = system(Shots(n=n, choose="random"), seed=seed)
    found = shown(spec)
    assert found == shown(spec)
    assert found[::-1] == shown(spec, ASKED[::-1]), "they do not depend on what else is asked"
    assert all(len(set(ids)) == n for ids in found)
    assert len({tuple(ids) for ids in found}) > 1
    assert {i for ids in found for i in ids} <= {e.id for e in TRAIN}


def test_random_shots_take_labels_in_turn() -> None:
    labels = {e.id: e.label for e in TRAIN}
    for ids in shown(system(Shots(n=4, choose="random"))):
        assert sorted(str(labels[i]) for i in ids) == ["a", "a", "b", "b"]


def test_the_nearest_examples_are_about_the_same_thing_and_the_nearest_stands_last() -> None:
    for example, ids in zip(ASKED, shown(system(Shots(n=3, choose="nearest"))), strict=True):
        thing = THINGS[int(example.id[1:]) % 6]
        assert all(thing in str(e.inputs["text"]) for e in TRAIN if e.id in ids)
    same_words = Example(id="q", inputs={"text": "the rug number 11 is late!"})
    assert shown(system(Shots(n=2, choose="nearest")), (same_words,))[0][-1] == "t11"


@pytest.mark.parametrize("choose", ["fixed", "random", "nearest"])
def test_an_example_is_never_shown_to_itself(choose: Any) -> None:
    spec = system(Shots(n=24, choose=choose))
    for example, ids in zip(TRAIN, shown(spec, TRAIN), strict=True):
        assert example.id not in ids
        assert len(ids) == 23
    copy = Example(id="copy", inputs={"text": "The  lamp number 0 is LATE"})
    if choose == "nearest":
        assert "t0" not in shown(system(Shots(n=23, choose=choose)), (copy,))[0]


def test_the_pool_is_train_or_a_declared_dev_and_is_in_the_identity() -> None:
    bare = Task(spec=SPEC, splits={"dev": DEV, "heldout": ASKED})
    for choose in ("fixed", "random", "nearest"):
        spec = system(Shots(n=2, choose=choose, pool="dev"), task=bare)  # type: ignore[arg-type]
        assert {i for ids in shown(spec, task=bare) for i in ids} <= {e.id for e in DEV}
    less = Task(spec=SPEC, splits={"train": TRAIN[:-1], "heldout": ASKED})
    for choose in ("random", "nearest"):
        asked = Shots(n=2, choose=choose)  # type: ignore[arg-type]
        assert digest_of(system(asked)) == digest_of(system(asked))
        assert digest_of(system(asked)) != digest_of(system(asked, task=less))
    assert digest_of(system(Shots(n=2, choose="random"))) != digest_of(system(Shots(n=2, choose="random"), seed=2))
    assert digest_of(system(Shots(n=2, choose="nearest"))) == digest_of(system(Shots(n=2, choose="nearest"), seed=2))


def test_a_request_is_another_one_with_other_shots() -> None:
    one, two = (prepare(system(Shots(n=2, choose="random"), seed=s), TASK, ASKED[:1])[0] for s in (1, 2))
    assert one.digest != two.digest


def test_more_shots_than_the_pool_has_are_told_of() -> None:
    with pytest.raises(UsageError) as caught:
        system(Shots(n=25, choose="nearest"))
    assert str(caught.value) == (
        "error[too-few-shots]: task 'route' has 24 training examples, but a prompt shows 25\n\n"
        "hint: lower `shots` in the system's YAML"
    )


def test_shots_stand_beside_passages() -> None:
    passages = (Passage(id="p0", title="Lamps", text="lamp rules"), Passage(id="p1", title="Sofas", text="sofa rules"))
    spec = system(Shots(n=1, choose="nearest"), retrieve=1)
    asks = prepare(spec, TASK, ASKED[:2], BM25Retriever(passages))
    assert [ask.context_ids for ask in asks] == [("p0",), ("p1",)]
    for ask, thing in zip(asks, ("lamp", "sofa"), strict=True):
        text = ask.request.messages[0].content
        assert f"[{thing} rules]" in text
        assert f"<the {thing} number" in text


def prompts_of(root: Path, shots: str) -> PromptDraft:
    suite = load_suite_spec(root / "suites" / "desk")
    (root / "baselines" / "desk" / "zero_shot.yaml").write_text(
        f"kind: prompt\nprompts:\n  route: {{template: zero-shot/text.j2, shots: {shots}}}\n"
        "  summarize: {template: zero-shot/text.j2}\n  extract: {template: zero-shot/text.j2}\n"
        "  redteam: {template: zero-shot/text.j2}\n"
    )
    return load_systems(root / "baselines" / "desk", suite)[0].prompts["route"]


def test_the_yaml_says_how_many_from_where_and_how(tmp_path: Path) -> None:
    write_suite(tmp_path)
    assert prompts_of(tmp_path, "{n: 3, choose: nearest}").shots == Shots(n=3, choose="nearest")
    assert prompts_of(tmp_path, "{n: 3, from: train}").shots == 3
    assert prompts_of(tmp_path, "3").shots == 3
    asked = Shots(n=3, choose="nearest", encoder="m/e")
    assert prompts_of(tmp_path, "{n: 3, choose: nearest, encoder: m/e}").shots == asked
    assert prompts_of(tmp_path, "[b, a]").shots == ("b", "a")


@pytest.mark.parametrize(
    ("shots", "problem"),
    [
        (
            "{n: 3, choose: closest}",
            "prompts.route.shots.choose: 'closest' is not allowed; known: fixed, nearest, random",
        ),
        ("{n: 3, chose: nearest}", "prompts.route.shots.chose: unknown key; did you mean 'choose'?"),
        ("{n: 3, from: heldout}", "prompts.route.shots.from: 'heldout' is not allowed; known: dev, train"),
        ("{n: 3, from: dev}", "examples come from train where a task has one: dev is for choosing between prompts"),
        ("{ids: [a]}", "prompts.route.shots: write ids as a plain list: `shots: [id, id]`"),
        (
            "{n: 3, encoder: e}",
            "prompts.route.shots: `encoder`, a model's folder seen from the suite's, belongs to `choose: nearest`",
        ),
        ("{choose: nearest}", "prompts.route.shots.n: this key is missing"),
    ],
)
def test_what_is_wrong_with_shots_is_said_at_its_line(tmp_path: Path, shots: str, problem: str) -> None:
    write_suite(tmp_path)
    with pytest.raises(UsageError, match="bad-config") as caught:
        prompts_of(tmp_path, shots)
    assert problem in str(caught.value)
    assert "zero_shot.yaml:3" in str(caught.value)


LETTERS = "abcdefghijklmnopqrstuvwxyz"


def encode(texts: Sequence[str]) -> Array:
    """Counts of letters: what is spelled alike is near, whatever the words."""
    rows = np.array([[text.lower().count(c) for c in LETTERS] for text in texts], dtype=float)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def by_encoder(shots: Shots, digest: str = "e") -> tuple[SystemSpec, dict[str, Retriever]]:
    prompt = PromptDraft(template=SHOW + "{{ text }}", template_path="p.j2", shots=shots)
    draft = SystemDraft(name="few", kind="prompt", prompts={"route": prompt}, path="few.yaml")
    found = open_retrievers([draft], {"route": TASK}, lambda name: (encode, f"{name} {digest}"))
    finders = {name: retriever.digest for name, retriever in found.items()}
    return bind(draft, {"route": TASK}, model="m", model_digest="d", seed=1, finders=finders), found


def test_nearest_examples_may_be_found_by_an_encoder() -> None:
    anagram = Example(id="q", inputs={"text": "eht mpal rebmun 6 si etal"})  # no word in common with any example
    spec, found = by_encoder(Shots(n=2, choose="nearest", encoder="models/e"))
    [(name, finder)] = found.items()
    assert name == shots_name("route", spec.prompts["route"])
    text = prepare(spec, TASK, [anagram], None, finder)[0].request.messages[0].content
    assert text.count("<the lamp number") == 2
    assert name not in open_retrievers([], {"route": TASK}, lambda name: (encode, name))
    for example, ids in zip(
        TRAIN, [[s.id for s in row] for row in shots_for(spec.prompts["route"], TASK, TRAIN, finder)], strict=True
    ):
        assert example.id not in ids
        assert len(ids) == 2


def test_the_encoder_is_part_of_the_identity() -> None:
    shots = Shots(n=2, choose="nearest", encoder="models/e")
    one, other = by_encoder(shots)[0], by_encoder(shots, "changed")[0]
    assert digest_of(one) == digest_of(by_encoder(shots)[0])
    assert digest_of(one) != digest_of(other), "another encoder in the same folder"
    assert digest_of(one) != digest_of(system(Shots(n=2, choose="nearest")))


def test_encoders_are_opened_once_and_for_what_a_search_may_choose() -> None:
    opened: list[str] = []

    def open_it(name: str) -> tuple[Any, str]:
        opened.append(name)
        return encode, name

    variants = tuple(
        PromptDraft(
            template=f"{{{{ text }}}} {n}", template_path="p.j2", shots=Shots(n=n, choose="nearest", encoder="e")
        )
        for n in (1, 2)
    )
    prompt = PromptDraft(template="{{ text }}", template_path="p.j2", search=PromptSearch(grid=variants, budget=2))
    draft = SystemDraft(name="few", kind="prompt", prompts={"route": prompt})
    assert len(open_retrievers([draft], {"route": TASK}, open_it)) == 1
    assert opened == encoders_of([draft]) == ["e"]
