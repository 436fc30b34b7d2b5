"""Models and adapters that cannot be had or do not fit: one clear error each, before anything expensive."""

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_model import save_adapter, save_tiny_model
from tiny_suite import ROOT, copy_suite

from evalgate.backends.hf import HFBackend
from evalgate.backends.model_files import locate
from evalgate.core.data import ModelSpec
from evalgate.core.errors import EvalgateError

pytestmark = pytest.mark.slow

AT = "  at: suite.yaml: model.id\n\n"
LOCAL = "or give a local folder with `--model FOLDER`\n"
# What the hub answers for each model: status, error code.
REPLIES = {
    "gated": (401, "GatedRepo"),
    "refused": (403, "GatedRepo"),
    "nowhere": (401, "RepoNotFound"),
    "old": (404, "RevisionNotFound"),
    "down": (503, ""),
}


class Hub(http.server.BaseHTTPRequestHandler):
    """A hub that refuses everything, each model in its own way."""

    def do_GET(self) -> None:
        status, code = REPLIES[next(name for name in REPLIES if f"org/{name}" in self.path)]
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_HEAD = do_GET  # noqa: N815 (the name that http.server asks for)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_suite(tmp_path_factory.mktemp("copy"), baselines=("zero_shot",))


def run(suite: Path, tmp_path: Path, model: str, **environment: str) -> tuple[int, str]:
    out = tmp_path / "run"
    environment = {"HF_HOME": str(tmp_path / "hf"), "NO_COLOR": "1", **environment}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
    command = [sys.executable, "-m", "evalgate.cli", "run", "-q", str(suite), "-L", "4", "-o", str(out)]
    done = subprocess.run(
        [*command, "--model", model], capture_output=True, text=True, check=False, cwd=ROOT, env=kept | environment
    )
    assert done.stdout == ""
    assert not out.exists(), "nothing is written before the model is there"
    return done.returncode, done.stderr


TERMS = "accept its terms on the model's page and set HF_TOKEN to a token of that account that may read it; "
ERRORS = {
    "gated": (64, "error[model-gated]: the base model 'org/gated' is gated: the hub, without HF_TOKEN, gives it to "
              f"nobody\n{AT}hint: {TERMS}{LOCAL}"),
    "nowhere": (64, f"error[base-model-missing]: the hub has no model 'org/nowhere'\n{AT}hint: correct `model.id` in "
                f"suite.yaml; for a private one set HF_TOKEN; {LOCAL}"),
    "old": (64, "error[revision-missing]: the base model 'org/old' has no revision 'main' on the hub\n"
            "  at: suite.yaml: model.revision\n\nhint: correct `model.revision` in suite.yaml: a commit, tag or branch "
            "of the model\n"),
    "down": (3, "error[hub-unreachable]: the base model 'org/down' is not in this machine's cache, and the hub cannot "
             f"be reached (HfHubHTTPError)\n{AT}hint: check network and proxy, and repeat the command; {LOCAL}"),
}  # fmt: skip


@pytest.mark.parametrize("model", ERRORS)
def test_a_hub_that_refuses_is_told_apart(model: str, hub: str, suite: Path, tmp_path: Path) -> None:
    assert run(suite, tmp_path, f"org/{model}", HF_ENDPOINT=hub) == ERRORS[model]


def test_a_token_without_access_is_told_so_and_not_shown(hub: str, suite: Path, tmp_path: Path) -> None:
    code, text = run(suite, tmp_path, "org/refused", HF_ENDPOINT=hub, HF_TOKEN="hf_secretsecret")
    assert code == 64
    assert text == (
        "error[model-gated]: the base model 'org/refused' is gated: the account of HF_TOKEN has no access to it\n"
        f"{AT}hint: {TERMS}{LOCAL}"
    )


def test_no_network_and_no_wish_for_one_are_told_apart(suite: Path, tmp_path: Path) -> None:
    said = "error[hub-unreachable]: the base model 'org/x' is not in this machine's cache, and "
    assert run(suite, tmp_path, "org/x", HF_ENDPOINT="http://127.0.0.1:9") == (
        3, f"{said}the hub cannot be reached (ConnectError)\n{AT}"
        f"hint: check network and proxy, and repeat the command; {LOCAL}"
    )  # fmt: skip
    assert run(suite, tmp_path, "org/x", HF_HUB_OFFLINE="1") == (
        3, f"{said}HF_HUB_OFFLINE forbids to fetch it\n{AT}hint: unset HF_HUB_OFFLINE once; {LOCAL}"
    )  # fmt: skip


# Adapters


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def adapter(base: Path, tmp_path: Path) -> Path:
    return Path(save_adapter(base, tmp_path / "a", 1))


@pytest.fixture(scope="module")
def backend(base: Path) -> HFBackend:
    spec = ModelSpec(id=str(base))
    return HFBackend(spec, locate(spec))


def refusal(backend: HFBackend, folder: Path, revision: str | None = None) -> str:
    files = backend.files
    backend.files = type(files)(path=files.path, revision=revision, digest=files.digest)
    try:
        with pytest.raises(EvalgateError) as caught:
            backend.add_adapter("a", str(folder))
    finally:
        backend.files = files
    assert caught.value.exit_code == 3
    assert backend._adapters == {}
    return str(caught.value)


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | changes))


OTHER = (
    "hint: give the adapter's own base in suite.yaml (`model.id`, `model.revision`), or train it anew on this one; "
    "if it is the same model under another name, correct the adapter's adapter_config.json"
)


def test_an_adapter_for_another_base_is_refused(backend: HFBackend, adapter: Path, base: Path) -> None:
    place = f"  at: {adapter / 'adapter_config.json'}\n\n{OTHER}"
    edit(adapter / "adapter_config.json", base_model_name_or_path="org/other-7b")
    assert refusal(backend, adapter) == (
        "error[adapter-other-base]: the adapter was trained on base 'org/other-7b', but "
        f"'{base}' is to carry it\n{place}"
    )
    edit(adapter / "adapter_config.json", base_model_name_or_path="org/Tiny", revision="a1")
    assert refusal(backend, adapter, revision="b2") == (
        "error[adapter-other-base]: the adapter was trained on revision 'a1' of the base, but revision 'b2' is to "
        f"carry it\n{place}"
    )
    edit(adapter / "card.json", base_digest="f" * 64)
    assert refusal(backend, adapter) == (
        f"error[adapter-other-base]: the adapter was trained on base of digest ffffffffffff, but digest "
        f"{backend.files.digest[:12]} is to carry it\n{place}"
    )


def test_files_that_are_no_adapter_are_refused(backend: HFBackend, adapter: Path, tmp_path: Path) -> None:
    hint = "hint: give a folder that PEFT's `save_pretrained` wrote, with weights in safetensors"
    assert refusal(backend, tmp_path / "nowhere") == (
        f"error[adapter-missing]: the adapter has no adapter_config.json\n  at: {tmp_path / 'nowhere'}\n\n{hint}"
    )
    (adapter / "adapter_config.json").write_text("{")
    assert refusal(backend, adapter) == (
        "error[adapter-missing]: adapter_config.json is not JSON: Expecting property name enclosed in double quotes: "
        f"line 1 column 2 (char 1)\n  at: {adapter / 'adapter_config.json'}\n\n{hint}"
    )


def test_weights_of_another_size_are_refused(backend: HFBackend, adapter: Path, base: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(adapter / "adapter_model.safetensors")
    save_file({k: v[..., :2].contiguous() for k, v in weights.items()}, adapter / "adapter_model.safetensors")
    text = refusal(backend, adapter)
    assert text.startswith(
        "error[adapter-unfit]: the adapter's weights do not fit the base: Error(s) in loading state_dict"
    )
    assert text.endswith(
        f"\n  at: {adapter}\n\nhint: serve the base that the adapter was trained on (`base_model_name_or_path` in its "
        "adapter_config.json)"
    )


def test_a_copy_of_the_base_elsewhere_carries_the_adapter(base: Path, adapter: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(base, tmp_path / "tiny"))
    spec = ModelSpec(id=str(moved))
    HFBackend(spec, locate(spec)).add_adapter("a", str(adapter))
