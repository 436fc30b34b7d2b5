"""A recording without texts is judged as the whole one, and tells none of them."""

from pathlib import Path

import pytest
from fixtures_report import build_run
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from evalgate.core.content import content_digest, text_of
from evalgate.core.data import Example, Message, SliceSpec
from evalgate.core.results import TrainedRow
from evalgate.judging import judge_run
from evalgate.promoting.evidence import redacted_example, write_evidence
from evalgate.slices import slices_of
from evalgate.store import CAPABILITY, RunData, RunFolder, load_run
from evalgate.validity import leaked


def whole(n: int) -> RunData:
    """A run with capability, latency, costs, failures and hostile texts, with slices by all kinds and some leaks."""
    data = build_run(n)
    cut = SliceSpec(by=("tag", "label", "length", "cluster"), min_n=1)
    tasks = tuple(structs.replace(task, slices=cut) for task in data.run.suite.tasks)
    name = data.run.suite.tasks[0].name
    rows = [TrainedRow(id=f"t{i}", task=name, content_digest=content_digest(text_of(e)))
            for i, e in enumerate(data.examples[name][:3])]  # fmt: skip
    other = TrainedRow(id="new", task=name, content_digest="0" * 64)
    gates = tuple(gate for gate in data.run.gates if gate.metric_name != "macro_f1")
    run = structs.replace(data.run, suite=structs.replace(data.run.suite, tasks=tasks), gates=gates)
    return structs.replace(data, run=run, trained={data.run.candidates[0]: [*rows, other]}, decision=None)


@pytest.mark.slow
def test_a_recording_of_all_kinds_is_judged_alike_without_its_texts(tmp_path: Path) -> None:
    data = whole(40)
    write_evidence(data, RunFolder(tmp_path))
    again, said = judge_run(load_run(tmp_path)), judge_run(data)
    assert again == said
    assert {s.by for s in said.slices} >= {"length", "label"}
    assert "heldout-in-train" in {f.code for f in said.findings}
    shown = "".join(p.read_text() for p in tmp_path.rglob("*") if p.is_file() and p.name != "run.json")
    texts = {text_of(e) for task, rows in data.examples.items() if task != CAPABILITY for e in rows}
    texts |= {p.output for tasks in data.predictions.values() for rows in tasks.values() for p in rows if p.output}
    assert [text for text in texts if len(text) > 25 and text in shown] == []
    assert sum(len(text) > 25 for text in texts) > 40


texts = st.one_of(st.text(max_size=60), st.text("ab \n\u00a0", max_size=30))
examples = st.lists(
    st.one_of(
        st.dictionaries(st.sampled_from(["a", "b"]), texts, min_size=1),
        st.lists(texts, min_size=1, max_size=3).map(lambda ts: {"m": [Message(role="user", content=t) for t in ts]}),
    ),
    max_size=12,
).map(lambda rows: [Example(id=str(i), inputs=inputs) for i, inputs in enumerate(rows)])


@settings(max_examples=60, deadline=None)
@given(rows=examples)
def test_without_their_texts_examples_have_the_same_lengths(rows: list[Example]) -> None:
    bare = [redacted_example(row) for row in rows]
    assert slices_of(bare, ("length",)) == slices_of(rows, ("length",))
    # What differs goes on differing; texts of spaces alone are one text to the check for leaks.
    before, after = ([content_digest(text_of(e)) for e in some] for some in (rows, bare))
    assert all(a != b or x == y for x, a in zip(before, after, strict=True) for y, b in zip(before, after, strict=True))


WHOLE = whole(4)


@settings(max_examples=40, deadline=None)
@given(rows=examples, trained=st.sets(st.integers(0, 11)))
def test_a_leak_is_told_alike(tmp_path_factory: pytest.TempPathFactory, rows: list[Example], trained: set[int]) -> None:
    data, folder = WHOLE, tmp_path_factory.mktemp("leak")
    name, candidate = data.run.suite.tasks[0].name, data.run.candidates[0]
    seen = [TrainedRow(id=f"t{i}", task=name, content_digest=content_digest(text_of(rows[i])))
            for i in sorted(trained) if i < len(rows)]  # fmt: skip
    data = structs.replace(data, examples={name: rows}, trained={candidate: seen}, predictions={}, scores={})
    write_evidence(data, RunFolder(folder))
    assert list(leaked(load_run(folder))) == list(leaked(data))
