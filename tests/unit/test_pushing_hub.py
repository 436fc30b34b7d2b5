"""Folders pushed by the hub's own client to a hub on this machine: what arrives, and what is said where it cannot."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import FakeHub, Repo, fake_hub
from promoted_folder import ARTEFACT, BASE, decision_digest, held, promoted, sign

from evalgate.core.errors import EvalgateError, UsageError
from evalgate.pushing import push_hub

# The hub's client uses a parameter of its own transport that is out of date.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
ROOT = Path(__file__).resolve().parents[2]
TITLE = "Promote tiny: ship (run 20261123-1, decision {})"
SERVED = "do not serve from there; look at who else writes to it, and push again"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub, and this process as one that has started with its address and a token that may write."""
    constants = pytest.importorskip("huggingface_hub.constants")
    with fake_hub() as server:
        settings = {
            "ENDPOINT": server.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": server.url + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HUB_DISABLE_XET": True,
            "HF_HUB_OFFLINE": False,
            "HF_TOKEN_PATH": str(tmp_path / "no-token"),
            "AGENT_HARNESSES_PATH": str(tmp_path / "no-file"),
        }
        for name, value in settings.items():
            monkeypatch.setattr(constants, name, value, raising=False)
        for name in ("HF_HUB_OFFLINE", "HUGGING_FACE_HUB_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", "writer")
        from huggingface_hub import close_session
        from huggingface_hub.utils import disable_progress_bars, enable_progress_bars

        disable_progress_bars()
        yield server
        enable_progress_bars()
        close_session()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return promoted(tmp_path / "promoted")


def error(folder: Path, target: str = "org/tiny") -> str:
    with pytest.raises(EvalgateError) as caught:
        push_hub(folder, target)
    return str(caught.value)


def test_a_folder_arrives_byte_by_byte_in_one_commit_that_names_run_and_decision(hub: FakeHub, folder: Path) -> None:
    address = push_hub(folder, "org/tiny")
    first, commit = hub.repos["org/tiny"].branches["main"]
    assert hub.files("org/tiny") == held(folder)
    assert commit.files.keys() - held(folder).keys() == {".gitattributes"}
    assert commit.parent == first.oid
    assert address == f"{hub.url}/org/tiny/commit/{commit.oid}"
    assert commit.title == TITLE.format(decision_digest(folder)[:12])
    assert commit.description.splitlines() == [
        "run: 20261123-1", "candidate: tiny", "outcome: ship", f"decision_digest: {decision_digest(folder)}",
        f"artefact_digest: {ARTEFACT}", f"base_model: {BASE}", "base_revision: v1",
    ]  # fmt: skip
    assert hub.repos["org/tiny"].visibility == "private"
    assert [*hub.lfs.values()] == [(folder / "adapter_model.safetensors").read_bytes()], "weights go to the large files"


def test_what_was_pushed_is_what_the_hubs_client_fetches(hub: FakeHub, folder: Path, tmp_path: Path) -> None:
    from huggingface_hub import snapshot_download

    oid = push_hub(folder, "org/tiny").rpartition("/")[2]
    got = Path(snapshot_download("org/tiny", revision=oid, local_dir=tmp_path / "got", endpoint=hub.url))
    assert {k: v for k, v in held(got).items() if not k.startswith(".")} == held(folder)


def test_the_same_folder_again_is_the_same_commit(hub: FakeHub, folder: Path) -> None:
    address = push_hub(folder, "org/tiny")
    hub.asked.clear()
    assert push_hub(folder, "org/tiny") == address
    assert len(hub.repos["org/tiny"].branches["main"]) == 2
    assert not [line for line in hub.asked if "/commit/" in line or "/preupload/" in line or line.startswith("PUT")]


def test_a_branch_is_made_and_main_is_left_alone(hub: FakeHub, folder: Path) -> None:
    address = push_hub(folder, "hf://org/tiny@candidates/v2", private=False)
    branches = hub.repos["org/tiny"].branches
    assert hub.files("org/tiny", "candidates/v2") == held(folder)
    assert hub.files("org/tiny") == {}
    assert address.endswith(branches["candidates/v2"][-1].oid)
    assert hub.repos["org/tiny"].visibility == "public"
    push_hub(promoted(folder, weights=b"other"), "org/tiny@candidates/v2")
    assert [len(line) for line in branches.values()] == [1, 3]


def test_an_earlier_promotions_files_go_and_other_peoples_stay(hub: FakeHub, folder: Path) -> None:
    (folder / "prompts").mkdir()
    (folder / "prompts" / "old.j2").write_text("old")
    (folder / "provenance.sig").write_text("signed")
    push_hub(sign(folder), "org/tiny")
    hub.put("org/tiny", {"LICENSE": b"ours", "demo/picture.png": b"png"})
    (folder / "prompts" / "old.j2").unlink()
    (folder / "provenance.sig").unlink()
    push_hub(sign(folder), "org/tiny")
    assert hub.files("org/tiny") == held(folder) | {"LICENSE": b"ours", "demo/picture.png": b"png"}
    assert len(hub.repos["org/tiny"].branches["main"]) == 4, "removed and added in one commit"


def test_other_weights_in_the_repository_are_not_mixed_with_ours(hub: FakeHub, folder: Path) -> None:
    hub.put("org/tiny", {"model.safetensors": b"whole", "LICENSE": b"ours"})
    assert error(folder) == (
        "error[push-foreign]: the repository holds model.safetensors, which was not promoted and would be loaded along "
        f"with what is\n  at: {hub.url}/org/tiny/blob/main/model.safetensors\n\n"
        "hint: push to a repository or a branch of its own, or delete that file there first"
    )
    assert len(hub.repos["org/tiny"].branches["main"]) == 2


def test_hidden_files_are_not_pushed(hub: FakeHub, folder: Path) -> None:
    for name in (".env", ".cache/x", "prompts/.swp"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("secret")
    push_hub(folder, "org/tiny")
    assert b"secret" not in hub.files("org/tiny").values()


def test_a_folder_without_papers_is_pushed_as_what_it_is(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "model.safetensors").write_bytes(b"weights")
    push_hub(tmp_path / "bare", "org/bare")
    commit = hub.repos["org/bare"].branches["main"][-1]
    assert (commit.title, commit.description[:16]) == ("Promote a model", "artefact_digest:")


# What is refused


def test_a_file_that_arrived_otherwise_is_named(hub: FakeHub, folder: Path) -> None:
    hub.stored = lambda name, data: data + b"x" if name == "README.md" else data
    assert error(folder) == (
        f"error[push-differs]: README.md on the server is not what was pushed\n  at: {hub.url}/org/tiny\n\n"
        f"hint: {SERVED}"
    )
    hub.stored = lambda name, data: data[1:] if name.endswith(("card.json", ".safetensors")) else data
    assert error(folder, "org/other").startswith(
        "error[push-differs]: adapter_card.json and 1 more of 9 files on the server are not what was pushed\n"
    )


def test_a_file_that_the_server_left_out_is_named(hub: FakeHub, folder: Path) -> None:
    hub.before_commit = lambda: hub.lfs.update(dict.fromkeys(hub.lfs, b"torn"))
    assert error(folder).startswith(
        "error[push-differs]: adapter_model.safetensors on the server is not what was pushed"
    )


def test_somebody_elses_push_meanwhile_is_not_overwritten(hub: FakeHub, folder: Path) -> None:
    push_hub(folder, "org/tiny")
    hub.before_commit = lambda: hub.put("org/tiny", {"README.md": b"theirs"})
    assert error(promoted(folder, weights=b"others")) == (
        "error[push-raced]: 'org/tiny' was not pushed to: somebody else has pushed to 'main' meanwhile\n"
        f"  at: {hub.url}/org/tiny\n\nhint: look at what they pushed, and push again"
    )
    assert hub.files("org/tiny")["README.md"] == b"theirs"


LOGIN = "hint: `hf auth login`, or set HF_TOKEN to a token "


def test_nobody_and_an_unknown_token_are_told_to_log_in(
    hub: FakeHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ("error[push-denied]: 'org/tiny' was not pushed to: the server does not know who pushes (401)\n"
            f"  at: {hub.url}/org/tiny\n\n")  # fmt: skip
    monkeypatch.delenv("HF_TOKEN")
    assert error(folder) == f"{said}{LOGIN}with write access"
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    text = error(folder)
    assert text == f"{said}{LOGIN}that it accepts"
    assert "hf_expired" not in text
    assert hub.repos == {}


def test_a_token_that_may_only_read_is_told_so(hub: FakeHub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "reader")
    said = (
        "error[push-denied]: 'org/tiny' was not pushed to: the account may not write there (403)\n"
        f"  at: {hub.url}/org/tiny\n\n"
        "hint: give the token write access to 'org', or push to an owner that it may write to"
    )
    assert error(folder) == said
    hub.repos["org/tiny"] = Repo("public")  # there is one to read, and still none to write
    assert error(folder) == said


@pytest.mark.parametrize(
    "target", ["tiny", "a/b/c", "org/", "/tiny", "org/ti ny", "org/tiny@", "org/tiny@refs/pr/1", ""]
)
def test_what_names_no_repository_is_refused_before_anything_is_asked(target: str, hub: FakeHub, folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        push_hub(folder, target)
    assert str(caught.value) == (
        f"error[push-target]: '{target}' names no repository on the Hugging Face Hub\n\n"
        "hint: write `hf://OWNER/NAME` or `hf://OWNER/NAME@BRANCH`"
    )
    assert hub.asked == []


def test_a_model_card_that_the_hub_does_not_take_is_told_in_its_words(hub: FakeHub, folder: Path) -> None:
    (folder / "README.md").write_text("---\nlicense: [\n---\n# tiny\n")
    assert error(sign(folder)) == (
        "error[push-refused]: 'org/tiny' was not pushed to: Invalid metadata in README.md. - while parsing a flow node "
        "(HTTP 400)\n"
        f"  at: {hub.url}/org/tiny\n\nhint: correct what it names, and push again"
    )


AGAIN = "hint: check address, network and proxy, and push again: what was sent already is not sent twice"


def test_a_hub_that_is_down_and_one_that_is_away_are_told_apart(
    hub: FakeHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.fault = lambda method, path: (500, "oops") if path.startswith("/api") else None
    assert error(folder) == (
        "error[push-unreachable]: 'org/tiny' was not pushed to: the server answers 500\n"
        f"  at: {hub.url}/org/tiny\n\n{AGAIN}"
    )
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9/")
    assert error(folder) == (
        "error[push-unreachable]: 'org/tiny' was not pushed to: the server cannot be reached (ConnectError)\n"
        f"  at: http://127.0.0.1:9/org/tiny\n\n{AGAIN}"
    )


def test_a_push_that_was_cut_off_goes_on_without_sending_weights_twice(hub: FakeHub, folder: Path) -> None:
    hub.fault = lambda method, path: (400, "not now") if "/commit/" in path else None
    assert error(folder).startswith("error[push-refused]: 'org/tiny' was not pushed to: ")
    assert hub.files("org/tiny") == {}
    hub.fault = lambda method, path: None
    hub.asked.clear()
    push_hub(folder, "org/tiny")
    assert hub.files("org/tiny") == held(folder)
    assert not [line for line in hub.asked if line.startswith("PUT")]


def test_offline_is_respected(hub: FakeHub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = (
        f"error[push-offline]: 'org/tiny' was not pushed to: HF_HUB_OFFLINE forbids it\n  at: {hub.url}/org/tiny\n\n"
        "hint: unset HF_HUB_OFFLINE and push again"
    )
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert error(folder) == said
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert error(folder) == said
    assert hub.asked == []


def test_without_the_client_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalgate.pushing.refusals.find_spec", lambda name: None)
    assert error(folder) == (
        "error[push-package]: pushing needs the package huggingface_hub, which is not installed\n\n"
        "hint: `pip install 'evalgate-harness[hub]'`"
    )


def test_a_folder_that_is_none_or_empty_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        assert error(folder) == (
            f"error[push-empty]: there is nothing to push in this folder\n  at: {folder}\n\n"
            "hint: give the folder that `evalgate promote` has written"
        )


def test_a_folder_that_is_no_longer_what_was_promoted_is_not_pushed(hub: FakeHub, folder: Path) -> None:
    hint = "hint: promote the run again into a new folder"
    (folder / "adapter_model.safetensors").write_bytes(b"swapped")
    text = error(folder)
    assert text.startswith(
        "error[push-changed]: adapter_model.safetensors is not what was promoted: provenance.json says "
    )
    assert text.endswith(
        f"found 37e0d51511fe; nothing was pushed\n  at: {folder / 'adapter_model.safetensors'}\n\n{hint}"
    )
    (promoted(folder) / "README.md").unlink()
    assert "error[push-changed]: README.md is not what was promoted" in error(folder)
    assert "found no such file; nothing was pushed" in error(folder)
    (folder / "provenance.json").write_text("{")
    assert error(folder) == (
        "error[broken-record]: provenance.json cannot be read: Expecting property name enclosed in double quotes: "
        f"line 1 column 2 (char 1)\n  at: {folder / 'provenance.json'}\n\n{hint}"
    )
    assert hub.asked == []


@pytest.mark.slow
def test_a_fresh_process_takes_address_and_token_from_the_environment_and_sends_weights_by_xet(
    folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("hf_xet")
    weights = (folder / "adapter_model.safetensors").read_bytes()
    code = (
        "import sys; from pathlib import Path; from evalgate.pushing import push_hub\n"
        "print(push_hub(Path(sys.argv[1]), 'org/tiny'))"
    )
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
    (tmp_path / "cas").mkdir()
    with fake_hub() as hub:
        import hashlib

        hub.cas = f"local://{tmp_path / 'cas'}"
        hub.lfs[hashlib.sha256(weights).hexdigest()] = weights
        environment = kept | {"HF_ENDPOINT": hub.url, "HF_TOKEN": "writer", "HF_HOME": str(tmp_path / "hf")}
        done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True,
                              cwd=ROOT, env=environment)  # fmt: skip
        assert done.stdout == f"{hub.url}/org/tiny/commit/{hub.repos['org/tiny'].branches['main'][-1].oid}\n"
        assert hub.files("org/tiny") == held(folder)
    stored = sum(path.stat().st_size for path in (tmp_path / "cas").rglob("*") if path.is_file())
    assert stored > 256, "the weights' chunks lie in the store"
