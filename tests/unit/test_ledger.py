"""The ledger: what counts as a look, what does not, and who is refused."""

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_suite import base, better, bump, options, right, run, write_heldout, write_ledger_suite

from evalgate import pipeline
from evalgate.backends.fake import FakeBackend
from evalgate.cli import run_cli
from evalgate.config import load_suite_spec
from evalgate.core.data import GateSpec
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.looks import look_alpha
from evalgate.planning import make_plan
from evalgate.store import load_run
from evalgate.suite.chain import Claim
from evalgate.suite.frozen import freeze
from evalgate.suite.ledger import contents_of, open_ledger, read_ledger, take
from evalgate.suite.lock import read_lock


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return write_ledger_suite(tmp_path)


def used(suite: Path) -> int:
    return open_ledger(suite).used


def lines(suite: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (suite / "ledger.jsonl").read_text().splitlines()]


def claim(name: str, alpha: float = 0.005) -> Claim:
    return Claim(
        candidates_digest=name, heldout_digest="h", policy_digest="p", suite_digest="s", candidates=(name,),
        n_heldout=4, alpha=alpha, run="r",
    )  # fmt: skip


def test_freezing_opens_the_ledger_and_the_lock_names_its_first_line(suite: Path) -> None:
    [opened] = lines(suite)
    assert (opened["kind"], opened["looks"], len(opened["contents"]), opened["parents"]) == ("opened", 2, 40, [])
    lock, ledger = read_lock(suite), read_ledger(suite)
    assert lock is not None
    assert ledger is not None
    assert ledger.heads == (lock.ledger,)
    assert (suite / ".gitattributes").read_text() == (
        "ledger.jsonl text eol=lf merge=union\nledger.digests text eol=lf merge=union\n"
    )
    before = (suite / "ledger.jsonl").read_bytes()
    freeze(suite, load_suite_spec(suite))
    assert (suite / "ledger.jsonl").read_bytes() == before


def test_a_look_is_written_with_what_it_looked_at_and_what_it_said(suite: Path) -> None:
    decision = run(suite)
    _, look, decided = lines(suite)
    lock = read_lock(suite)
    assert lock is not None
    assert (look["kind"], look["opened"], look["claim"]["alpha"], look["claim"]["n_heldout"]) == (
        "look",
        lock.ledger,
        0.025,
        200,
    )
    assert look["claim"]["run"] == load_run(suite.parents[1] / "run").run.id
    assert (decided["kind"], decided["outcome"], decided["candidates"]) == (
        "decided",
        "keep_baseline",
        {"good": "fail"},
    )
    assert decision.outcome == "keep_baseline"
    assert (suite / "ledger.digests").read_text().splitlines() == list(open_ledger(suite).chain.entries)


def test_every_gate_is_judged_at_its_alpha_over_the_looks_and_holm_inside(suite: Path) -> None:
    decision = run(suite, names=("good", "other"))
    assert {v.gate: v.alpha for v in decision.verdicts} == {"routing": 0.0125, "json": 0.01}
    levels = {v.estimate.level for v in decision.verdicts if v.gate == "routing" and v.estimate}
    assert levels == {1 - 2 * 0.0125}
    sentence = next(v.reason for v in decision.verdicts if v.gate == "routing" and v.outcome == "pass")
    assert "at most 1.2% of the time" in sentence


@pytest.mark.slow
def test_the_same_set_is_one_look_however_often_and_wherever(suite: Path, tmp_path: Path) -> None:
    first = run(suite)
    before = (suite / "ledger.jsonl").read_bytes()
    assert run(suite) == first
    assert run(suite, out="elsewhere").outcome == first.outcome
    assert pipeline.gate(tmp_path / "run").outcome == first.outcome
    recipe = suite / "candidates" / "good.yaml"
    recipe.write_text(recipe.read_text() + "description: other words\n".replace("description", "# description"))
    assert run(suite, out="third").outcome == first.outcome
    assert (suite / "ledger.jsonl").read_bytes() == before


def test_the_sets_digest_knows_no_folder(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b/c"):
        suite = write_ledger_suite(tmp_path / name)
        replay = suite / "replay.jsonl"
        replay.write_text('{"prompt": "hi", "completion": "ho"}\n' * 9)
        recipe = suite / "candidates" / "good.yaml"
        recipe.write_text(recipe.read_text() + "replay: {path: ../replay.jsonl, share: 0.1}\n")
        plan = make_plan(options(suite))
        assert plan.claim is not None
        found.append(plan.claim.key)
        replay.write_text('{"prompt": "hi", "completion": "hm"}\n' * 9)
        changed = make_plan(options(suite)).claim
        assert changed is not None
        assert changed.key[0] != plan.claim.key[0]
    assert found[0] == found[1]


def test_another_set_is_another_look_and_a_run_without_candidates_is_none(suite: Path) -> None:
    run(suite, out="none", names=())
    assert used(suite) == 0
    run(suite)
    run(suite, out="two", names=("other",))
    assert used(suite) == 2


@pytest.mark.parametrize("change", ["gates", "limit", "training rows", "template"])
def test_what_could_change_the_decision_makes_another_look(suite: Path, change: str) -> None:
    run(suite)
    more = {}
    if change == "gates":
        path = suite / "suite.yaml"
        path.write_text(path.read_text().replace("min_gain: 0.2", "min_gain: 0.1"))
        bump(suite)
    elif change == "limit":
        more = {"limit": 30}
    elif change == "training rows":
        path = suite / "route" / "train.jsonl"
        path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
        bump(suite)
    else:
        path = suite.parents[1] / "baselines" / "desk" / "zero-shot" / "text.j2"
        path.write_text(path.read_text() + "!\n")
    run(suite, out="again", **more)
    assert used(suite) == 2


def test_the_same_set_on_an_extended_held_out_set_is_a_new_look(suite: Path) -> None:
    run(suite)
    write_heldout(suite, range(60))
    bump(suite)
    assert lines(suite)[-1]["kind"] == "extended"
    assert used(suite) == 1
    run(suite, out="longer")
    assert used(suite) == 2


@pytest.mark.parametrize("kept", [range(60), range(20), range(39, 80), range(40)])
def test_a_set_that_shares_one_example_goes_on_counting(suite: Path, kept: range) -> None:
    run(suite)
    write_heldout(suite, kept)
    text = (suite / "route" / "heldout.jsonl").read_text().replace("route-heldout-", "renamed-")
    (suite / "route" / "heldout.jsonl").write_text(text)
    bump(suite)
    assert used(suite) == 1


def test_a_wholly_fresh_set_counts_anew_and_the_old_one_never_comes_back(suite: Path) -> None:
    run(suite)
    write_heldout(suite, range(100, 140))
    bump(suite)
    assert used(suite) == 0
    write_heldout(suite, range(39, 80))
    with pytest.raises(UsageError) as caught:
        bump(suite)
    assert str(caught.value) == (
        "error[ledger-reused]: 1 of 41 held-out examples were in an earlier held-out set of this suite\n"
        f"  at: {suite / 'ledger.jsonl'}\n\n"
        "hint: take them out: a set that is counted anew holds no example that has decided before"
    )


def test_spent_looks_are_refused_before_anything_is_asked(suite: Path) -> None:
    run(suite)
    write_heldout(suite, range(60))
    bump(suite)
    run(suite, out="two")
    write_heldout(suite, range(80))
    bump(suite)
    backend = FakeBackend(base, adapters={"good": better})
    with pytest.raises(UsageError) as caught:
        pipeline.run(options(suite, "three"), None, backend)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "error[ledger-spent]: This held-out set has decided 2 times. More decisions would mostly reward luck.\n"
        f"  at: {suite / 'ledger.jsonl'}\n\n"
        "hint: Freeze a new set: write examples that were never used into every heldout.jsonl and run "
        f"`evalgate freeze {suite} --bump`"
    )
    assert backend.asked == []
    assert not (suite.parents[1] / "three").exists()
    assert pipeline.gate(suite.parents[1] / "two").outcome == "keep_baseline"


def edit_first(data: list[bytes]) -> list[bytes]:
    return [data[0].replace(b'"looks":2', b'"looks":9'), *data[1:]]


def edit_last(data: list[bytes]) -> list[bytes]:
    return [*data[:-1], data[-1].replace(b"keep_baseline", b"inconclusive.")]


BEFORE = "a line before this one is missing or was edited"
END = "the ledger lacks a line that ledger.digests names: cut or edited"
TAMPERED = {
    "an edited line": (edit_first, BEFORE, ":2"),
    "a missing line": (lambda data: [data[0], data[2]], BEFORE, ":2"),
    "a missing first line": (lambda data: data[1:], BEFORE, ":1"),
    "a missing end": (lambda data: data[:2], END, ""),
    "an edited end": (edit_last, END, ""),
    "no text": (lambda data: [b"look 1\n", *data[1:]], "a line of the ledger cannot be read", ":1"),
    "nothing": (lambda data: [], "the ledger lacks 3 lines that ledger.digests names: cut or edited", ""),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_ledger_that_was_tampered_with_is_refused(suite: Path, name: str) -> None:
    change, what, line = TAMPERED[name]
    run(suite)
    path = suite / "ledger.jsonl"
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(EvalgateError) as caught:
        make_plan(options(suite))
    assert str(caught.value) == (
        f"error[ledger-broken]: {what}\n  at: {path}{line}\n\n"
        f"hint: restore ledger.jsonl and ledger.digests with `git checkout {suite}` (after a merge: keep the lines of "
        "both sides); commit them after every look, and let nobody edit them"
    )
    path.unlink()
    with pytest.raises(EvalgateError, match="the ledger is gone"):
        bump(suite)


def test_a_look_that_the_ledger_has_lost_is_missed_by_the_run_that_took_it(suite: Path) -> None:
    saved = {name: (suite / name).read_bytes() for name in ("ledger.jsonl", "ledger.digests")}
    run(suite)
    for name, data in saved.items():
        (suite / name).write_bytes(data)
    with pytest.raises(EvalgateError) as caught:
        run(suite)
    said = "the ledger lacks look 1, which this run has taken: it was cut, or its branch is not merged"
    assert str(caught.value).startswith(f"error[ledger-broken]: {said}\n")


@pytest.mark.parametrize("cut", [1, 40, -1])
def test_a_line_torn_by_a_kill_is_neither_lost_nor_counted_twice(suite: Path, cut: int) -> None:
    path = suite / "ledger.jsonl"
    whole, digests = path.read_bytes(), (suite / "ledger.digests").read_bytes()
    take(suite, claim("a"))
    line = path.read_bytes()[len(whole) :]
    path.write_bytes(whole + line[:cut])  # as if the process had died while it wrote the line
    (suite / "ledger.digests").write_bytes(digests)
    assert used(suite) == 0
    assert take(suite, claim("a")).number == 1
    assert used(suite) == 1
    assert [entry["kind"] for entry in lines(suite)] == ["opened", "look"]


@pytest.mark.parametrize("torn", [b"", b"0123"])
def test_a_kill_between_the_two_files_loses_nothing(suite: Path, torn: bytes) -> None:
    digests = suite / "ledger.digests"
    before = digests.read_bytes()
    take(suite, claim("a"))
    whole = digests.read_bytes()
    digests.write_bytes(before + torn)
    assert used(suite) == 1
    assert take(suite, claim("b")).number == 2
    assert digests.read_bytes().startswith(whole)


def test_digests_that_are_gone_are_missed(suite: Path) -> None:
    (suite / "ledger.digests").unlink()
    with pytest.raises(EvalgateError, match=r"ledger\.digests is gone, or its beginning is"):
        make_plan(options(suite))


def try_to_take(suite: str, name: str, results: Any) -> None:
    try:
        results.put(take(Path(suite), claim(name)).number)
    except UsageError as error:
        results.put(error.code)


def test_of_many_at_once_only_as_many_get_a_look_as_there_are(suite: Path) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    workers = [context.Process(target=try_to_take, args=(str(suite), f"set {i}", results)) for i in range(6)]
    for worker in workers:
        worker.start()
    said = [results.get(timeout=30) for _ in workers]
    for worker in workers:
        worker.join()
    assert sorted(map(str, said)) == ["1", "2", *["ledger-spent"] * 4]
    assert used(suite) == 2


@settings(max_examples=25, deadline=None)
@given(names=st.lists(st.sampled_from("abcde"), max_size=12), looks=st.integers(1, 4))
def test_looks_count_different_sets_and_never_more_than_declared(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], looks: int
) -> None:
    suite = write_ledger_suite(tmp_path_factory.mktemp("law"), f"looks: {looks}\n", 4)
    known: list[str] = []
    for name in names:
        if name in known or len(known) < looks:
            known += [name] if name not in known else []
            look = take(suite, claim(name, 0.05 / looks))
            assert look.number == known.index(name) + 1
            assert look.bound == pytest.approx(0.05)
        else:
            with pytest.raises(UsageError, match="ledger-spent"):
                take(suite, claim(name))
    assert used(suite) == len(known) <= looks


def test_the_bound_adds_up_what_each_look_was_allowed(suite: Path) -> None:
    assert take(suite, claim("a", 0.05)).bound == pytest.approx(0.1)
    assert take(suite, claim("b", 0.01)).bound == pytest.approx(0.06)


@pytest.mark.parametrize(("line", "said"), [("looks: 3\n", "suite.yaml now says 3"), ("", "suite.yaml declares none")])
def test_the_number_of_looks_is_declared_once(suite: Path, line: str, said: str) -> None:
    path = suite / "suite.yaml"
    path.write_text(path.read_text().replace("looks: 2\n", line))
    before = path.read_bytes(), (suite / "ledger.jsonl").read_bytes()
    with pytest.raises(UsageError) as caught:
        bump(suite)
    assert str(caught.value) == (
        f"error[ledger-looks]: this held-out set was declared with 2 looks, 0 of them used; {said}\n  at: {path}\n\n"
        "hint: write `looks: 2` again: another number needs a fresh held-out set"
    )
    assert before == (path.read_bytes(), (suite / "ledger.jsonl").read_bytes())


def test_a_run_judges_itself_where_its_suite_is_gone(suite: Path, tmp_path: Path) -> None:
    first = run(suite)
    suite.rename(tmp_path / "away")
    assert pipeline.gate(tmp_path / "run") == first
    assert {v.alpha for v in first.verdicts} == {0.025, 0.01}


def test_a_run_that_never_took_its_look_is_not_judged(suite: Path, tmp_path: Path) -> None:
    def dying(prompt: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(suite, backend=FakeBackend(dying))
    assert used(suite) == 0
    with pytest.raises(EvalgateError) as caught:
        pipeline.gate(tmp_path / "run")
    assert str(caught.value) == (
        "error[no-look]: this run has not taken its look at the held-out set: it was stopped before a candidate was "
        f"asked\n  at: {tmp_path / 'run'}\n\nhint: go on with `evalgate run {suite} -o {tmp_path / 'run'}`"
    )


def test_a_kill_while_a_candidate_answers_has_taken_the_look_once(suite: Path) -> None:
    def dying(prompt: str) -> str:
        if "dev" in prompt:  # the validity checks ask dev examples, and before the look
            return "something else"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(suite, backend=FakeBackend(base, adapters={"good": dying}))
    assert used(suite) == 1
    run(suite)
    assert used(suite) == 1


@pytest.mark.slow
def test_a_rerun_that_says_something_else_names_what_was_said_first(suite: Path) -> None:
    run(suite)
    assert "said first" not in run(suite, out="again").bound
    third = run(suite, out="third", backend=FakeBackend(base, adapters={"good": right}))
    assert third.outcome == "ship"
    assert third.bound.endswith(
        " The ledger holds what look 1 said first: keep_baseline. Only that is under its error bound."
    )


FULL = (
    "Look 1 of 2, alpha 0.025 per look: the chance that any of the 2 decisions ships a candidate that is no better "
    "than the baselines is at most 5%, if no candidate was chosen by the scores of earlier looks. The scores are "
    "disclosed here, and the bound does not hold against tuning on them: simulated, such a team shipped wrongly in up "
    "to 14% of 10-look ledgers."
)
NONE = (
    "No ledger is kept (`looks` in suite.yaml): each gate has its own error rate, and nothing bounds the error of "
    "repeated decisions on this held-out set."
)


@pytest.mark.parametrize(("head", "text"), [("looks: 2\n", FULL), ("", NONE)])
def test_the_reports_say_which_bound_holds(tmp_path: Path, head: str, text: str) -> None:
    suite = write_ledger_suite(tmp_path, head)
    decision = run(suite)
    assert decision.bound == text
    start = text.partition(" (")[0].partition(",")[0]
    for name in ("report.html", "report.md"):
        assert start in (tmp_path / "run" / name).read_text()
    assert {v.gate: v.alpha for v in decision.verdicts}["routing"] == (0.025 if head else 0.05)


def test_the_level_of_a_look_is_that_of_the_gates_a_worthless_candidate_must_pass() -> None:
    gain = GateSpec(name="a", metric="t.m", rule="better_than_baselines", alpha=0.05)
    floor = GateSpec(name="b", metric="t.m", rule="at_least", limit=0.5, alpha=0.2)
    extra = GateSpec(name="c", metric="t.n", rule="better_than_baselines", alpha=0.4, required=False)
    assert look_alpha([gain, floor, extra], 10) == pytest.approx(0.005)
    assert look_alpha([floor, extra], 10) == pytest.approx(0.02)
    assert look_alpha([extra], 10) == pytest.approx(0.04)


def test_a_gate_that_could_pass_only_at_its_own_alpha_is_refused(tmp_path: Path) -> None:
    # 40 right answers in 20 clusters prove 80% at .02 but not at .002.
    for looks, refused in ((1, False), (10, True)):
        suite = write_ledger_suite(tmp_path / str(looks), f"looks: {looks}\n")
        path = suite / "suite.yaml"
        path.write_text(path.read_text().replace("limit: 0.5", "limit: 0.8"))
        bump(suite)
        if refused:
            with pytest.raises(UsageError, match="gate 'json' cannot pass: 40 examples"):
                make_plan(options(suite))
        else:
            assert make_plan(options(suite)).claim is not None


def test_more_examples_are_said_to_cost_a_look(tmp_path: Path) -> None:
    suite = write_ledger_suite(tmp_path)

    def half(prompt: str) -> str:
        return "refund" if int(prompt.rsplit(maxsplit=1)[-1]) < 5 else "no"

    decision = run(suite, backend=FakeBackend(base, adapters={"good": half}))
    [routing] = [v for v in decision.verdicts if v.gate == "routing"]
    assert routing.outcome == "inconclusive"
    assert routing.reason.endswith("Adding them uses one more look: 1 of 2 left.")


def test_the_command_shows_the_looks(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fresh = f"write examples that were never used into every heldout.jsonl and run `evalgate freeze {suite} --bump`."
    assert run_cli(["ledger", str(suite)]) == 0
    assert capsys.readouterr().out == "0 of 2 looks used, 2 left; alpha 0 spent, 0.05 left\n"
    run(suite)
    assert run_cli(["ledger", str(suite)]) == 0
    table, state = capsys.readouterr().out.rsplit("\n\n", 1)
    assert state == (
        f"1 of 2 looks used, 1 left; alpha 0.025 spent, 0.025 left\nOnly one look is left; for more: {fresh}\n"
    )
    assert table.splitlines()[0].split() == ["look", "date", "candidates", "examples", "alpha", "decision", "run"]
    assert table.splitlines()[1].split()[2:6] == ["good", "200", "0.025", "keep_baseline"]
    assert run_cli(["ledger", str(suite), "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["looks"], said["used"], said["left"], said["taken"][0]["decision"]) == (2, 1, 1, "keep_baseline")
    assert (said["alpha_spent"], said["alpha_left"], said["overspent"]) == (0.025, 0.025, "")
    assert said["fresh_examples"] == "soon"
    take(suite, claim("last", 0.025))
    assert run_cli(["ledger", str(suite)]) == 0
    assert capsys.readouterr().out.rsplit("\n\n", 1)[1] == (
        f"2 of 2 looks used, 0 left; alpha 0.05 spent, 0 left\nIt is time for fresh examples: {fresh}\n"
    )


def test_a_suite_without_looks_has_no_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = write_ledger_suite(tmp_path, "")
    run(suite)
    assert not (suite / "ledger.jsonl").exists()
    assert run_cli(["ledger", str(suite)]) == 0
    assert capsys.readouterr().out == (
        "no ledger: declare `looks: 10` in suite.yaml and freeze; until then nothing bounds repeated decisions\n"
    )


def test_contents_are_what_systems_are_given(suite: Path) -> None:
    examples = make_plan(options(suite)).suite.tasks["route"].splits["heldout"]
    assert len(contents_of(examples)) == 40
    assert contents_of(examples[:1]) < contents_of(examples)
