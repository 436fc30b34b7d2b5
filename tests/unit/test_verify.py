"""Verification: whatever is done to a promoted folder, the file is named; what is not checked is not called sound."""

import base64
import json
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from promotable import changed, fault, promoted, shipped

import evalgate
from evalgate.cli import run_cli
from evalgate.core.errors import EvalgateError, ExitCode
from evalgate.manifest import file_digest
from evalgate.promoting.checks import Verified
from evalgate.promoting.names import Promoted
from evalgate.promoting.signing import encoded, key_id, make_signing_key, read_private, read_public
from evalgate.promoting.statement import make_statement, to_bytes, with_checksum
from evalgate.promoting.verify import verify


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The promotion `out` of a run, signed as `signed` where that can be."""
    root = tmp_path_factory.mktemp("verified")
    shipped(root)
    promoted(root)
    return root


@pytest.fixture(scope="module")
def out(made: Path) -> Path:
    return made / "out"


@pytest.fixture(scope="module")
def signed(made: Path) -> tuple[Path, Path]:
    """A signed promotion and the public key."""
    pytest.importorskip("cryptography", reason="signatures need the extra `sign`")
    public = make_signing_key(made / "owner")
    promoted(made, "signed", key=made / "owner")
    return made / "signed", public


def states(found: Verified) -> dict[str, str]:
    return {check.name: check.outcome for check in found.checks}


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def blessed(folder: Path) -> None:
    """Write the statement anew, as somebody would who wants to hide a change and has no key."""
    place = Promoted(folder)
    try:
        statement = make_statement(place, signer=None, version=evalgate.__version__)
    except EvalgateError:  # of what cannot be read only the digest can be mended
        with_digests(folder)
    else:
        place.provenance.write_bytes(to_bytes(statement))


def with_digests(folder: Path) -> None:
    """Mend digests and checksum alone; the predicate goes on saying what it said."""
    place = Promoted(folder)
    old = json.loads(place.provenance.read_bytes())
    subjects = [{"name": n, "digest": {"sha256": file_digest(folder / n)}} for n in place.subjects()]
    place.provenance.write_bytes(to_bytes(with_checksum({**old, "subject": subjects})))


def test_what_was_promoted_is_sound(made: Path, out: Path) -> None:
    found = verify(out, run=made / "run", suite=made / "suites" / "desk")
    assert states(found) == {
        "statement": "ok", "signature": "unknown", "files": "ok", "provenance": "ok", "artefact": "ok",
        "prompts": "ok", "suite lock": "ok", "model card": "ok", "decision": "ok", "suite on disk": "ok",
        "run on disk": "ok",
    }  # fmt: skip
    assert (found.exit_code, found.tampered) == (ExitCode.SHIP, [])


def test_it_is_sound_wherever_it_lies_and_without_suite_and_run(out: Path, tmp_path: Path) -> None:
    shutil.copytree(out, tmp_path / "served")
    (tmp_path / "served" / ".gitattributes").write_text("*.safetensors filter=lfs")
    (tmp_path / "served" / ".cache").mkdir()
    (tmp_path / "served" / ".cache" / "x").write_text("of a hub")
    for name in names(out):  # as the hub's cache has it
        link = tmp_path / "cached" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(tmp_path / "served" / name)
    for place in ("served", "cached"):
        assert verify(tmp_path / place, look_around=False).exit_code == ExitCode.SHIP
    (tmp_path / "served" / "more").symlink_to(tmp_path)
    assert verify(tmp_path / "served", look_around=False).tampered == ["more"]


ANY_BYTE = settings(max_examples=25, deadline=None)


@pytest.mark.slow
@ANY_BYTE
@given(data=st.data())
def test_any_flipped_byte_of_any_file_is_named(out: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([n for n in names(out) if (out / n).stat().st_size]))
    size = (out / name).stat().st_size
    at, bit = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, 7))

    def flip(content: bytes) -> bytes:
        return content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :]

    with changed(out / name, flip):
        found = verify(out, look_around=False)
    assert name in found.tampered
    assert found.exit_code == ExitCode.BLOCKED
    if name != "provenance.json":
        assert found.tampered == [name]


@pytest.mark.slow
@ANY_BYTE
@given(data=st.data())
def test_any_file_that_is_gone_or_new_is_named(out: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(names(out)))
    with changed(out / name, None):
        assert verify(out, look_around=False).tampered == [name]
    folder = data.draw(st.sampled_from(sorted({str(Path(n).parent) for n in names(out)})))
    new = (Path(folder) / data.draw(st.text("abc.", min_size=1, max_size=5)).strip(".")).as_posix()
    if new not in names(out) and not (out / new).is_dir():
        with changed(out / new, lambda _: b"pickle"):
            assert verify(out, look_around=False).tampered == [new]


def numbers_of(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in numbers_of(v, (*at, k))]
    if isinstance(value, list):
        return [p for i, v in enumerate(value) for p in numbers_of(v, (*at, i))]
    return [at] if isinstance(value, int | float) and not isinstance(value, bool) else []


def edited(value: Any, path: tuple[Any, ...], by: float) -> Any:
    into = value
    for key in path[:-1]:
        into = into[key]
    old = into[path[-1]]
    # By more than what sums in another order may change.
    into[path[-1]] = old + 1 + abs(old) // 1000 if isinstance(old, int) else old + by * max(1.0, abs(old))
    return value


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(data=st.data(), by=st.sampled_from([0.001, -0.25, 1e-6]))
def test_an_edited_number_of_the_decision_is_found_though_all_digests_were_mended(
    out: Path, data: st.DataObject, by: float
) -> None:
    file = out / "evidence" / "decision.json"
    decision = json.loads(file.read_bytes())
    path = data.draw(st.sampled_from(numbers_of(decision)))
    other = json.dumps(edited(decision, path, by)).encode()
    with changed(out / "provenance.json", lambda old: old), changed(file, lambda _: other):
        blessed(out)
        found = verify(out, look_around=False)
    assert found.exit_code == ExitCode.BLOCKED
    assert "evidence/decision.json" in found.tampered


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_an_edited_number_of_the_statement_is_found_though_its_checksum_was_mended(
    out: Path, data: st.DataObject
) -> None:
    statement = json.loads((out / "provenance.json").read_bytes())
    path = data.draw(st.sampled_from(numbers_of(statement)))
    with changed(out / "provenance.json", lambda _: to_bytes(with_checksum(edited(statement, path, 0.01)))):
        assert verify(out, look_around=False).tampered == ["provenance.json"]


@pytest.mark.parametrize("old", ["90.0%", "+78.0 to +97.9", "value: 0.9\n", "high: 0.9960345298901642", "n: 40\n"])
def test_an_edited_number_of_the_card_is_found_though_its_digest_was_mended(out: Path, old: str) -> None:
    def more(text: bytes) -> bytes:
        assert old.encode() in text
        return text.replace(old.encode(), old.replace("0.9", "0.8").replace("7", "8").replace("40", "41").encode(), 1)

    wrong = "90.1%" if old == "90.0%" else ""
    with (
        changed(out / "provenance.json", lambda data: data),
        changed(out / "README.md", lambda text: text.replace(old.encode(), wrong.encode()) if wrong else more(text)),
    ):
        with_digests(out)
        assert verify(out, look_around=False).tampered == ["README.md"]


def rescored(text: bytes) -> bytes:
    return text.replace(b'"parts":[0.0]', b'"parts":[1.0]')


@pytest.mark.parametrize(
    ("name", "change", "named"),
    [
        ("evidence/scores/good/route.jsonl", rescored, "evidence/decision.json"),
        ("evidence/run.json", lambda t: t.replace(b'"min_gain": 0.2', b'"min_gain": 0.1'), "evidence/run.json"),
        ("evidence/suite.lock", lambda t: t.replace(b'"version": 1', b'"version": 2', 1), "evidence/suite.lock"),
        ("evidence/examples/route.jsonl", lambda t: t.replace(b"held", b"hand", 1), "evidence/examples/route.jsonl"),
        ("adapter_model.safetensors", lambda t: t + b"!", "adapter_model.safetensors"),
        ("adapter_card.json", lambda t: t.replace(b'"seed": 0', b'"seed": 5'), "adapter_card.json"),
        ("prompts/route.j2", lambda t: t + b" please", "prompts/route.j2"),
        ("prompts/system.json", lambda t: t.replace(b'"max_tokens": 8', b'"max_tokens": 9'), "prompts/system.json"),
        ("evidence/scores/good/route.jsonl", lambda t: t[1:], "evidence/scores/good/route.jsonl"),
        ("evidence/decision.json", lambda t: t.replace(b'"ship": "good"', b'"ship": "rag"'), "evidence/decision.json"),
        ("README.md", lambda t: t[4:], "README.md"),
    ],
)
def test_what_does_not_follow_is_named_though_all_digests_were_mended(
    out: Path, name: str, change: Callable[[bytes], bytes], named: str
) -> None:
    with changed(out / "provenance.json", lambda data: data), changed(out / name, change):
        blessed(out)
        found = verify(out, look_around=False)
    assert named in found.tampered
    assert found.exit_code == ExitCode.BLOCKED


def test_a_statement_of_another_shape_is_named(out: Path) -> None:
    statement = json.loads((out / "provenance.json").read_bytes())
    wrong = {
        "it is no JSON": b"{",
        "it is no statement of https://in-toto.io/Statement/v1": to_bytes({**statement, "_type": "x"}),
        "its predicate is not of the type urn:evalgate:promotion:v1": to_bytes({**statement, "predicateType": "x"}),
        "its subjects are not files with a SHA-256 digest": to_bytes({**statement, "subject": [{"name": "x"}]}),
        "its signer is no key": to_bytes({**statement, "predicate": {"signer": 3}}),
        "it is not in the form in which it was written": json.dumps(statement).encode(),
    }
    for what, data in wrong.items():
        with changed(out / "provenance.json", lambda _, data=data: data):  # type: ignore[misc]
            found = verify(out, look_around=False)
            assert (found.checks[0].what, found.checks[0].file) == (what, "provenance.json")
            assert found.exit_code == ExitCode.BLOCKED
    with changed(out / "provenance.json", None):
        found = verify(out)
        assert [(c.outcome, c.what) for c in found.checks] == [
            ("tampered", "it is not there"),
            ("unknown", "not checked: provenance.json names no digests"),
            ("unknown", "not checked: the files above are not those that were promoted"),
        ]


def test_the_suite_and_the_run_on_disk_are_named_where_they_differ(made: Path, out: Path) -> None:
    suite, run = made / "suites" / "desk", made / "run"
    with changed(suite / "route" / "heldout.jsonl", lambda data: data.replace(b"message 7", b"message x", 1)):
        for given in (suite, None):
            found = verify(out, suite=given)
            assert found.tampered == [f"{suite}/route/heldout.jsonl:8 (id 'route-heldout-7')"]
            assert found.exit_code == ExitCode.BLOCKED
    with changed(run / "scores" / "good" / "route.jsonl", rescored):
        found = verify(out, run=run)
        assert found.tampered == [str(run / "scores" / "good" / "route.jsonl")]
    kept = {name: (suite / name).read_bytes() for name in ("suite.lock", "suite.yaml")}
    (suite / "suite.yaml").write_text(kept["suite.yaml"].decode().replace("min_gain: 0.2", "min_gain: 0.3"))
    assert run_cli(["freeze", str(suite), "--bump"]) == 0
    found, given = verify(out), verify(out, suite=suite)
    for name, data in kept.items():
        (suite / name).write_bytes(data)
    # Releasing a suite anew is no offence; who names one wants this one.
    assert (states(found)["suite on disk"], found.exit_code) == ("unknown", ExitCode.SHIP)
    assert given.tampered == [str(suite / "suite.lock")]


def test_what_is_no_suite_and_no_run_is_not_checked(out: Path, tmp_path: Path) -> None:
    found = verify(out, suite=tmp_path, run=tmp_path)
    assert (found.tampered, found.exit_code) == ([], ExitCode.ERROR)
    told = [(c.name, c.what) for c in found.checks if c.outcome == "unknown" and c.required]
    assert told == [
        ("suite on disk", f"there is no suite at '{tmp_path}'"),
        ("run on disk", f"{tmp_path} holds no run.json"),
    ]


def test_a_signed_promotion_is_its_owner_s(signed: tuple[Path, Path]) -> None:
    folder, public = signed
    found = verify(folder, public_key=public, look_around=False)
    assert (states(found)["signature"], found.exit_code) == ("ok", ExitCode.SHIP)
    told = verify(folder, look_around=False)
    assert (states(told)["signature"], told.exit_code, told.tampered) == ("unknown", ExitCode.ERROR, [])
    envelope = json.loads((folder / "provenance.sig").read_text())
    assert base64.b64decode(envelope["payload"]) == (folder / "provenance.json").read_bytes()
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert envelope["signatures"][0]["keyid"] == key_id(read_public(public))
    assert stat.S_IMODE((public.with_suffix("")).stat().st_mode) == 0o600


def test_the_signed_bytes_are_those_of_dsse() -> None:
    # The example of the protocol's own page.
    assert encoded("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_openssl_finds_the_signature_good(signed: tuple[Path, Path], tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("the oracle of signatures is the program openssl")
    folder, public = signed
    envelope = json.loads((folder / "provenance.sig").read_text())
    payload = base64.b64decode(envelope["payload"])
    (tmp_path / "signed").write_bytes(b"DSSEv1 28 application/vnd.in-toto+json %d " % len(payload) + payload)
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(public), "-rawin"]
    done = subprocess.run(
        [*command, "-in", str(tmp_path / "signed"), "-sigfile", str(tmp_path / "sig")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Signature Verified Successfully" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
@ANY_BYTE
@given(data=st.data())
def test_any_flipped_byte_of_a_signature_is_found_with_the_key(signed: tuple[Path, Path], data: st.DataObject) -> None:
    folder, public = signed
    file = folder / "provenance.sig"
    at, bit = data.draw(st.integers(0, file.stat().st_size - 1)), data.draw(st.integers(0, 7))

    def flip(content: bytes) -> bytes:
        return content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :]

    with changed(file, flip):
        assert verify(folder, public_key=public, look_around=False).tampered == ["provenance.sig"]
        assert verify(folder, look_around=False).exit_code != ExitCode.SHIP


def test_who_has_no_key_cannot_hide_a_change(signed: tuple[Path, Path], made: Path) -> None:
    folder, public = signed
    with changed(folder / "provenance.sig", None):
        found = verify(folder, public_key=public, look_around=False)
        assert found.tampered == ["provenance.sig"]
        assert verify(folder, look_around=False).tampered == ["provenance.sig"], "the statement says it was signed"
    other = make_signing_key(made / "other")
    with changed(folder / "provenance.json", lambda data: data), changed(folder / "provenance.sig", lambda data: data):
        (folder / "provenance.sig").unlink()
        blessed(folder)
        found = verify(folder, public_key=public, look_around=False)
        assert found.tampered == ["provenance.sig"]
        assert verify(folder, look_around=False).tampered == ["README.md"], "the card tells that it was signed"
    with changed(folder / "provenance.sig", lambda data: data):
        found = verify(folder, public_key=other, look_around=False)
        mine, theirs = key_id(read_public(public))[:12], key_id(read_public(other))[:12]
        assert [c.what for c in found.checks if c.name == "signature"] == [
            f"it is of another key: {mine}, given {theirs}"
        ]
    assert fault(lambda: read_public(made / "owner")).startswith(
        "error[bad-key]: the file holds no public Ed25519 key in PEM\n"
    )
    assert fault(lambda: make_signing_key(made / "owner")) == (
        f"error[key-exists]: there is a file of that name, and a key is never written over\n  at: {made / 'owner'}\n\n"
        "hint: name another file"
    )


def test_without_the_package_signatures_say_what_to_install(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    assert fault(lambda: read_private(made / "owner")) == (
        "error[no-cryptography]: signatures need the package cryptography, which is not installed\n\n"
        "hint: pip install 'evalgate-harness[sign]'"
    )


def test_the_command_lists_every_check(out: Path, capsys: pytest.CaptureFixture[str], made: Path) -> None:
    assert run_cli(["verify", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ok           statement: an in-toto statement, and its checksum fits"
    assert lines[1].startswith("not needed   signature: the provenance is not signed")
    assert lines[-1] == f"{out}: verified"
    with changed(out / "prompts" / "route.j2", lambda data: data + b"!"):
        assert run_cli(["verify", str(out)]) == 1
        lines = capsys.readouterr().out.splitlines()
        assert lines[1].startswith("TAMPERED     files: prompts/route.j2: expected ")
        assert lines[-2:] == [
            "NOT CHECKED  what the files say: not checked: the files above are not those that were promoted",
            f"{out}: TAMPERED: prompts/route.j2",
        ]
        assert run_cli(["verify", str(out), "--format", "json"]) == 1
        told = json.loads(capsys.readouterr().out)
        assert (told["verified"], told["tampered"]) == (False, ["prompts/route.j2"])
    assert run_cli(["keygen", str(made / "third"), "--sign"]) == 0
    assert capsys.readouterr().out == f"{made / 'third.pub'}\n"
