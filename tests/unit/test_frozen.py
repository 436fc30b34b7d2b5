"""A frozen suite: what changed after freezing is refused, by line."""

import json
from pathlib import Path

import pytest
from small_suite import rows_of, write_rows, write_suite

from evalgate.config import load_suite_spec
from evalgate.core.data import Suite
from evalgate.core.errors import EvalgateError, ExitCode, UsageError
from evalgate.suite.frozen import freeze, load_suite, read_lock, refuse_other_metrics, verify
from evalgate.suite.lock import Lock

SUITE = Path("suites/desk")
HELDOUT = SUITE / "route" / "heldout.jsonl"


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lock:
    write_suite(tmp_path)
    monkeypatch.chdir(tmp_path)
    return freeze(SUITE, load_suite_spec(SUITE))


def edit(name: str, old: str, new: str) -> None:
    path = SUITE / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def check() -> Suite:
    return verify(SUITE, load_suite_spec(SUITE))


def refused() -> EvalgateError:
    with pytest.raises(EvalgateError) as caught:
        check()
    assert (caught.value.code, caught.value.exit_code) == ("suite-digest-mismatch", ExitCode.ERROR)
    return caught.value


def test_frozen_and_unchanged(lock: Lock) -> None:
    suite = check()
    assert (suite.digest, suite.data_digest) == (lock.digest, lock.data_digest)
    split = lock.files["route/heldout.jsonl"]
    assert (split.n, split.labels, split.n_clusters) == (4, {"order": 1, "refund": 3}, 2)
    assert list(split.rows) == [f"route-heldout-{i}" for i in range(4)]
    assert sorted(lock.documents) == ["capability/facts.jsonl", "corpus/passages.jsonl", "extract/schema.json"]
    assert lock.metrics["route"] == ["accuracy", "macro_f1"]
    assert read_lock(SUITE) == lock


def test_not_frozen_whole_text(lock: Lock) -> None:
    (SUITE / "suite.lock").unlink()
    with pytest.raises(EvalgateError) as caught:
        check()
    assert str(caught.value) == (
        "error[not-frozen]: suite 'desk' is not frozen: there is no suite.lock\n"
        "  at: suites/desk/suite.lock\n"
        "\n"
        "hint: run `evalgate freeze suites/desk` and commit the suite.lock that it writes"
    )
    suite = load_suite(SUITE, load_suite_spec(SUITE), verify=False)
    assert suite.digest == lock.digest, "unverified loading names the same content by the same digest"


def test_heldout_changed_whole_text(lock: Lock) -> None:
    edit("route/heldout.jsonl", "message 2", "message two")
    changed = load_suite(SUITE, load_suite_spec(SUITE), verify=False)
    assert str(refused()) == (
        "error[suite-digest-mismatch]: suite 'desk' has changed since it was frozen: "
        f"expected {lock.digest[:6]}…, found {changed.digest[:6]}… (1 of 4 lines differs)\n"
        "  at: suites/desk/route/heldout.jsonl:3 (id 'route-heldout-2')\n"
        "\n"
        "hint: run `git checkout suites/desk` to restore it, "
        "or `evalgate freeze suites/desk --bump` to release the change"
    )


def test_rows_added_removed_and_moved(lock: Lock) -> None:
    rows = rows_of("route", "heldout")
    write_rows(HELDOUT, rows[:1] + rows[2:])
    error = refused()
    assert "(1 of 4 lines differs)" in error.what
    assert error.where == "suites/desk/route/heldout.jsonl:2 (id 'route-heldout-1')"
    write_rows(HELDOUT, [*rows, {**rows[0], "id": "new"}, {**rows[0], "id": "newer"}])
    error = refused()
    assert "(2 of 6 lines differ)" in error.what
    assert error.where == "suites/desk/route/heldout.jsonl:5 (id 'new')"
    write_rows(HELDOUT, rows[::-1])
    assert "(the order of its lines differs)" in refused().what


def test_layout_of_the_json_is_no_change(lock: Lock) -> None:
    rows = [json.loads(line) for line in HELDOUT.read_text().splitlines()]
    HELDOUT.write_text("".join(json.dumps(dict(reversed(row.items())), indent=None) + "\r\n" for row in rows))
    assert check().digest == lock.digest


@pytest.mark.parametrize(
    ("name", "old", "new", "text", "where"),
    [
        (
            "extract/schema.json",
            '"required": ["order"]',
            '"required": []',
            "extract/schema.json differs",
            "extract/schema.json:1",
        ),
        ("corpus/passages.jsonl", "30 days", "31 days", "corpus/passages.jsonl differs", "corpus/passages.jsonl:1"),
        ("capability/facts.jsonl", "2+2", "2+3", "capability/facts.jsonl differs", "capability/facts.jsonl:1"),
        ("suite.yaml", "limit: 0.9", "limit: 0.8", "gate 'json' differs", "suite.yaml:18"),
        ("suite.yaml", "[accuracy, macro_f1]", "[accuracy]", "task 'route' differs", "suite.yaml:9"),
        ("suite.yaml", "version: 1", "version: 2", "it was frozen as version 1", "suite.yaml:2"),
        ("suite.yaml", "n_pairs: 20", "n_pairs: 5", "the `latency` section differs", "suite.yaml:14"),
    ],
)
def test_other_changes_are_refused(lock: Lock, name: str, old: str, new: str, text: str, where: str) -> None:
    edit(name, old, new)
    error = refused()
    assert f"({text})" in error.what
    assert error.where == f"suites/desk/{where}"


def test_a_new_capability_file_is_a_change(lock: Lock) -> None:
    (SUITE / "capability" / "more.yaml").write_text("task: x\n")
    assert "(capability/more.yaml is new)" in refused().what


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("../../models/tiny", "org/other-7b"),
        ("a small desk", "a smaller desk"),
        ("seed: 7", "seed: 8"),
    ],
)
def test_model_prose_and_seed_are_not_frozen(lock: Lock, old: str, new: str) -> None:
    edit("suite.yaml", old, new)
    assert check().digest == lock.digest


def test_gates_change_the_suite_digest_but_not_the_data_digest(lock: Lock) -> None:
    edit("suite.yaml", "limit: 0.9", "limit: 0.8")
    suite = load_suite(SUITE, load_suite_spec(SUITE), verify=False)
    assert suite.data_digest == lock.data_digest
    assert suite.digest != lock.digest


def test_training_does_not_open_the_heldout_split(lock: Lock) -> None:
    HELDOUT.write_text("torn")
    suite = load_suite(SUITE, load_suite_spec(SUITE), ("train", "dev"))
    assert set(suite.tasks["route"].splits) == {"train", "dev"}
    assert suite.digest == lock.digest


def test_freeze_again_needs_bump(lock: Lock) -> None:
    assert freeze(SUITE, load_suite_spec(SUITE)) == lock, "nothing changed, nothing happens"
    edit("route/heldout.jsonl", "message 2", "message two")
    with pytest.raises(UsageError) as caught:
        freeze(SUITE, load_suite_spec(SUITE))
    assert str(caught.value) == (
        "error[already-frozen]: suite 'desk' is frozen as version 1 and has changed since (1 of 4 lines differs)\n"
        "  at: suites/desk/route/heldout.jsonl:3 (id 'route-heldout-2')\n"
        "\n"
        "hint: run `evalgate freeze suites/desk --bump` to release the change as a new version"
    )
    bumped = freeze(SUITE, load_suite_spec(SUITE), bump=True)
    assert bumped.version == 2
    assert "\nversion: 2\n" in (SUITE / "suite.yaml").read_text()
    assert check().digest == bumped.digest != lock.digest


def test_bump_keeps_a_version_that_its_author_raised(lock: Lock) -> None:
    edit("suite.yaml", "version: 1", "version: 5")
    assert freeze(SUITE, load_suite_spec(SUITE), bump=True).version == 5


def test_an_id_in_two_splits_is_refused(lock: Lock) -> None:
    edit("route/heldout.jsonl", "route-heldout-2", "route-train-1")
    with pytest.raises(EvalgateError) as caught:
        check()
    assert str(caught.value) == (
        "error[duplicate-id]: the id 'route-train-1' stands in two splits, first in route/train.jsonl:2\n"
        "  at: suites/desk/route/heldout.jsonl:3 (id 'route-train-1')\n"
        "\n"
        "hint: give each row an id of its own, or delete the copy"
    )


def test_a_broken_lock_is_named(lock: Lock) -> None:
    (SUITE / "suite.lock").write_text("{}")
    with pytest.raises(EvalgateError) as caught:
        check()
    assert caught.value.code == "broken-record"
    assert caught.value.fix == "restore it with `git checkout suites/desk/suite.lock`"


GATE = """\
  - name: json
    metric: extract.json_valid
    rule: at_least
    limit: 0.9
"""


def test_the_changed_line_of_a_setting_over_several_lines(lock: Lock) -> None:
    edit("suite.yaml", "  - {name: json, metric: extract.json_valid, rule: at_least, limit: 0.9}\n", GATE)
    assert check().digest == lock.digest, "the same gate, written another way"
    freeze(SUITE, load_suite_spec(SUITE), bump=True)
    (SUITE / "suite.lock").unlink()
    freeze(SUITE, load_suite_spec(SUITE))
    edit("suite.yaml", "    limit: 0.9", "    limit: 0.8")
    assert refused().where == "suites/desk/suite.yaml:21"
    edit("suite.yaml", "rule: at_least\n    limit: 0.8", "rule: at_least\n    limit: 0.9\n    alpha: 0.1")
    assert refused().where == "suites/desk/suite.yaml:22"


def test_a_gate_that_is_gone_is_placed_at_the_gates(lock: Lock) -> None:
    edit("suite.yaml", "  - {name: json, metric: extract.json_valid, rule: at_least, limit: 0.9}\n", "")
    error = refused()
    assert "(gate 'json' is gone)" in error.what
    assert error.where == "suites/desk/suite.yaml:15"


SIGNED = {"summarize.rouge_l": "rougeL|stemmer:no|v1", "route.accuracy": "label:exact|v1"}
OTHER = {**SIGNED, "summarize.rouge_l": "rougeL|stemmer:no|v2"}


def test_a_metric_that_counts_otherwise_whole_text(lock: Lock) -> None:
    spec = load_suite_spec(SUITE)
    refuse_other_metrics(SUITE, spec, SIGNED)  # the lock of the fixture knows no signatures
    signed = freeze(SUITE, spec, signatures=SIGNED)
    assert (signed.signatures, signed.digest, signed.version) == (SIGNED, lock.digest, 1), "added without a new version"
    assert check().digest == lock.digest
    refuse_other_metrics(SUITE, spec, SIGNED)
    with pytest.raises(EvalgateError) as caught:
        refuse_other_metrics(SUITE, spec, OTHER)
    assert str(caught.value) == (
        "error[metric-changed]: suite 'desk' was frozen with another metric: the metric summarize.rouge_l was "
        "'rougeL|stemmer:no|v1' and is 'rougeL|stemmer:no|v2'\n"
        "  at: suites/desk/suite.yaml:8\n"
        "\n"
        "hint: install the version of evalgate or of the plugin that it was frozen with, or run "
        "`evalgate freeze suites/desk --bump` after a look at the gates on that metric"
    )
    with pytest.raises(UsageError, match="the metric summarize"):
        freeze(SUITE, spec, signatures=OTHER)
    assert freeze(SUITE, spec, signatures=OTHER, bump=True).version == 2
    refuse_other_metrics(SUITE, load_suite_spec(SUITE), OTHER)


def test_the_source_is_frozen_and_its_change_is_placed(lock: Lock) -> None:
    edit("suite.yaml", "seed: 7\n", "seed: 7\nsource: {id: org/tickets, revision: 4f2a}\n")
    error = refused()
    assert "(`source` differs: it was frozen with none)" in error.what
    found = freeze(SUITE, load_suite_spec(SUITE), bump=True).source
    assert found is not None
    assert (found.id, found.revision) == ("org/tickets", "4f2a")
    edit("suite.yaml", "4f2a", "4f2b")
    error = refused()
    assert "(`source` differs: it was frozen with 'org/tickets' at '4f2a')" in error.what
    assert error.where == "suites/desk/suite.yaml:7"


def test_a_lock_of_an_older_form_is_accepted_and_completed_by_freezing(lock: Lock) -> None:
    path = SUITE / "suite.lock"
    old = {k: v for k, v in json.loads(path.read_text()).items() if k not in ("signatures", "source", "lines")}
    path.write_text(json.dumps(old))
    assert check().digest == lock.digest
    edit("corpus/passages.jsonl", "30 days", "31 days")
    assert refused().where == "suites/desk/corpus/passages.jsonl", "such a lock knows the file, not the line"
    edit("corpus/passages.jsonl", "31 days", "30 days")
    assert freeze(SUITE, load_suite_spec(SUITE), signatures=SIGNED).signatures == SIGNED
    edit("corpus/passages.jsonl", "30 days", "31 days")
    assert refused().where == "suites/desk/corpus/passages.jsonl:1"


def test_a_label_in_two_spellings_whole_text(lock: Lock) -> None:
    edit("route/heldout.jsonl", '"references": ["refund"], "label": "refund"', '"label": " Refund"')
    with pytest.raises(EvalgateError) as caught:
        check()
    assert str(caught.value) == (
        "error[label-spelling]: the label ' Refund' differs only in case or spaces from 'refund', "
        "which stands in suites/desk/route/train.jsonl:1\n"
        "  at: suites/desk/route/heldout.jsonl:1 (id 'route-heldout-0')\n"
        "\n"
        "hint: write one label in one way, or give two labels two names"
    )


def test_one_class_whole_text(lock: Lock) -> None:
    write_rows(HELDOUT, rows_of("route", "heldout")[:3])
    with pytest.raises(EvalgateError) as caught:
        check()
    assert str(caught.value) == (
        "error[one-class]: heldout.jsonl of task 'route' has one label only, 'refund': nothing is told apart\n"
        "  at: suites/desk/route/heldout.jsonl\n"
        "\n"
        "hint: add rows with other labels, or take the split out of `splits` in suite.yaml"
    )
