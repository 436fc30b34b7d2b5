"""A candidate that looks passages up is trained and asked with them, and the knowledge base is its identity."""

from pathlib import Path

import pytest
from ledger_suite import bump, options, write_ledger_suite
from small_suite import rows_of, write_rows

from evalgate import planning
from evalgate.cli import run_cli
from evalgate.core.errors import UsageError
from evalgate.looks import candidate_digest, training_rows
from evalgate.planning import Plan, make_plan
from evalgate.systems.prompt import prepare

RAG = """\
name: rag
kind: rag
prompts:
  summarize: {template: zero-shot/text.j2}
  route: {template: zero-shot/text.j2, shots: 1}
  extract: {template: zero-shot/text.j2}
  redteam: {template: zero-shot/text.j2}
  policy_qa: {template: zero-shot/both.j2, retrieve: 1, shots: {n: 2, choose: nearest}}
"""
BOTH = "{% for p in passages %}[{{ p.text }}]{% endfor %}{% for s in shots %}<{{ s.text }}={{ s.answer }}>{% endfor %}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = write_ledger_suite(tmp_path, n=40)
    baselines = tmp_path / "baselines" / "desk"
    (baselines / "rag.yaml").write_text(RAG)
    (baselines / "zero-shot" / "both.j2").write_text(BOTH + "{{ text }}")
    recipe = folder / "candidates" / "good.yaml"
    recipe.write_text(recipe.read_text().replace("zero_shot.yaml", "rag.yaml"))
    passages = [{"id": f"p{i}", "title": "Rule", "text": f"rule {i} on message {i}"} for i in range(4)]
    write_rows(folder / "corpus" / "passages.jsonl", passages)
    bump(folder)
    return folder


def digest_of_candidate(plan: Plan) -> str:
    system = plan.run.systems["good"]
    rows = training_rows(system, plan.suite, "train", plan.retrievers)
    return candidate_digest(plan.recipes[0], system, rows, plan.binding.model)


def test_training_rows_and_questions_hold_passages_beside_examples(folder: Path) -> None:
    plan = make_plan(options(folder))
    system = plan.run.systems["good"]
    rows = {r.id: r for r in training_rows(system, plan.suite, "train", plan.retrievers) if r.task == "policy_qa"}
    assert len(rows) == 4
    for name, row in rows.items():
        i = name[-1]
        text = row.messages[-1].content
        assert text.startswith(f"[rule {i} on message {i}]")
        assert text.count("=30 days>") == 2, "two examples, with their answers"
        assert f"<train message {i}=" not in text, "not the row itself"
        assert row.completion == "30 days"
    task = plan.suite.tasks["policy_qa"]
    ask = prepare(system, task, plan.heldout("policy_qa")[2:3], plan.retrievers["policy_qa"])[0]
    assert ask.context_ids == ("p2",)
    assert ask.request.messages[-1].content.startswith("[rule 2 on message 2]")


def test_the_knowledge_base_is_part_of_the_candidate(folder: Path) -> None:
    before = make_plan(options(folder))
    assert before.run.systems["good"].retriever_digest == before.run.systems["rag"].retriever_digest
    assert before.run.systems["good"].retriever_digest is not None
    write_rows(
        folder / "corpus" / "passages.jsonl", [{"id": "p0", "title": "Rule", "text": "other rules on message 0"}]
    )
    bump(folder)
    after = make_plan(options(folder))
    assert after.run.systems["good"].retriever_digest != before.run.systems["good"].retriever_digest
    assert digest_of_candidate(after) != digest_of_candidate(before)
    assert after.run.id != before.run.id


def test_other_examples_to_choose_from_make_another_candidate(folder: Path) -> None:
    before = make_plan(options(folder))
    write_rows(folder / "policy_qa" / "train.jsonl", rows_of("policy_qa", "train", 5))
    bump(folder)
    assert digest_of_candidate(make_plan(options(folder))) != digest_of_candidate(before)


def test_a_schema_that_no_decoder_can_keep_is_told_of_before_anything_runs(folder: Path) -> None:
    (folder / "extract" / "schema.json").write_text('{"type": "object", "not": {"required": ["x"]}}')
    bump(folder)
    with pytest.raises(UsageError) as caught:
        make_plan(options(folder))
    assert str(caught.value) == (
        "error[bad-constraint]: system 'zero_shot' cannot hold its answers of task 'extract' to the constraint: "
        'Unimplemented keys: ["not"]\n'
        f"  at: {folder / '../../baselines/desk/zero_shot.yaml'}\n\n"
        "hint: simplify the schema, or take `constraint` out of every system of the task"
    )


def test_validate_tells_of_a_schema_that_no_decoder_can_keep(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "extract" / "schema.json").write_text('{"type": "object", "not": {"required": ["x"]}}')
    bump(folder)
    assert run_cli(["validate", str(folder)]) == 64
    assert (
        "error[bad-constraint]: system 'zero_shot' cannot hold its answers of task 'extract'" in capsys.readouterr().err
    )
    monkeypatch.setattr(planning, "find_spec", lambda name: None)
    assert run_cli(["validate", str(folder)]) == 0
    assert capsys.readouterr().err == (
        "constraints were not checked: that needs llguidance, which `pip install 'evalgate-harness[run]'` brings\n"
    )
