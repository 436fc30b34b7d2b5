"""The report's files: nothing an output holds can act, sizes are bounded, missing parts are said to be missing."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest
from fixtures_report import GATES, build_run
from report_items import HOSTILE, SYSTEMS

from evalgate.core.results import Decision, Estimate, Score, Verdict
from evalgate.core.seeds import rng
from evalgate.report import render_html, render_junit, render_markdown
from evalgate.report.confusion import confusion
from evalgate.report.evidence import word_diff
from evalgate.report.fields import field_table
from evalgate.report.index import Index
from evalgate.report.scores import scores_view
from evalgate.report.verdicts import verdict_cell
from evalgate.report.words import clean, cut, gate_scale, show
from evalgate.store import RunData


@pytest.fixture(scope="module")
def data() -> RunData:
    return build_run(40)


@pytest.fixture(scope="module")
def page(data: RunData) -> str:
    return render_html(data)


def payload(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    value = json.loads(found[1])
    return json.loads(gzip.decompress(base64.b64decode(value["gzip"]))) if "gzip" in value else value


class Elements(HTMLParser):
    """Every start tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_is_utf8_and_has_only_its_own_scripts(page: str) -> None:
    page.encode("utf-8")
    elements = Elements(page).found
    assert [a for t, a in elements if t == "script"] == [{"type": "application/json", "id": "data"}, {}]
    assert not [a for _, a in elements for name in a if name.startswith("on") or name == "style"]
    assert not {t for t, _ in elements} & {"img", "iframe", "object", "embed", "base", "b", "i"}
    assert "\x00" not in page and "\x1b" not in page and "\u202e" not in page


def test_the_page_asks_the_network_for_nothing(page: str) -> None:
    links = [v for t, a in Elements(page).found for k, v in a.items() if k in ("href", "src", "action", "poster")]
    assert all(v and (v.startswith("#") or v == "data:,") for v in links)
    assert "innerHTML" not in page and "outerHTML" not in page and "insertAdjacentHTML" not in page


def test_the_policy_names_the_hashes_of_what_stands_in_the_page(page: str) -> None:
    policy = next(a["content"] for t, a in Elements(page).found if a.get("http-equiv") == "Content-Security-Policy")
    style = re.search(r"<style>(.*?)</style>", page, re.S)
    script = re.search(r"<script>(.*?)</script>", page, re.S)
    assert style and script and policy
    for text in (style[1], script[1]):
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy


def test_hostile_outputs_arrive_whole_but_harmless(page: str) -> None:
    value = payload(page)
    qlora = value["systems"].index("qlora")
    outputs = [row[6][qlora][0] for row in value["rows"] if row[0] == 0]
    assert outputs[0] == HOSTILE[0] and outputs[1] == HOSTILE[1]
    assert "‹U+202E›" in outputs[4] and "␛[31m" in outputs[5] and "␀" in outputs[5]
    assert "\ufffd" in outputs[7] and not re.search("[\ud800-\udfff]", outputs[7])
    assert "cut:" in outputs[8] and "1,000,000" in outputs[8] and len(outputs[8]) < 9000


def test_plain_data_cannot_close_its_script_element() -> None:
    page = render_html(build_run(10))
    raw = page.split('id="data">')[1].split("</script>")[0]
    assert not set("<>&\u2028\u2029") & set(raw) and "gzip" not in raw[:20]
    assert payload(page)["rows"]


@pytest.mark.parametrize("words", [12, pytest.param(400, marks=pytest.mark.slow)])
def test_two_thousand_examples_of_six_systems_stay_under_a_megabyte(words: int) -> None:
    data = build_run(460, systems=(*SYSTEMS, "other"), hostile=False, questions=True)
    vocabulary = ["".join(map(chr, rng(1, i).integers(97, 123, size=7))) for i in range(3000)]
    r = rng(2, "long answers")

    def long(record: Any) -> Any:
        text = " ".join(vocabulary[int(i)] for i in r.integers(3000, size=words))
        return msgspec.structs.replace(record, output=text)

    predictions = {s: {t: [*map(long, rows)] for t, rows in tasks.items()} for s, tasks in data.predictions.items()}
    page = render_html(msgspec.structs.replace(data, predictions=predictions))
    assert len(payload(page)["rows"]) > 1900
    assert len(Elements(page).found) < 10_000  # what opening it takes, see tests/browser
    assert len(page.encode()) < 1_000_000


def test_the_same_run_gives_the_same_bytes(data: RunData, page: str) -> None:
    assert render_html(data) == page


def _less(data: RunData, **changes: Any) -> RunData:
    return msgspec.structs.replace(data, **changes)


def _cases(data: RunData) -> dict[str, RunData]:
    run, names = data.run, [t.name for t in data.run.suite.tasks]
    bare_suite = msgspec.structs.replace(run.suite, tasks=(), gates=())
    return {
        "no decision": _less(data, decision=None),
        "no candidates": _less(data, run=_less_run(run, candidates=()), latency={}, cards={}),
        "no baselines": _less(data, run=_less_run(run, baselines=()), decision=None),
        "no tasks": _less(data, run=_less_run(run, suite=bare_suite, gates=()), examples={}, predictions={}, scores={}),
        "empty tasks": _less(
            data,
            examples={t: [] for t in names},
            predictions={s: {t: [] for t in names} for s in run.systems},
            scores={s: {t: [] for t in names} for s in run.systems},
        ),
        "nothing but the run": _less(data, examples={}, predictions={}, scores={}, latency={}, cards={}, decision=None),
        "empty decision": _less(data, decision=Decision(outcome="inconclusive", reason="No gate is required.")),
    }


def _less_run(run: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(run, **changes)


@pytest.mark.parametrize("case", _cases(build_run(3)))
def test_missing_parts_are_said_and_do_not_break(case: str) -> None:
    data = _cases(build_run(3))[case]
    page = render_html(data)
    assert 'class="empty"' in page
    assert ">None<" not in page and "(None" not in page.split('id="data"')[0]
    ET.fromstring(render_junit(data))
    assert render_markdown(data).startswith("<!-- evalgate-report -->\n## ")


def test_numbers_that_are_not_finite_are_not_shown_as_numbers(data: RunData) -> None:
    nan = float("nan")
    e = Estimate(value=nan, low=nan, high=float("inf"), level=0.95, n=0, method="none")
    verdict = Verdict(gate="schema", outcome="inconclusive", reason="nothing", candidate="qlora", estimate=e)
    score = Score(example_id="summarize-0001", system="qlora", task="summarize", metric="rouge_l", parts=(nan,))
    scores = {**data.scores, "qlora": {**data.scores["qlora"], "summarize": [score]}}
    assert data.decision
    odd = _less(data, scores=scores, decision=_less(data.decision, verdicts=(verdict,)))  # type: ignore[arg-type]
    page = render_html(odd)
    assert "nan" not in page.lower().split('id="data"')[0].replace("pennant", "") and "n/a" in page
    payload(page)


def test_hostile_names_ids_and_labels_are_data_too() -> None:
    data = build_run(6)
    old = data.examples["route"][0]
    nasty = '"><script>\ud800</script>/a b%\x00'
    new = msgspec.structs.replace(old, id=nasty, label=nasty, tags=(nasty,))
    renamed = {
        s: {
            t: [
                msgspec.structs.replace(r, example_id=nasty, detail=f"{nasty}\t{nasty}")
                if r.example_id == old.id
                else r
                for r in rows
            ]
            for t, rows in tasks.items()
        }
        for s, tasks in data.scores.items()
    }
    odd = _less(data, examples={**data.examples, "route": [new, *data.examples["route"][1:]]}, scores=renamed)
    page = render_html(odd)
    page.encode("utf-8")
    assert len([t for t, _ in Elements(page).found if t == "script"]) == 2
    ET.fromstring(render_junit(odd))


def test_best_is_marked_by_direction(data: RunData) -> None:
    rows = {(r["task"], r["metric"]): r for r in scores_view(data)["rows"]}
    marked = [s for s, c in zip(SYSTEMS, rows["summarize", "rouge_l"]["cells"], strict=True) if c["best"]]
    assert marked == ["overcooked"]


def test_a_verdict_tells_n_and_method_and_what_it_was_compared_with(data: RunData) -> None:
    assert data.decision
    verdict = next(v for v in data.decision.verdicts if v.gate == "capability" and v.candidate == "overcooked")
    cell = verdict_cell("overcooked", verdict, "points")
    assert cell["word"] == "FAIL" and cell["value"].startswith("−")
    assert "n = 600; 95% interval, paired bootstrap" in cell["tip"] and "compared with few-shot" in cell["tip"]


def test_confusion_counts_agree_with_the_scores(data: RunData) -> None:
    route = next(t for t in data.run.suite.tasks if t.name == "route")
    matrices = {m["system"]: m for m in confusion(Index(data), route)}
    for system, matrix in matrices.items():
        rows = [s for s in data.scores[system]["route"] if s.metric == "accuracy" and s.detail]
        assert sum(c["n"] for r in matrix["rows"] for c in r["cells"]) == len(rows)
        assert sum(c["n"] for r in matrix["rows"] for c in r["cells"] if c["hit"]) == sum(s.parts[0] for s in rows)


def test_confusion_matrix_has_a_row_for_every_true_label_and_a_column_for_no_label(data: RunData) -> None:
    route = next(t for t in data.run.suite.tasks if t.name == "route")
    matrix = next(m for m in confusion(Index(data), route) if m["system"] == "qlora")
    assert matrix["columns"][-1] == "(none)"
    assert {r["true"] for r in matrix["rows"]} == {e.label for e in data.examples["route"]}


def test_word_diff_says_what_is_gained_and_lost() -> None:
    assert word_diff("the cat sat down", "The dog sat") == [
        ("same", "The"),
        ("lost", "cat"),
        ("gained", "dog"),
        ("same", "sat"),
        ("lost", "down"),
    ]
    assert word_diff("", "") == []


def test_json_fields_are_compared_one_by_one() -> None:
    output = 'Sure!\n{"a": "1", "b": [1, 3], "d": true} bye'
    table = field_table('{"a": 1, "b": [1, 2], "c": null}', [output, "no json", "[" * 100_000])
    assert table
    states = {row["name"]: [c["state"] for c in row["cells"]] for row in table["rows"]}
    assert {name: s[0] for name, s in states.items()} == {
        "a": "type",
        "b[0]": "same",
        "b[1]": "wrong",
        "c": "missing",
        "d": "extra",
    }
    assert all(s[1] == s[2] == "missing" for name, s in states.items() if name != "d")
    assert field_table("not json", ["{}"]) is None


def test_text_is_cleaned_and_cut_with_a_mark() -> None:
    assert clean("a\r\nb\x00\x1b\ud800\u202e") == "a\nb␀␛\ufffd‹U+202E›"
    assert cut("x" * 12, 10) == "x" * 10 + " […cut: 2 of 12 characters not shown]"


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (0.8712, "fraction", "87.1%"),
        (-0.031, "points", "−3.1 points"),
        (0.00001, "points", "0.0 points"),
        (1.1, "ratio", "× 1.10"),
        (0.231, "seconds", "231 ms"),
        (None, "fraction", "n/a"),
        (float("inf"), "seconds", "n/a"),
    ],
)
def test_numbers_with_units(value: float | None, scale: Any, text: str) -> None:
    assert show(value, scale) == text


def test_gates_know_their_units() -> None:
    assert {g.name: gate_scale(g) for g in GATES} == {
        "summaries-better": "points",
        "routing-better": "points",
        "schema": "fraction",
        "answers-kept": "points",
        "capability": "points",
        "latency": "ratio",
        "refusal": "fraction",
    }


def test_junit_has_a_case_for_each_gate_and_three_outcomes(data: RunData) -> None:
    root = ET.fromstring(render_junit(data))
    assert root.get("tests") == str(2 * len(GATES))
    cases = {(s.get("name"), (c.get("name") or "").split(":")[0]): c for s in root for c in s.iter("testcase")}
    failure = cases["overcooked", "capability"].find("failure")
    assert failure is not None and failure.get("type") == "fail"
    assert {f.get("type") for f in root.iter("failure")} == {"fail", "inconclusive"}
    assert cases["qlora", "refusal"].find("skipped") is not None
    assert cases["overcooked", "routing-better"].find("failure") is None


def test_a_run_without_a_decision_is_an_error_for_ci(data: RunData) -> None:
    root = ET.fromstring(render_junit(_less(data, decision=None)))
    assert root.get("errors") == "1"


def test_markdown_holds_no_markup_of_others(data: RunData) -> None:
    assert data.decision
    reason = "<script>x</script> | a `b` @someone [l](javascript:1)\n# head \x1b[0m \ud800"
    text = render_markdown(_less(data, decision=_less(data.decision, reason=reason)))  # type: ignore[arg-type]
    text.encode("utf-8")
    line = text.splitlines()[3]
    assert "\\<script\\>" in line and "\\|" in line and "@someone" not in line and "\\[l\\]" in line
    assert re.search(r"\| capability \| not worse than the baseline, drop of at most 3 points \| [\d.]+% \| −", text)
