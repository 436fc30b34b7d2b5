"""The HTTP backend against a real server: `transformers serve` with a tiny model."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from recorder import Recorder
from tiny_model import save_tiny_model

from evalgate.backends.openai_http import OpenAIBackend
from evalgate.core.data import Message, ModelSpec, Sampling, ServerSpec
from evalgate.core.protocols import Ask, Request
from evalgate.execution.local import predict

NEEDED = ("fastapi", "uvicorn", "openai")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"`transformers serve` needs {', '.join(MISSING)}: install the extra dev"),
]
QUESTIONS = [f"Question {i}: where is parcel {i * 7}?" for i in range(12)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def url(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("log") / "serve.txt"
    command = [sys.executable, "-c", "from transformers.cli.transformers import main; main()", "serve", str(model)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TRANSFORMERS_VERBOSITY": "error"}
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > deadline:
                    pytest.skip(f"`transformers serve` did not start: {log.read_text()[-500:]}")
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()


def requests(questions: list[str]) -> list[Request]:
    sampling = Sampling(max_tokens=12)
    return [Request(messages=(Message(role="user", content=text),), sampling=sampling) for text in questions]


def test_greedy_answers_over_http_are_those_of_the_model_in_process(model: Path, url: str) -> None:
    from evalgate.backends.hf import HFBackend
    from evalgate.backends.model_files import locate

    spec = ModelSpec(id=str(model), dtype="float32")
    local = HFBackend(spec, locate(spec))
    ours = dict(local.generate(requests(QUESTIONS)))
    served = OpenAIBackend(ServerSpec(base_url=url, timeout_s=60, max_concurrency=4), str(model))
    try:
        theirs = dict(served.generate(requests(QUESTIONS)))
        [(_, single)] = served.generate(requests(QUESTIONS[:1]))
    finally:
        served.close()
        local.close()
    assert sorted(theirs) == sorted(ours)
    assert {a.status for a in theirs.values()} <= {"ok", "truncated"}
    assert {i: a.completion_tokens for i, a in theirs.items()} == {i: a.completion_tokens for i, a in ours.items()}
    assert {i: a.output for i, a in theirs.items()} == {i: a.output for i, a in ours.items()}
    assert single.output == ours[0].output
    assert single.first_token_s is not None and single.latency_s is not None
    assert 0 < single.first_token_s <= single.latency_s


def test_a_constraint_that_this_server_passes_over_is_noticed(model: Path, url: str, tmp_path: Path) -> None:
    held, path = Sampling(max_tokens=12, constraint="choices", grammar='["late","refund"]'), tmp_path / "p.jsonl"
    texts = [Message(role="user", content=text) for text in QUESTIONS[:3]]
    asks = [Ask(example_id=t.content, request=Request(messages=(t,), sampling=held)) for t in texts]
    served = OpenAIBackend(ServerSpec(base_url=url, timeout_s=60), str(model))
    try:
        found = list(predict(asks, system="s", task="t", adapter=None, backend=served, path=path, progress=Recorder()))
    finally:
        served.close()
    assert len(found) == 3
    assert {p.constraint_broken for p in found} == {True}, {p.output for p in found}
