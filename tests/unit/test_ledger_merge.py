"""The ledger in git: branches that both took looks merge without a conflict, and what they took together counts."""

import os
import shutil
import subprocess
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_suite import bump, options, run, write_heldout, write_ledger_suite

from evalgate import pipeline
from evalgate.cli import run_cli
from evalgate.config import load_suite_spec
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.planning import make_plan
from evalgate.suite.chain import Claim, read_chain
from evalgate.suite.frozen import freeze
from evalgate.suite.ledger import open_ledger, read_ledger, take

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
ALONE = {
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b",
}  # fmt: skip


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", *arguments], cwd=folder, env={**os.environ, **ALONE}, check=True, capture_output=True, timeout=30
    )


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-qm", "work")


def claim(name: str, run: str = "r") -> Claim:
    return Claim(
        candidates_digest=name, heldout_digest="h", policy_digest="p", suite_digest="s", candidates=(name,),
        n_heldout=4, alpha=0.025, run=run,
    )  # fmt: skip


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    suite = write_ledger_suite(tmp_path)
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / ".gitignore").write_text("/run*\n")
    commit(tmp_path)
    return suite


def branch(suite: Path, name: str, *claims: Claim) -> None:
    """A branch off main on which these looks were taken."""
    root = suite.parents[1]
    git(root, "checkout", "-qb", name, "main")
    for each in claims:
        take(suite, each)
    commit(root)


@needs_git
def test_two_branches_take_a_look_each_and_merge_without_conflict(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = suite.parents[1]
    git(root, "checkout", "-qb", "mine")
    first = run(suite, out="run-mine")
    commit(root)
    git(root, "checkout", "-qb", "yours", "main")
    run(suite, out="run-yours", names=("other",))
    commit(root)
    git(root, "merge", "-q", "--no-edit", "mine")
    assert run_cli(["ledger", str(suite)]) == 0
    table, state = capsys.readouterr().out.rsplit("\n\n", 1)
    assert {row.split()[2] for row in table.splitlines()[1:]} == {"good", "other"}
    assert state.startswith("2 of 2 looks used, 0 left; alpha 0.05 spent, 0 left\nIt is time for fresh examples: ")
    again = run(suite, out="run-mine")
    assert (again.outcome, again.verdicts) == (first.outcome, first.verdicts)
    assert run(suite, out="run-anew").outcome == first.outcome
    assert len(open_ledger(suite).heads) == 2, "what was decided before the merge is not written again"
    with pytest.raises(UsageError, match="ledger-spent"):
        run(suite, out="run-third", names=("good", "other"))


@needs_git
def test_the_next_run_builds_on_both_sides(tmp_path: Path) -> None:
    suite = write_ledger_suite(tmp_path, "looks: 4\n")
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path)
    branch(suite, "mine", claim("a"))
    branch(suite, "yours", claim("b"))
    git(tmp_path, "merge", "-q", "--no-edit", "mine")
    ledger = open_ledger(suite)
    assert (ledger.used, len(ledger.heads)) == (2, 2)
    assert run(suite, out="run").outcome == "keep_baseline"
    after = open_ledger(suite)
    assert (after.used, len(after.heads)) == (3, 1)
    assert after.history[2].parents == ledger.heads


@needs_git
def test_the_same_look_on_both_branches_counts_once(suite: Path) -> None:
    branch(suite, "mine", claim("a", "mine"))
    branch(suite, "yours", claim("a", "yours"))
    git(suite.parents[1], "merge", "-q", "--no-edit", "mine")
    ledger = open_ledger(suite)
    assert (ledger.used, ledger.left, len(ledger.chain.entries)) == (1, 1, 3)
    assert take(suite, claim("a")).number == 1
    assert take(suite, claim("b")).number == 2


@needs_git
@pytest.mark.parametrize("how", ["edited", "cut in the middle", "one side only"])
def test_an_edited_or_cut_ledger_is_refused_after_the_merge_too(suite: Path, how: str) -> None:
    branch(suite, "mine", claim("a"))
    branch(suite, "yours", claim("b"))
    git(suite.parents[1], "merge", "-q", "--no-edit", "mine")
    take(suite, claim("a"))
    path = suite / "ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    if how == "edited":
        lines[1] = lines[1].replace(b'"run":"r"', b'"run":"x"')
        said = "the ledger lacks a line that ledger.digests names: cut or edited"
    elif how == "cut in the middle":
        del lines[0]
        said = "a line before this one is missing or was edited"
    else:
        del lines[2]
        said = "the ledger lacks a line that ledger.digests names: cut or edited"
    path.write_bytes(b"".join(lines))
    with pytest.raises(EvalgateError) as caught:
        make_plan(options(suite))
    assert caught.value.code == "ledger-broken"
    assert caught.value.what == said


@needs_git
def test_branches_that_spent_too_much_together_are_told_so(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(suite, out="run")
    commit(suite.parents[1])
    branch(suite, "mine", claim("a"))
    branch(suite, "yours", claim("b"))
    git(suite.parents[1], "merge", "-q", "--no-edit", "mine")
    last = open_ledger(suite).history[-1].claim
    told = (
        "Branches that did not know of each other took 3 looks where 2 were declared; too many: look 3 "
        f"({last.candidates[0]}; run r). The chance that any of the 3 decisions ships wrongly is bounded by 0.075 only."
    )
    with pytest.raises(UsageError) as caught:
        run(suite, out="run-new", names=("other",))
    assert str(caught.value) == (
        f"error[ledger-overspent]: {told}\n  at: {suite / 'ledger.jsonl'}\n\n"
        "hint: Freeze a new set: write examples that were never used into every heldout.jsonl and run "
        f"`evalgate freeze {suite} --bump`"
    )
    assert run_cli(["ledger", str(suite)]) == 0
    state = capsys.readouterr().out.rsplit("\n\n", 1)[1].splitlines()
    assert state[:2] == ["3 of 2 looks used, 0 left; alpha 0.075 spent, 0 left", told]
    assert state[2].startswith("It is time for fresh examples: ")
    assert pipeline.gate(suite.parents[1] / "run").bound.endswith(told), "a report's bound no longer holds"


@needs_git
def test_a_count_opened_on_both_branches_is_one(tmp_path: Path) -> None:
    suite = write_ledger_suite(tmp_path, "")
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path)
    for name, looks in (("mine", 3), ("yours", 2)):
        git(tmp_path, "checkout", "-qb", name, "main")
        path = suite / "suite.yaml"
        path.write_text(path.read_text().replace("gates:", f"looks: {looks}\ngates:"))
        bump(suite)
        take(suite, claim(name))
        commit(tmp_path)
    with pytest.raises(subprocess.CalledProcessError):  # suite.yaml and suite.lock say different things
        git(tmp_path, "merge", "-q", "--no-edit", "mine")
    git(tmp_path, "checkout", "--ours", "suites/desk/suite.yaml", "suites/desk/suite.lock")
    freeze(suite, load_suite_spec(suite))
    ledger = open_ledger(suite)
    assert (ledger.looks, ledger.used) == (2, 2)


def test_a_fresh_set_after_a_merge_closes_what_both_sides_had(tmp_path: Path) -> None:
    suite = write_ledger_suite(tmp_path)
    take(suite, claim("a"))
    write_heldout(suite, range(100, 140))
    bump(suite)
    assert [count.open for count in open_ledger(suite).counts] == [False, True]
    assert open_ledger(suite).used == 0


@settings(max_examples=20, deadline=None)
@given(shape=st.lists(st.integers(0, 2), max_size=4), order=st.randoms(use_true_random=False))
def test_the_order_and_number_of_copies_of_lines_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, shape: list[int], order: object
) -> None:
    """Branches of any shape, their lines in any order and twice over, read the same."""
    suite = write_ledger_suite(tmp_path_factory.mktemp("law"), "looks: 9\n", 4)
    path, digests = suite / "ledger.jsonl", suite / "ledger.digests"
    fork = path.read_bytes(), digests.read_bytes()
    sides: list[list[bytes]] = []
    for side, n_looks in enumerate(shape):
        path.write_bytes(fork[0])
        digests.write_bytes(fork[1])
        for number in range(n_looks):
            take(suite, claim(f"{side % 2}-{number}"))
        sides.append(path.read_bytes().splitlines(keepends=True)[1:])
    lines = [fork[0], *(line for side in sides for line in side)]
    path.write_bytes(b"".join(lines))
    digests.write_bytes(b"")
    straight = read_chain(path.read_bytes(), path)
    order.shuffle(lines)  # type: ignore[attr-defined]
    again = read_chain(b"".join([*lines, *lines]), path)
    assert list(again.entries) == list(straight.entries)
    looks = {f"{side % 2}-{number}" for side, n in enumerate(shape) for number in range(n)}
    named = {entry.claim.candidates_digest for entry in straight.entries.values() if hasattr(entry, "claim")}
    assert named == looks


def test_a_ledger_says_the_same_whichever_side_was_merged_first(tmp_path: Path) -> None:
    suite = write_ledger_suite(tmp_path, "looks: 3\n", 4)
    path, digests = suite / "ledger.jsonl", suite / "ledger.digests"
    fork, names = path.read_bytes(), digests.read_bytes()
    sides = []
    for name in "abc":
        path.write_bytes(fork)
        digests.write_bytes(names)
        take(suite, claim(name))
        sides.append((path.read_bytes()[len(fork) :], digests.read_bytes()[len(names) :]))
    found = set()
    for one in permutations(sides):
        path.write_bytes(fork + b"".join(line for line, _ in one))
        digests.write_bytes(names + b"".join(digest for _, digest in one))
        ledger = read_ledger(suite)
        assert ledger is not None
        found.add(tuple(taken.claim.candidates_digest for taken in ledger.history))
    assert len(found) == 1
