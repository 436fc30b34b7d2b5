"""Sealed runs: nothing of the held-out set lies open, and with the owner's key everything is as in an open run."""

import base64
import json
import re
import stat
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_suite import options, put_adapters, run, write_ledger_suite
from recorder import Recorder

from evalgate import pipeline
from evalgate.backends.fake import FakeBackend
from evalgate.cli import run_cli
from evalgate.config import load_suite_spec
from evalgate.console import decision_text
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.results import Decision, Failure, Prediction, Score
from evalgate.doctor.rescore import rescore
from evalgate.files import Appender, read_keys, read_lines
from evalgate.sealing import BOX_BYTES, IDENTITY_FILE, Seal, make_identity
from evalgate.store import RunFolder, load_run

pytest.importorskip("pyrage", reason="sealing needs the extra `seal`")


@pytest.fixture(autouse=True)
def _no_key_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(IDENTITY_FILE, raising=False)


@pytest.fixture
def key(tmp_path: Path) -> tuple[str, str]:
    """(public key, the file of the private one)."""
    path = tmp_path / "owner.key"
    return make_identity(path), str(path)


def prediction(i: int, output: str = "zebra crossing") -> Prediction:
    return Prediction(example_id=f"e{i}", system="s", task="t", output=output, request_digest=f"d{i}")


@settings(max_examples=40, deadline=None)
@given(outputs=st.lists(st.one_of(st.none(), st.text(max_size=2000)), max_size=5), cut=st.integers(0, 60))
def test_sealed_lines_come_back_whole_with_the_key_and_only_with_it(
    tmp_path_factory: pytest.TempPathFactory, outputs: list[str | None], cut: int
) -> None:
    folder = tmp_path_factory.mktemp("seal")
    public = make_identity(folder / "key")
    rows = [msgspec.structs.replace(prediction(i), output=text) for i, text in enumerate(outputs)]
    path, mine = folder / "rows.jsonl", Seal([public])
    with Appender(path, mine) as file:
        for row in rows:
            file.write([row])
        assert read_lines(path, Prediction, mine) == rows, "the process that sealed them still knows them"
    with path.open("ab") as torn:
        torn.write(path.read_bytes()[:cut].replace(b"\n", b""))
    assert read_lines(path, Prediction, Seal([public], str(folder / "key"))) == rows
    with Appender(path, mine) as file:
        file.write(rows)
    assert read_lines(path, Prediction, Seal([public], str(folder / "key"))) == rows * 2
    assert [k.request_digest for k in read_keys(path, Prediction, Seal([public]))] == [
        r.request_digest for r in rows * 2
    ]
    if rows:
        with pytest.raises(EvalgateError, match="names no key"):
            read_lines(path, Prediction, Seal([public]))


def test_a_box_does_not_tell_how_long_its_content_is(tmp_path: Path, key: tuple[str, str]) -> None:
    seal = Seal([key[0]])
    # The header's length is random by design of the format; what follows it must not depend on the answer.
    after = {n: len(seal.box(b"x" * n).partition(b"\n--- ")[2].partition(b"\n")[2]) for n in (1, 200, 512, 513)}
    assert after[1] == after[200] == after[BOX_BYTES] < after[BOX_BYTES + 1]


def test_what_the_standard_tools_make_and_open(key: tuple[str, str]) -> None:
    import pyrage

    text = Path(key[1]).read_text()
    assert stat.S_IMODE(Path(key[1]).stat().st_mode) == 0o600
    assert re.fullmatch(rf"# public key: {key[0]}\nAGE-SECRET-KEY-1[0-9A-Z]{{58}}\n", text)
    box = Seal([key[0]]).box(b"{}")
    assert box.startswith(b"age-encryption.org/v1\n")
    assert pyrage.decrypt(box, [pyrage.x25519.Identity.from_str(text.split()[-1])]).strip() == b"{}"


def write_sealed_suite(root: Path, public: str) -> Path:
    return write_ledger_suite(root, f"looks: 2\ndisclosure: verdict\nsealed_for: {public}\nlatency: {{n_pairs: 5}}\n")


def write_open_twin(root: Path) -> Path:
    return write_ledger_suite(root, "looks: 2\nlatency: {n_pairs: 5}\n")


def says_base(prompt: str) -> str:
    """Answers that occur nowhere else and score differently."""
    return "xylophone summary" if prompt.endswith(("1", "4")) else "quagga short"


def says_candidate(prompt: str) -> str:
    if prompt.count("message") > 1:
        return "refund"
    return '{"order": "A1"}' if not prompt.endswith("7") else "marimba summary of nothing at all"


def backend(**more: Any) -> FakeBackend:
    return FakeBackend(says_base, adapters={"good": more.get("candidate", says_candidate), "other": says_base})


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def secrets(twin: Path) -> set[str]:
    """Every answer, long score and long estimate of the open twin's run, as it would be written or shown."""
    data = load_run(twin)
    assert data.decision is not None
    found = {p.output for tasks in data.predictions.values() for rows in tasks.values() for p in rows if p.output}
    numbers = {part for tasks in data.scores.values() for rows in tasks.values() for s in rows for part in s.parts}
    for estimate in [v.estimate for v in data.decision.verdicts] + [s.estimate for s in data.decision.scores]:
        if estimate is not None:
            numbers |= {estimate.value, estimate.low, estimate.high}
    for verdict in data.decision.verdicts:
        found |= {verdict.reason, f'"needed_n": {verdict.needed_n}'} if verdict.needed_n else {verdict.reason}
        numbers |= {p for p in (verdict.p_pass, verdict.p_fail) if p is not None}
    found |= {repr(x) for x in numbers if len(repr(x)) > 5} | {f"{100 * x:.1f}%" for x in numbers if 0 < x < 1}
    found |= {json.dumps(text)[1:-1] for text in found}
    return found - {"refund", '{"order": "A1"}', '{\\"order\\": \\"A1\\"}', *(f"{x}%" for x in ("5.0", "2.5", "50.0"))}


def test_nothing_of_a_sealed_run_lies_open(tmp_path: Path, key: tuple[str, str]) -> None:
    write = [write_sealed_suite(tmp_path / "sealed", key[0]), write_open_twin(tmp_path / "open")]
    for suite in write:
        run(suite, names=("good", "other"), backend=backend())
    hidden, files = secrets(tmp_path / "open" / "run"), everything(tmp_path / "sealed" / "run")
    assert {"xylophone summary", "quagga short", "marimba summary of nothing at all"} < hidden
    assert len(hidden) > 40
    shown = {
        text for text in hidden for data in everything(tmp_path / "open" / "run").values() if text.encode() in data
    }
    assert len(shown) > 30, "the search finds what lies open"
    for name, data in files.items():
        assert [text for text in hidden if text.encode() in data] == [], name
        if name.startswith(("predictions", "scores", "latency")):
            for line in data.splitlines():
                record = json.loads(line)
                assert set(record) == {"example_id", "metric", "request_digest", "sealed"}
                assert base64.b64decode(record["sealed"]).startswith(b"age-encryption.org/v1\n")
    for name in ("decision.json", "report.html", "report.md", "junit.xml"):
        text = re.sub(rb"<style>.*?</style>", b"", files[name], flags=re.S).lower()
        assert [
            word for word in (b"inconclusive", b'estimate": {', b'needed_n": 1', b'p_pass": 0') if word in text
        ] == []
    private = Path(key[1]).read_text().split()[-1].encode()
    assert not any(private in data for data in files.values())


def test_developers_see_pass_or_not_pass_and_the_bound(tmp_path: Path, key: tuple[str, str]) -> None:
    suite = write_sealed_suite(tmp_path, key[0])
    decision = run(suite, names=("good", "other"), backend=backend())
    bound = (
        "Look 1 of 2, alpha 0.025 per look: the chance that any of the 2 decisions ships a candidate that is no better "
        "than the baselines is at most 5%. Only pass or not-pass is disclosed, so this holds however earlier verdicts "
        "guide the next try."
    )
    assert decision_text(decision, "text") == (
        "gate                good  other\n"
        "all required gates  PASS  NOT PASS\n\n"
        "decision: SHIP good: good passes all required gates. Scores and answers are sealed for the release owner.\n"
        f"bound: {bound}\nreport: {tmp_path / 'run' / 'report.html'}\n"
    )
    assert decision.scores == ()
    assert decision.best_baselines == {}
    page = (tmp_path / "run" / "report.html").read_text()
    for part in ("Ship good", "NOT PASS", bound, "better than every baseline", "routing", "--unseal"):
        assert part in page
    assert "| other | NOT PASS |" in (tmp_path / "run" / "report.md").read_text()
    assert (tmp_path / "run" / "junit.xml").read_text().count("<failure") == 1
    [decided] = [
        e for e in map(json.loads, (suite / "ledger.jsonl").read_text().splitlines()) if e["kind"] == "decided"
    ]
    assert (decided["outcome"], decided["candidates"]) == ("ship", {"good": "pass", "other": "not_pass"})


def weak(prompt: str) -> str:
    """Right on four routings: neither a pass nor a fail."""
    return "refund" if prompt.endswith(("e0", " 0", " 1", " 2", " 3")) else '{"order": "A1"}'


@pytest.mark.parametrize("candidate", [says_base, weak])
def test_a_fail_and_an_inconclusive_run_look_the_same(tmp_path: Path, key: tuple[str, str], candidate: Any) -> None:
    suite = write_sealed_suite(tmp_path, key[0])
    decision = run(suite, backend=backend(candidate=candidate))
    [verdict] = decision.verdicts
    assert (decision.outcome, verdict.outcome, verdict.estimate) == ("keep_baseline", "not_pass", None)
    assert (
        decision.reason
        == "No candidate passes all required gates. Scores and answers are sealed for the release owner."
    )
    put_adapters(options(suite))
    argv = ["gate", str(tmp_path / "run")]
    assert run_cli(argv) == 3, "without the key nothing is judged again"


@pytest.mark.slow
def test_with_the_key_a_sealed_run_is_judged_as_its_open_twin(
    tmp_path: Path, key: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed, twin = write_sealed_suite(tmp_path / "sealed", key[0]), write_open_twin(tmp_path / "open")
    said, whole = run(sealed, backend=backend()), run(twin, backend=backend())
    folder = tmp_path / "sealed" / "run"
    with pytest.raises(EvalgateError) as caught:
        pipeline.gate(folder)
    assert str(caught.value) == (
        f"error[sealed]: scores and answers are sealed, and {IDENTITY_FILE} names no key\n"
        f"  at: {folder / 'predictions' / 'zero_shot' / 'summarize.jsonl'}\n\n"
        f"hint: let the release owner, or CI, set {IDENTITY_FILE} to the key's file and run the same command: "
        "what is recorded stays and is not asked again"
    )
    assert pipeline.report(folder) == folder / "report.html"
    monkeypatch.setenv(IDENTITY_FILE, key[1])
    assert pipeline.gate(folder) == said
    data = load_run(folder)
    box = RunFolder(folder).sealed_decision_file.read_bytes()
    opened = msgspec.json.decode(Seal([key[0]], key[1]).unbox(box, ""), type=Decision)
    differs: dict[str, Any] = {"bound": "", "report": "", "serving": ()}  # words and clocks
    assert msgspec.structs.replace(opened, **differs) == msgspec.structs.replace(whole, **differs)
    assert [p.output for p in data.predictions["good"]["route"]] == ["refund"] * 40


@pytest.mark.slow
def test_scores_are_made_again_under_the_seal(
    tmp_path: Path, key: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = run(write_sealed_suite(tmp_path, key[0]), backend=backend())
    folder = tmp_path / "run"
    identity = json.loads((folder / "run.json").read_text())
    identity["signatures"]["summarize.rouge_l"] = "an older count|v0"
    (folder / "run.json").write_text(json.dumps(identity))
    with pytest.raises(EvalgateError, match="scores and answers are sealed"):
        rescore(folder)
    monkeypatch.setenv(IDENTITY_FILE, key[1])
    assert rescore(folder) == ("summarize.rouge_l",)
    kept = read_keys(RunFolder(folder).scores("good", "summarize"), Score, Seal([key[0]]))
    assert {type(line).__name__ for line in kept} == {"SealedLine"}
    assert pipeline.gate(folder) == said


@pytest.mark.slow
def test_the_owner_opens_the_whole_report_elsewhere(
    tmp_path: Path, key: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(write_sealed_suite(tmp_path, key[0]), backend=backend())
    folder, target = tmp_path / "run", tmp_path / "whole.html"
    argv = ["report", str(folder), "--unseal", "-o", str(target)]
    assert run_cli(argv) == 3
    assert not target.exists()
    monkeypatch.setenv(IDENTITY_FILE, key[1])
    before = everything(folder)
    assert run_cli(argv) == 0
    assert "marimba summary" in target.read_text()
    assert everything(folder) == before
    with pytest.raises(UsageError) as caught:
        pipeline.unseal(folder, folder / "deep" / "x.html")
    assert str(caught.value) == (
        "error[unseal-inside]: the open report must not lie in the folder of the sealed run, which others read\n"
        f"  at: {folder / 'deep' / 'x.html'}\n\nhint: name a file elsewhere with `-o FILE.html`"
    )
    capsys.readouterr()
    assert run_cli(["report", str(folder), "--unseal"]) == 64


class Notes(Recorder):
    """Remembers notes as well."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def stopped_run(suite: Path, calls: int) -> None:
    left = calls

    def dying(prompt: str) -> str:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return says_base(prompt)

    with pytest.raises(KeyboardInterrupt):
        run(suite, backend=FakeBackend(dying, adapters={"good": says_candidate}))


@pytest.mark.slow
@pytest.mark.parametrize("calls", [1, 57, 239])
def test_a_killed_sealed_run_goes_on_without_the_key_and_is_judged_with_it(
    tmp_path: Path, key: tuple[str, str], monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    suite = write_sealed_suite(tmp_path, key[0])
    stopped_run(suite, calls)
    rest, notes = backend(), Notes()
    with pytest.raises(EvalgateError, match=r"error\[sealed\]"):
        pipeline.run(options(suite), notes, rest)
    assert notes.notes == [
        "this run was begun by another process, and what that scored is sealed: answers are completed now, but timing "
        f"and judging will ask for the owner's key ({IDENTITY_FILE})"
    ]
    assert sum("dev " not in prompt for _, prompt in rest.asked) == 240 - calls + 200, "only what is missing is asked"
    monkeypatch.setenv(IDENTITY_FILE, key[1])
    last, quiet = backend(), Notes()
    decision = pipeline.run(options(suite), quiet, last)
    assert decision.outcome == "ship"
    assert quiet.notes == []
    assert len(last.asked) == 2 * (5 + 5), "only the timing was missing"
    data = load_run(tmp_path / "run")
    for tasks in data.scores.values():
        for scores in tasks.values():
            assert len({(s.example_id, s.metric) for s in scores}) == len(scores)


@pytest.mark.slow
def test_a_sealed_answer_that_lost_its_scores_is_asked_again(
    tmp_path: Path, key: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = write_sealed_suite(tmp_path, key[0])
    run(suite, backend=backend())
    monkeypatch.setenv(IDENTITY_FILE, key[1])
    path = tmp_path / "run" / "scores" / "zero_shot" / "extract.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    again = backend()
    assert run(suite, backend=again).outcome == "ship"
    assert len(again.asked) == 1
    n_metrics = 2
    assert len(read_lines(path, Score, Seal([key[0]], key[1]))) == 40 * n_metrics


def test_an_uninterrupted_run_needs_no_key_and_the_wrong_one_is_named(
    tmp_path: Path, key: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = write_sealed_suite(tmp_path, key[0])
    assert run(suite, backend=backend()).outcome == "ship"
    make_identity(tmp_path / "stranger.key")
    monkeypatch.setenv(IDENTITY_FILE, str(tmp_path / "stranger.key"))
    with pytest.raises(EvalgateError) as caught:
        pipeline.gate(tmp_path / "run")
    assert str(caught.value).startswith(
        f"error[sealed]: what is sealed here does not open with the key of {IDENTITY_FILE}\n"
    )


def test_a_sealed_and_an_open_run_are_never_one(tmp_path: Path, key: tuple[str, str]) -> None:
    suite = write_open_twin(tmp_path)
    run(suite, backend=backend())
    path = suite / "suite.yaml"
    path.write_text(path.read_text().replace("looks: 2", f"looks: 2\ndisclosure: verdict\nsealed_for: {key[0]}"))
    assert run_cli(["freeze", str(suite), "--bump"]) == 0
    with pytest.raises(UsageError, match="other-run"):
        pipeline.run(options(suite), Recorder(), backend())


def test_keys_that_are_none(tmp_path: Path, key: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["keygen", key[1]]) == 64
    assert capsys.readouterr().err == (
        "error[key-exists]: there is a file of that name, and a key is never written over\n"
        f"  at: {key[1]}\n\nhint: name another file\n"
    )
    assert run_cli(["keygen", str(tmp_path / "new.key")]) == 0
    assert re.fullmatch(r"age1[a-z0-9]{58}\n", capsys.readouterr().out)
    with pytest.raises(UsageError) as caught:
        Seal(["age1" + "q" * 58])
    assert str(caught.value) == (
        f"error[bad-recipient]: no public key of age: age1{'q' * 58}\n\n"
        "hint: write what `evalgate keygen FILE` printed to `sealed_for` in suite.yaml"
    )
    (tmp_path / "text").write_text("# no key\n")
    for name in ("text", "nowhere"):
        with pytest.raises(UsageError) as caught:
            Seal([key[0]], str(tmp_path / name))
        assert str(caught.value) == (
            f"error[bad-identity]: the file that {IDENTITY_FILE} names holds no private key of age\n"
            f"  at: {tmp_path / name}\n\n"
            "hint: name the file that `evalgate keygen FILE` or age-keygen wrote, or unset the variable"
        )


def test_without_the_library_the_fix_is_named(key: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrage", None)
    with pytest.raises(EvalgateError) as caught:
        Seal([key[0]])
    assert str(caught.value) == (
        "error[no-pyrage]: sealing needs the package pyrage, which is not installed\n\n"
        "hint: pip install 'evalgate-harness[seal]'"
    )


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (
            "disclosure: verdict\n",
            "`disclosure: verdict` needs `sealed_for`, the release owner's public key; "
            "`evalgate keygen FILE` makes one",
        ),
        (f"sealed_for: age1{'q' * 58}\n", "nothing is sealed without `disclosure: verdict`"),
        ("disclosure: verdict\nsealed_for: [me]\n", "'me' is no public key of age: those are 'age1' and 58 characters"),
    ],
)
def test_a_suite_says_for_whom_it_seals(tmp_path: Path, head: str, text: str) -> None:
    suite = write_ledger_suite(tmp_path, "")
    path = suite / "suite.yaml"
    path.write_text(path.read_text().replace("gates:", f"{head}gates:", 1))
    with pytest.raises(UsageError) as caught:
        load_suite_spec(suite)
    assert text in str(caught.value)


def test_a_failure_stays_sealed_too(tmp_path: Path, key: tuple[str, str]) -> None:
    path = tmp_path / "rows.jsonl"
    row = msgspec.structs.replace(prediction(1), output=None, failure=Failure(code="prompt-too-long"))
    with Appender(path, Seal([key[0]])) as file:
        file.write([row])
    assert b"prompt-too-long" not in path.read_bytes()
    assert [line.example_id for line in read_keys(path, Prediction, Seal([key[0]]))] == ["e1"]
