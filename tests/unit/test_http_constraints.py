"""A constraint goes to the server with the request; what comes back is checked, because a server may pass over it."""

import json
from pathlib import Path

import msgspec
import pytest
from faulty_server import FaultyServer
from hypothesis import given
from hypothesis import strategies as st
from recorder import Recorder

from evalgate.backends.http_client import Patience
from evalgate.backends.http_constraints import response_format, unquoted
from evalgate.backends.openai_http import OpenAIBackend
from evalgate.core.data import Message, Sampling, ServerSpec
from evalgate.core.errors import EvalgateError
from evalgate.core.prompts import AnswerRule, Constraint
from evalgate.core.protocols import Ask, Request
from evalgate.core.results import Generation, Prediction
from evalgate.execution.holding import keeps
from evalgate.execution.local import predict

SCHEMA = '{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"string"}},"required":["z"]}'
LABELS = '["late","refund","a \\"b\\""]'


def held(constraint: Constraint, grammar: str) -> Sampling:
    return Sampling(constraint=constraint, grammar=grammar)


def asks(sampling: Sampling, n: int = 3, rule: AnswerRule | None = None) -> list[Ask]:
    texts = [Message(role="user", content=f"q{i}") for i in range(n)]
    requests = [Request(messages=(text,), sampling=sampling) for text in texts]
    return [Ask(example_id=f"e{i}", request=r, digest="d", answer=rule) for i, r in enumerate(requests)]


class Listener(Recorder):
    """Remembers notes, too."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def answers(server: FaultyServer, asked: list[Ask], path: Path) -> tuple[list[Prediction], list[str]]:
    """What the server's answers are recorded as, and what is said of them."""
    progress = Listener()
    made = OpenAIBackend(ServerSpec(base_url=server.url), "base", patience=Patience(first_wait_s=0.01))
    try:
        found = list(predict(asked, system="s", task="t", adapter=None, backend=made, path=path, progress=progress))
    finally:
        made.close()
    return sorted(found, key=lambda p: p.example_id), progress.notes


def test_a_schema_is_sent_as_it_is_with_its_order_of_keys(tmp_path: Path) -> None:
    with FaultyServer().running() as server:
        server.holds = True
        found, notes = answers(server, asks(held("json_schema", SCHEMA)), tmp_path / "p.jsonl")
    sent = server.bodies[0]["response_format"]
    assert sent == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": json.loads(SCHEMA)},
    }
    assert list(sent["json_schema"]["schema"]["properties"]) == ["z", "a"]
    assert [p.output for p in found] == ['{"z": "x", "a": "x"}'] * 3
    assert {p.constraint_broken for p in found} == {msgspec.UNSET}
    assert notes == []


def test_a_choice_comes_back_without_the_quotes_of_json(tmp_path: Path) -> None:
    with FaultyServer().running() as server:
        server.holds = True
        found, notes = answers(server, asks(held("choices", LABELS)), tmp_path / "p.jsonl")
    sent = server.bodies[0]["response_format"]["json_schema"]  # type: ignore[index]
    assert sent["schema"] == {"type": "string", "enum": json.loads(LABELS)}
    assert [p.output for p in found] == ["late"] * 3
    assert notes == []


@pytest.mark.parametrize("sampling", [held("json_schema", SCHEMA), held("choices", LABELS)])
def test_a_server_that_passes_over_the_constraint_is_noticed_and_its_answers_are_kept(
    tmp_path: Path, sampling: Sampling
) -> None:
    with FaultyServer().running() as server:
        found, notes = answers(server, asks(sampling), tmp_path / "p.jsonl")
        again, silent = answers(server, asks(sampling), tmp_path / "p.jsonl")
    assert [(p.output, p.status, p.constraint_broken) for p in found] == [(f"base: q{i}", "ok", True) for i in range(3)]
    assert notes == [f"3 of 3 answers of s to t break the constraint {sampling.constraint}"]
    assert again == found
    assert silent == []


def test_without_a_constraint_nothing_is_sent_or_checked(tmp_path: Path) -> None:
    with FaultyServer().running() as server:
        found, notes = answers(server, asks(Sampling()), tmp_path / "p.jsonl")
    assert "response_format" not in server.bodies[0]
    assert {p.constraint_broken for p in found} == {msgspec.UNSET}
    assert b"constraint" not in (tmp_path / "p.jsonl").read_bytes()
    assert notes == []


def test_an_answer_that_is_looked_for_in_a_servers_text_is_scored_and_the_text_is_kept(tmp_path: Path) -> None:
    with FaultyServer().running() as server:
        found, _ = answers(server, asks(Sampling(), rule=AnswerRule(after="base:")), tmp_path / "p.jsonl")
        lost, _ = answers(server, asks(Sampling(), rule=AnswerRule(after="Answer:")), tmp_path / "q.jsonl")
    assert [(p.output, p.raw) for p in found] == [(f"q{i}", f"base: q{i}") for i in range(3)]
    assert [(p.output, p.raw) for p in lost] == [(None, f"base: q{i}") for i in range(3)]
    assert {p.failure.code for p in lost if p.failure} == {"no-answer"}


def test_a_constraint_that_the_server_refuses_ends_the_run_and_a_long_prompt_does_not(tmp_path: Path) -> None:
    with FaultyServer(lambda prompt, n: "422").running() as server:
        with pytest.raises(EvalgateError) as caught:
            answers(server, asks(held("json_schema", SCHEMA)), tmp_path / "p.jsonl")
        assert str(caught.value) == (
            "error[constraint-refused]: the server refuses the constraint `json_schema` with status 422: the JSON "
            f"schema has no `type`\n  at: {server.url}\n\n"
            "hint: simplify the schema, or take `constraint` out of every system of the task"
        )
        free, _ = answers(server, asks(Sampling()), tmp_path / "q.jsonl")
        assert {p.failure.code for p in free if p.failure} == {"http-422"}
    with FaultyServer(lambda prompt, n: "400").running() as server:
        long, _ = answers(server, asks(held("json_schema", SCHEMA)), tmp_path / "r.jsonl")
    assert {p.failure.code for p in long if p.failure} == {"prompt-too-long"}


@pytest.mark.parametrize(
    ("sampling", "text", "kept"),
    [
        (Sampling(), "anything", True),
        (held("json_schema", SCHEMA), ' {"z": "1"}\n', True),
        (held("json_schema", SCHEMA), '{"a": "1"}', False),
        (held("json_schema", SCHEMA), '```json\n{"z": "1"}\n```', False),
        (held("json_schema", SCHEMA), "[" * 100_000, False),
        (held("json_schema", SCHEMA), "", False),
        (held("choices", LABELS), " late ", True),
        (held("choices", LABELS), "Late", False),
        (held("choices", LABELS), "late refund", False),
    ],
)
def test_what_keeps_a_constraint(sampling: Sampling, text: str, kept: bool) -> None:
    assert keeps(sampling, text) is kept


@pytest.mark.parametrize(
    ("sampling", "text", "kept"),
    [
        (held("json_schema", SCHEMA), '{"z": "1', True),
        (held("json_schema", SCHEMA), "", True),
        (held("json_schema", SCHEMA), "Sure! Here", False),
        (held("json_schema", '{"minimum": 1}'), "1", True),
        (held("choices", LABELS), "ref", True),
        (held("choices", LABELS), '"ref', True),
        (held("choices", LABELS), "I think it is a ref", False),
    ],
)
def test_of_a_text_that_was_cut_its_beginning_counts(sampling: Sampling, text: str, kept: bool) -> None:
    assert keeps(sampling, text, cut=True) is kept


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5, unique=True), st.data())
def test_every_choice_survives_its_way_and_no_other_text_changes(labels: list[str], data: st.DataObject) -> None:
    sampling = held("choices", msgspec.json.encode(labels).decode())
    schema = json.loads(msgspec.json.encode(response_format(sampling)))["response_format"]["json_schema"]["schema"]
    assert schema["enum"] == labels
    choice = data.draw(st.sampled_from(labels))
    assert unquoted(Generation(output=json.dumps(choice)), sampling).output == choice
    other = data.draw(st.text().filter(lambda text: text not in labels))
    for answer in (Generation(output=other), Generation(output=json.dumps(other)), Generation(output=None)):
        bare = answer.output or ""
        quotes_a_choice = any(bare in (json.dumps(c), json.dumps(c, ensure_ascii=False)) for c in labels)
        assert quotes_a_choice or unquoted(answer, sampling) == answer
