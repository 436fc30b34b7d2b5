"""Folders pushed by MLflow's own client to a real server on this machine, and fetched from its registry again."""

import http.server
import json
import os
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from mlflow_server import serving
from msgspec.structs import replace
from promoted_folder import ARTEFACT, BASE, DECISION, FIGURES, decision_digest, held, promoted, sign

from evalgate.core.errors import EvalgateError, UsageError
from evalgate.pushing import push_mlflow
from evalgate.training.trackers import undisturbed

installed = pytest.mark.skipif(
    find_spec("mlflow") is None, reason="mlflow is not installed: pip install 'evalgate-harness[mlflow]'"
)
AGAIN = "hint: check address, network and proxy, and push again: what was sent already is not sent twice"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [key for key in os.environ if key.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Its address, and the folder that holds the artefacts behind it."""
    folder = tmp_path_factory.mktemp("mlflow")
    with serving(folder) as uri:
        yield uri, folder / "artifacts"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return promoted(tmp_path / "promoted")


def client(uri: str) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=uri)


def versions(uri: str, name: str) -> list[Any]:
    with undisturbed():
        return sorted(client(uri).search_model_versions(f"name = '{name}'"), key=lambda v: int(v.version))


def stored(root: Path, uri: str, name: str, version: int = 1) -> Path:
    """Where the server keeps a version's files."""
    [found] = [v for v in versions(uri, name) if int(v.version) == version]
    [path] = [p for p in root.rglob("model") if f"/{found.run_id}/" in p.as_posix()]
    return path


def error(folder: Path, target: str = "tiny", uri: str | None = None) -> str:
    with pytest.raises(EvalgateError) as caught:
        push_mlflow(folder, target, tracking_uri=uri)
    return str(caught.value)


@pytest.mark.slow
@installed
def test_a_version_holds_the_folders_bytes_its_decision_and_its_card(
    server: tuple[str, Path], folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    uri, root = server
    before = dict(os.environ)
    assert push_mlflow(folder, "mlflow://holds@champion", tracking_uri=uri) == "models:/holds/1"
    assert capfd.readouterr().out == "", "stdout is not the client's"
    assert dict(os.environ) == before
    assert held(stored(root, uri, "holds")) == held(folder)
    [version] = versions(uri, "holds")
    assert version.status == "READY"
    assert version.tags == {f"evalgate.{k}": v for k, v in TAGS.items()} | {
        "evalgate.decision_digest": decision_digest(folder)
    }
    assert version.description == "# tiny\n\nShips: better by 0.1.\n"
    with undisturbed():
        run = client(uri).get_run(version.run_id)
        assert client(uri).get_model_version_by_alias("holds", "champion").version == version.version
        assert client(uri).get_experiment(run.info.experiment_id).name == "evalgate"
    assert (run.info.run_name, run.info.status) == ("tiny", "FINISHED")
    assert run.data.metrics == FIGURES
    assert run.data.params == {**TAGS, "decision_digest": decision_digest(folder)}
    assert run.data.tags["evalgate.gate.routing"] == "pass: clear"
    assert run.data.tags["evalgate.reason"] == "tiny is better"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with undisturbed():
        from mlflow.artifacts import download_artifacts

        for name, address in {"a": "models:/holds/1", "b": "models:/holds@champion"}.items():
            got = download_artifacts(address, dst_path=str(tmp_path / name), tracking_uri=uri, registry_uri=uri)
            assert held(Path(got)) == held(folder)


TAGS = {"run": "20261123-1", "candidate": "tiny", "outcome": "ship", "artefact_digest": ARTEFACT,
        "base_model": BASE, "base_revision": "v1"}  # fmt: skip


@pytest.mark.slow
@installed
def test_the_same_artefact_and_decision_again_is_the_same_version(
    server: tuple[str, Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, _ = server
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert push_mlflow(folder, "again") == "models:/again/1"
    assert push_mlflow(folder, "again") == "models:/again/1"
    (folder / "README.md").write_text("# written anew\n")
    assert push_mlflow(sign(folder), "again@later") == "models:/again/1", "papers are no artefact"
    assert len(versions(uri, "again")) == 1
    promoted(folder, decision=replace(DECISION, reason="judged again"))
    assert push_mlflow(folder, "again") == "models:/again/2", "another decision is told"
    with undisturbed():
        assert int(client(uri).get_model_version_by_alias("again", "later").version) == 1
        assert push_mlflow(folder, "again@later") == "models:/again/2"
        assert int(client(uri).get_model_version_by_alias("again", "later").version) == 2
    assert push_mlflow(folder, "of it's own") == "models:/of it's own/1"


@pytest.mark.slow
@installed
def test_a_version_that_was_changed_on_the_server_is_named_and_gets_no_alias(
    server: tuple[str, Path], folder: Path
) -> None:
    uri, root = server
    push_mlflow(folder, "changed", tracking_uri=uri)
    weights = stored(root, uri, "changed") / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[::-1])
    hint = "hint: do not serve from there; look at who else writes to it, and push again"
    said = f"not what was pushed\n  at: {uri}\n\n{hint}"
    assert error(folder, "changed@champion", uri) == (
        f"error[push-differs]: adapter_model.safetensors on the server is {said}"
    )
    weights.unlink()
    (weights.parent / "adapter_config.json").write_text("{}")
    assert error(folder, "changed@champion", uri) == (
        f"error[push-differs]: adapter_config.json and 1 more of 9 files on the server are {said}"
    )
    with undisturbed():
        assert client(uri).get_registered_model("changed").aliases == {}


@pytest.mark.slow
@installed
def test_a_push_that_fails_half_way_leaves_a_failed_run_and_no_version(
    server: tuple[str, Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, root = server
    (root / "blocked").parent.mkdir(exist_ok=True)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "blocked")
    with undisturbed():
        experiment = client(uri).create_experiment("blocked")
    (root / experiment).write_text("a file where the server wants a folder")
    assert error(folder, "half", uri) == (
        "error[push-unreachable]: 'half' was not pushed to: the server answers with errors only\n"
        f"  at: {uri}\n\n{AGAIN}"
    )
    assert versions(uri, "half") == []
    with undisturbed():
        [run] = client(uri).search_runs([experiment])
    assert run.info.status == "FAILED"


@pytest.mark.slow
@installed
def test_artefacts_may_lie_beside_the_server(
    server: tuple[str, Path], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, _ = server
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "beside")
    with undisturbed():
        client(uri).create_experiment("beside", artifact_location=(tmp_path / "beside").as_uri())
    assert push_mlflow(folder, "beside", tracking_uri=uri) == "models:/beside/1"
    assert push_mlflow(folder, "beside", tracking_uri=uri) == "models:/beside/1"
    weights = stored(tmp_path / "beside", uri, "beside") / "adapter_model.safetensors"
    assert held(weights.parent) == held(folder)
    weights.unlink()
    assert error(folder, "beside", uri).startswith(
        "error[push-differs]: adapter_model.safetensors on the server is not"
    )


class Refusing(http.server.BaseHTTPRequestHandler):
    """A server that answers everything alike; `answer` is a status and a body."""

    answer: tuple[int, bytes] = (401, b"who are you?")

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.answer[0])
        self.send_header("Content-Length", str(len(self.answer[1])))
        self.end_headers()
        self.wfile.write(self.answer[1])

    do_POST = do_GET  # noqa: N815 (the name that http.server asks for)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def refusing() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
@installed
def test_servers_that_refuse_and_that_are_away_are_told_apart(
    refusing: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = f"  at: {refusing}\n\n"
    assert error(folder, uri=refusing) == (
        f"error[push-denied]: 'tiny' was not pushed to: the server does not know who pushes (401)\n{at}"
        "hint: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
    )
    body = json.dumps({"error_code": "PERMISSION_DENIED", "message": "Permission denied"}).encode()
    for answer in ((403, b"no"), (403, body)):
        monkeypatch.setattr(Refusing, "answer", answer)
        assert error(folder, uri=refusing) == (
            f"error[push-denied]: 'tiny' was not pushed to: the account may not write there (403)\n{at}"
            "hint: give the account the right to edit 'tiny' and the experiment 'evalgate'"
        )
    monkeypatch.setattr(Refusing, "answer", (200, b"<html>a proxy</html>"))
    assert error(folder, uri=refusing) == (
        "error[push-refused]: 'tiny' was not pushed to: API request to endpoint was successful but the response body "
        f"was not in a valid JSON format. Response body: '<html>a proxy</html>'\n{at}"
        "hint: correct what it names, and push again"
    )
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(Refusing, "answer", (503, b"later"))
    assert error(folder, uri=refusing) == (
        f"error[push-unreachable]: 'tiny' was not pushed to: the server answers with errors only\n{at}{AGAIN}"
    )
    assert error(folder, uri="http://127.0.0.1:9") == (
        "error[push-unreachable]: 'tiny' was not pushed to: the server cannot be reached (ConnectionError)\n"
        f"  at: http://127.0.0.1:9\n\n{AGAIN}"
    )


@pytest.mark.parametrize("target", ["", "a/b", "a:b", "tiny@", "tiny@latest", "tiny@v2", "tiny@two words", " x"])
def test_what_names_no_model_is_refused(target: str, folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        push_mlflow(folder, target, tracking_uri="http://127.0.0.1:9")
    assert str(caught.value) == (
        f"error[push-target]: '{target}' names no model of an MLflow registry\n\n"
        "hint: write `mlflow://MODEL_NAME` or `mlflow://MODEL_NAME@ALIAS`; an alias has letters, digits, `_` and `-`, "
        "and is neither `latest` nor a version"
    )


def test_a_server_must_be_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalgate.pushing.refusals.find_spec", lambda name: name)
    assert error(folder) == (
        "error[push-nowhere]: no MLflow server is named\n\nhint: set MLFLOW_TRACKING_URI to the server's address"
    )


def test_without_the_client_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalgate.pushing.refusals.find_spec", lambda name: None)
    assert error(folder, uri="http://127.0.0.1:9") == (
        "error[push-package]: pushing needs the package mlflow, which is not installed\n\n"
        "hint: `pip install 'evalgate-harness[mlflow]'`"
    )
