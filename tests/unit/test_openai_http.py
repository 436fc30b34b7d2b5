"""The HTTP backend against a server that misbehaves: every example is answered or says why, and counts once."""

import contextlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from faulty_server import Fault, FaultyServer, Plan, fine
from recorder import Recorder

from evalgate.backends.http_client import Patience
from evalgate.backends.openai_http import OpenAIBackend
from evalgate.core.data import Message, Sampling, ServerSpec
from evalgate.core.errors import EvalgateError
from evalgate.core.protocols import Ask, Request
from evalgate.core.results import Generation
from evalgate.execution.local import predict

HASTY = Patience(first_wait_s=0.01, longest_wait_s=0.05)


def request(text: str, **sampling: Any) -> Request:
    return Request(messages=(Message(role="user", content=text),), sampling=Sampling(**sampling))


@contextlib.contextmanager
def backend(server: FaultyServer, patience: Patience = HASTY, **keys: Any) -> Iterator[OpenAIBackend]:
    spec = ServerSpec(base_url=server.url, **{"timeout_s": 5.0, "max_concurrency": 16, **keys})
    made = OpenAIBackend(spec, "base", patience=patience)
    try:
        yield made
    finally:
        made.close()


def ask(plan: Plan, n: int, patience: Patience = HASTY, **keys: Any) -> tuple[dict[int, Generation], FaultyServer]:
    """All answers of n requests; an index that comes twice fails the test."""
    found: dict[int, Generation] = {}
    with FaultyServer(plan).running() as server, backend(server, patience, **keys) as made:
        for index, answer in made.generate([request(f"q{i}") for i in range(n)]):
            assert index not in found
            found[index] = answer
    return found, server


def test_every_request_is_answered_once() -> None:
    found, server = ask(fine, 300)
    assert {i: a.output for i, a in found.items()} == {i: f"base: q{i}" for i in range(300)}
    assert set(server.asked.values()) == {1}
    assert (found[0].prompt_tokens, found[0].completion_tokens) == (3, 2)
    assert found[0].latency_s is not None and found[0].n_retries == 0


@pytest.mark.parametrize("fault", [("429", 0.05), "429", "500", "503", "half", "bad-json", "drop"])
def test_no_fault_loses_or_doubles_an_example(fault: Fault) -> None:
    found, server = ask(lambda prompt, n: fault if n == 0 and int(prompt[1:]) % 3 == 0 else "ok", 60)
    assert {i: a.output for i, a in found.items()} == {i: f"base: q{i}" for i in range(60)}
    assert set(server.answered.values()) == {1}
    assert {a.n_retries for i, a in found.items() if i % 3 == 0} == {1}


def test_a_stall_ends_at_the_timeout_and_is_tried_again() -> None:
    stall = lambda prompt, n: ("stall", 3.0) if n == 0 and prompt in ("q1", "q7") else "ok"  # noqa: E731
    found, _ = ask(stall, 20, timeout_s=0.3)
    assert {a.status for a in found.values()} == {"ok"}
    assert [i for i, a in sorted(found.items()) if a.n_retries] == [1, 7]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [
        ("500", "http-5xx", "status 500: it is 500 (3 tries)"),
        ("bad-json", "bad-json", "the reply cannot be read (Expecting value"),
        ("half", "truncated-stream", "the connection was closed in the middle of the reply (3 tries)"),
        (("stall", 1.0), "timeout", "no answer within 0.2 s (3 tries)"),
        ("400", "prompt-too-long", "maximum context length is 8 tokens"),
        ("418", "http-418", "it is 418"),
    ],
)
def test_what_stays_broken_is_a_failure_with_its_reason(fault: Fault, code: str, message: str) -> None:
    patience = msgspec.structs.replace(HASTY, tries=3)
    found, _ = ask(lambda prompt, n: fault if prompt == "q2" else "ok", 5, patience, timeout_s=0.2)
    assert sorted(found) == [0, 1, 2, 3, 4]
    bad = found.pop(2)
    assert (bad.status, bad.output) == ("error", None)
    assert bad.failure is not None
    assert bad.failure.code == code
    assert bad.failure.message.startswith(message)
    assert {a.status for a in found.values()} == {"ok"}


def test_a_busy_server_is_waited_for_beyond_the_tries() -> None:
    patience = msgspec.structs.replace(HASTY, tries=2)
    found, _ = ask(lambda prompt, n: ("429", 0.01) if n < 5 else "ok", 3, patience)
    assert {a.n_retries for a in found.values()} == {5}
    found, _ = ask(lambda prompt, n: "429", 1, msgspec.structs.replace(HASTY, busy_s=0.1))
    assert found[0].failure is not None
    assert found[0].failure.code == "http-429"


def test_a_server_that_is_gone_is_one_error_and_no_examples_failures() -> None:
    with FaultyServer().running() as server:
        spec = ServerSpec(base_url=server.url, max_concurrency=4)
        made = OpenAIBackend(spec, "base", patience=msgspec.structs.replace(HASTY, tries=2, lost_after=5))
    try:
        with pytest.raises(EvalgateError) as caught:
            list(made.generate([request(f"q{i}") for i in range(50)]))
    finally:
        made.close()
    assert caught.value.code == "server-lost"
    assert caught.value.what.startswith("the server has left 5 requests in a row unanswered, the last with connection")


def test_surrogates_and_bytes_that_are_no_utf8_are_replaced_and_can_be_written() -> None:
    found, _ = ask(lambda prompt, n: "surrogate", 1)
    assert found[0].output == "base: \ufffd \ufffd \U0001f600"
    assert msgspec.json.encode(found[0])


def test_a_single_call_is_streamed_and_its_first_token_timed() -> None:
    with FaultyServer().running() as server, backend(server) as made:
        [(_, answer)] = made.generate([request("hello", max_tokens=9, stop=("\n",))])
    assert answer.output == "base: hello"
    assert answer.first_token_s is not None and answer.latency_s is not None
    assert 0 < answer.first_token_s < answer.latency_s
    assert answer.completion_tokens == 2
    body = server.bodies[-1]
    assert body == {
        "model": "base",
        "messages": [{"role": "user", "content": "hello"}],
        "temperature": 0.0,
        "max_tokens": 9,
        "stream": True,
        "stop": ["\n"],
        "stream_options": {"include_usage": True},
    }


def test_a_stream_that_breaks_off_is_asked_again_and_a_server_without_stream_options_is_met() -> None:
    plan: Plan = lambda prompt, n: "half-stream" if n == 0 else "no-options" if prompt == "q1" else "ok"  # noqa: E731
    found, server = ask(plan, 2, stream="always")
    assert [found[i].output for i in (0, 1)] == ["base: q0", "base: q1"]
    assert set(server.answered.values()) == {1}


@pytest.mark.slow
def test_concurrency_falls_under_429_and_never_passes_its_limit() -> None:
    turn = itertools.count()
    with FaultyServer(lambda prompt, n: "429" if next(turn) % 3 == 0 and n < 3 else "ok").running() as server:
        server.delay_s = 0.005
        with backend(server, max_concurrency=12) as made:
            found = dict(made.generate([request(f"q{i}") for i in range(100)]))
            assert made._client.pace.lowest < 6
    assert {a.status for a in found.values()} == {"ok"}
    assert 2 <= server.busiest <= 12


def test_the_wait_that_the_server_asks_for_is_kept_by_all() -> None:
    found, _ = ask(lambda prompt, n: ("429", 0.3) if n == 0 and prompt == "q0" else "ok", 1)
    assert found[0].n_retries == 1
    assert found[0].latency_s is not None
    assert found[0].latency_s < 0.25, "the wait is not the answer's time"


def test_a_stopped_caller_leaves_nothing_running_and_a_second_one_is_served() -> None:
    with FaultyServer().running() as server, backend(server, max_concurrency=4) as made:
        server.delay_s = 0.01
        answers = made.generate([request(f"q{i}") for i in range(1000)])
        for _ in range(5):
            next(answers)
        answers.close()
        [(_, answer)] = made.generate([request("again")])
        assert answer.output == "base: again"
        assert sum(server.asked.values()) < 100


def test_a_slow_caller_keeps_memory_flat() -> None:
    with FaultyServer().running() as server, backend(server, max_concurrency=2) as made:
        answers = made.generate([request(f"q{i}") for i in range(200)])
        next(answers)
        import time

        time.sleep(0.3)
        assert sum(server.asked.values()) <= 2 * 4 + 2 + 1 + 1
        assert len(list(answers)) == 199


def test_a_killed_run_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    asks = [Ask(example_id=f"e{i}", request=request(f"q{i}"), digest="d") for i in range(40)]
    path = tmp_path / "p.jsonl"

    with FaultyServer(lambda prompt, n: "500" if n == 0 else "ok").running() as server:
        kept: dict[str, Any] = {"system": "s", "task": "t", "adapter": None, "path": path, "progress": Recorder()}
        with backend(server) as made:
            answers = predict(asks, backend=made, **kept)
            first = [next(answers).example_id for _ in range(10)]
            answers.close()
        with path.open("ab") as file:
            file.write(b'{"example_id": "e')
        with backend(server) as made:
            done = [p.example_id for p in predict(asks, backend=made, **kept)]
    assert done[:10] == sorted(first, key=lambda e: int(e[1:]))
    assert sorted(done) == sorted(a.example_id for a in asks)
    lines = [json.loads(line)["example_id"] for line in path.read_text().splitlines()]
    assert sorted(lines) == sorted(a.example_id for a in asks)


def test_adapters_are_models_by_name() -> None:
    with FaultyServer().running() as server, backend(server) as made:
        made.add_adapter("mine", "tuned")
        assert dict(made.generate([request("a"), request("b")], adapter="mine"))[1].output == "tuned: b"
        with pytest.raises(KeyError):
            next(made.generate([request("a")], adapter="other"))
        with pytest.raises(EvalgateError) as caught:
            made.loglikelihood([("a", "b")])
    assert str(caught.value) == (
        "error[no-likelihood]: a model behind an API does not give the likelihood of a given text\n\n"
        "hint: name a model of `backend: hf`, or take what needs it (capability, training) out of the suite"
    )


def test_identity_says_what_the_server_lists() -> None:
    with FaultyServer().running() as server, backend(server) as made:
        assert made.identity == {
            "backend": "openai_http",
            "device": "server",
            "server": server.url,
            "model": "base",
            "listed": '{"owned_by":"test"}',
        }


def test_a_server_that_is_not_there_is_one_error() -> None:
    with FaultyServer().running() as server:
        url = server.url
    with pytest.raises(EvalgateError) as caught:
        OpenAIBackend(ServerSpec(base_url=url), "base")
    assert caught.value.code == "server-unreachable"
    assert caught.value.what.startswith("the server cannot be reached: Cannot connect to host 127.0.0.1:")
    assert caught.value.fix == "start it, or correct `model.base_url` in suite.yaml (it ends with /v1 for most servers)"
    assert caught.value.where == url


def test_a_model_that_is_not_listed_is_tried_and_refused_by_name() -> None:
    with FaultyServer(lambda p, n: "404", models=None).running() as server, pytest.raises(EvalgateError) as caught:
        OpenAIBackend(ServerSpec(base_url=server.url), "nobody")
    assert str(caught.value) == (
        f"error[api-refused]: the server refuses with status 404: it is 404\n  at: {server.url}\n\n"
        "hint: correct `model.id` in suite.yaml (or `model` in the candidate's file): the server does not know 'nobody'"
    )
    with FaultyServer(models=()).running() as server, backend(server) as made:
        assert made.identity["listed"] == "no"


def test_the_key_comes_from_the_environment_and_is_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultyServer().running() as server:
        server.key = "sk-secret"
        monkeypatch.setenv("DESK_KEY", "sk-wrong")
        with pytest.raises(EvalgateError) as caught:
            OpenAIBackend(ServerSpec(base_url=server.url, api_key_env="DESK_KEY"), "base")
        assert caught.value.what == "the server refuses with status 401: Incorrect API key provided: ***"
        monkeypatch.setenv("DESK_KEY", "sk-secret")
        with backend(server, api_key_env="DESK_KEY") as made:
            server.key = "sk-other"
            with pytest.raises(EvalgateError) as caught:
                list(made.generate([request("a"), request("b")]))
        assert "sk-" not in str(caught.value)
    monkeypatch.delenv("DESK_KEY")
    with pytest.raises(EvalgateError) as caught:
        OpenAIBackend(ServerSpec(base_url="http://127.0.0.1:1/v1", api_key_env="DESK_KEY"), "base")
    assert str(caught.value) == (
        "error[api-key-missing]: the environment variable DESK_KEY, which should hold the API key, is not set\n"
        "  at: suite.yaml: model.api_key_env\n\n"
        "hint: export DESK_KEY=…, or take `api_key_env` out of suite.yaml for a server without keys"
    )
