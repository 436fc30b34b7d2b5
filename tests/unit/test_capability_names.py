"""Task names found in YAML files, drift texts, the drift's interval and its row in the report: no model, no network."""

import math
from pathlib import Path

import numpy as np
import pytest
from fixtures_report import build_run
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from evalgate.capability.drift import read_documents
from evalgate.capability.harness import _metric
from evalgate.capability.loading import data_errors
from evalgate.capability.names import Named, needed_files
from evalgate.core.capability import Drift
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.report.drift import drift_view
from evalgate.stats.ratio import ratio_interval

FILES = {
    "one.yaml": 'include: _shared\n"task": "one"\n',
    "two.yaml": "task: two\ntag:\n  - few\n",
    "three.yaml": "include: [_deep]\ntask: three\n",
    "python.yaml": "group: old\ntask: odd\nclass: x.y\n",
    "all.yaml": "group: all\ntask:\n  - one\n  - group: inner\n    task: [two, {task: three, num_fewshot: 2}]\n",
    "deep/again.yaml": "task: two\n",
    "_shared": "tag: few\noutput_type: x\n",
    "_deep": "include: _shared\n",
    "__pycache__/no.yaml": "task: no\n",
    "broken.yaml": "- a list\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "tasks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "tasks"


def test_tasks_and_groups_are_found_by_their_first_keys(folder: Path) -> None:
    found = {name: path.relative_to(folder).as_posix() for name, path in Named(folder).files.items()}
    assert found == {
        "one": "one.yaml",
        "two": "deep/again.yaml",
        "three": "three.yaml",
        "odd": "python.yaml",
        "all": "all.yaml",
    }


@pytest.mark.slow  # lm-eval is imported
def test_a_tag_is_found_where_a_file_says_it_and_where_it_includes_it(folder: Path) -> None:
    (folder / "deep" / "again.yaml").unlink()
    assert sorted(Named(folder).tagged("few")) == ["one", "three", "two"]
    assert Named(folder).tagged("fe") == []


@pytest.mark.slow  # lm-eval is imported
def test_a_group_needs_the_files_of_its_tasks(folder: Path) -> None:
    assert list(needed_files(["all"], folder)) == ["all", "one", "two", "three"]


def test_a_number_that_is_no_share_is_refused() -> None:
    class Task:
        def aggregation(self) -> dict[str, object]:
            return {"word_perplexity": None, "bleu": None}

    with pytest.raises(UsageError) as caught:
        _metric("wikitext", Task())
    assert str(caught.value) == (
        "error[capability-task-unfit]: the capability task wikitext cannot be judged: it gives word_perplexity, bleu, "
        "none of them a share of right answers\n\nhint: take it out of `capability.tasks`; a task is scored by one of "
        "acc, exact_match, prompt_level_strict_acc, acc_norm, em, pass@1, pass_at_1, f1"
    )


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            ConnectionError("Couldn't reach 'cais/mmlu' on the Hub\nand more"),
            "error[capability-data]: the data of the capability tasks mmlu cannot be loaded: ConnectionError: Couldn't "
            "reach 'cais/mmlu' on the Hub\n\nhint: connect to the hub; or run `evalgate capability mirror mmlu --to "
            "FOLDER` where there is a network, and set `mirror: FOLDER` below `capability:` in suite.yaml",
        ),
        (
            ModuleNotFoundError("No module named 'langdetect'"),
            "error[capability-data]: the capability tasks mmlu need a package: ModuleNotFoundError: No module named "
            "'langdetect'\n\nhint: install it; lm-eval has extras for some tasks, e.g. `pip install 'lm_eval[ifeval]'`",
        ),
    ],
)
def test_data_that_cannot_be_had_is_told_with_its_mirror(error: Exception, text: str) -> None:
    with pytest.raises(EvalgateError) as caught, data_errors(["mmlu"]):
        raise error
    assert str(caught.value) == text


def test_documents_stand_between_empty_lines_or_in_rows(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One,\nin two lines.\n\n\n\nTwo.\n")
    assert read_documents(tmp_path / "a.txt") == ["One, in two lines.", "Two."]
    (tmp_path / "a.jsonl").write_text('{"text": "One\\n\\nstill one"}\n\n{"text": "Two\u2028lines", "id": 3}\n')
    assert read_documents(tmp_path / "a.jsonl") == ["One\n\nstill one", "Two\u2028lines"]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.txt", "only one\n", "has 1 document, and an interval needs two"),
        ("a.txt", "\n", "has 0 documents, and an interval needs two"),
        ("a.jsonl", '{"words": "x"}\n', "cannot be read (KeyError)"),
        ("a.jsonl", "words\n", "cannot be read (JSONDecodeError)"),
    ],
)
def test_a_bad_drift_text_is_refused(tmp_path: Path, name: str, text: str, why: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as caught:
        read_documents(tmp_path / name)
    assert str(caught.value) == (
        f"error[bad-drift-text]: the drift text {why}\n  at: {tmp_path / name}\n\n"
        'hint: give a text file with empty lines between documents, or .jsonl with a "text" in each line'
    )


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.integers(1, 400)), min_size=2, max_size=30), st.floats(0.125, 8, width=16)
)
def test_the_ratios_interval_holds_it_and_scales_with_the_unit(rows: list[tuple[float, int]], factor: float) -> None:
    totals, sizes = [t for t, _ in rows], [n for _, n in rows]
    found, scaled = ratio_interval(totals, sizes), ratio_interval([t * factor for t in totals], sizes)
    assert found is not None
    assert scaled is not None
    assert found[1] <= found[0] <= found[2]
    assert scaled == pytest.approx([factor * value for value in found], abs=1e-9)


def test_with_equal_sizes_the_ratio_has_the_t_interval_of_the_mean() -> None:
    from scipy import stats

    values = np.random.default_rng(3).normal(2, 1, 12)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert ratio_interval((values * 7).tolist(), [7] * 12) == pytest.approx([values.mean(), *expected])
    assert ratio_interval([1.0], [3]) is None
    assert ratio_interval([0.0, 0.0], [0, 0]) is None


def test_the_ratios_interval_covers_when_documents_differ_in_length_and_rate() -> None:
    r = np.random.default_rng(5)
    hits = 0
    for _ in range(1000):
        sizes = r.integers(20, 400, 40)
        totals = sizes * r.gamma(4, 0.05, 40)
        interval = ratio_interval(totals.tolist(), sizes.tolist())
        assert interval is not None
        hits += interval[1] <= 0.2 <= interval[2]
    assert 0.92 <= hits / 1000 <= 0.97


def test_the_report_shows_drift_in_nats_a_token() -> None:
    rows = [
        Drift(document=str(i), n_tokens=100, base_nats=200.0 + i, nats=210.0 + i, kl_nats=5.0 + i % 2)
        for i in range(10)
    ]
    [row] = drift_view(replace(build_run(), drift={"qlora": rows}))
    assert (row["system"], row["n"]) == ("qlora", "10 documents, 1,000 tokens")
    assert [cell["value"] for cell in row["cells"]] == ["2.045", "2.145", "+0.100", "0.055"]
    assert row["cells"][2]["interval"] == "+0.100 to +0.100"
    low, high = map(float, row["cells"][3]["interval"].split(" to "))
    assert math.isclose(high - low, 0.008, abs_tol=0.0011)
    assert drift_view(build_run()) == []
