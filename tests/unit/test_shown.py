"""A run keeps what reports show of prompts: the first ones in full, and every passage that was retrieved."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace
from test_job_e2e_fake import run, say, suite  # noqa: F401

from evalgate.backends.fake import FakeBackend
from evalgate.core.data import Passage, PromptSpec, Sampling, SystemSpec, Task, TaskSpec
from evalgate.core.prompts import Chunk, Index
from evalgate.core.protocols import Ask, Request
from evalgate.store import load_run
from evalgate.systems.retrieval import chunks
from evalgate.systems.shown import N_PROMPTS, shown_of


def test_a_run_keeps_prompts_and_passages_and_the_page_shows_them(suite: Path) -> None:  # noqa: F811
    backend = FakeBackend(say)
    run(suite, backend)
    folder = suite.parents[1] / "run"
    shown = {(s.system, s.task): s for s in load_run(folder).shown}
    assert {system for system, _ in shown} == {"zero_shot", "rag"}
    asked = {prompt for _, prompt in backend.asked}
    assert all(text in asked for s in shown.values() for text in s.prompts.values())
    assert [*shown["zero_shot", "route"].prompts] == [f"route-heldout-{i}" for i in range(N_PROMPTS)]
    assert [p.id for p in shown["rag", "policy_qa"].passages] == ["p1"]
    assert shown["zero_shot", "policy_qa"].passages == ()
    page = (folder / "report.html").read_text("utf-8")
    assert "What each system was shown for <code>policy_qa-heldout-0</code>" in page
    assert shown["rag", "policy_qa"].passages[0].text in page


def test_pieces_of_passages_are_kept_as_they_were_shown() -> None:
    long = Passage(id="p", title="Long", text=" ".join(f"w{i}" for i in range(100)))
    index = Index(chunk=Chunk(words=30, overlap=5))
    system = SystemSpec(
        name="rag", kind="rag", backend="fake", model="m", prompts={"t": PromptSpec(template="", index=index)}
    )
    task = Task(spec=TaskSpec(name="t", kind="qa", data="t", metrics=()), splits={}, corpus=(long,))
    ask = Ask(example_id="e", request=Request(messages=(), sampling=Sampling()), context_ids=("p#2", "gone"))
    found = shown_of(system, task, [ask])
    assert index.chunk is not None
    assert found.passages == (chunks([long], index.chunk)[1],) and found.prompts == {"e": ""}
    recorded = shown_of(replace(system, prompts={}), task, [ask])
    assert (recorded.prompts, recorded.passages) == ({}, ())
