"""What the page lists and compares, in Debian's Chromium: labels, problems, passages, questions; axe is clean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures_report import build_run
from msgspec.structs import replace
from report_items import HOSTILE, LABELS
from test_report_page import Tab

from evalgate.core.data import SliceSpec
from evalgate.judging import metrics_of
from evalgate.report import render_html
from evalgate.report.evidence import word_diff
from evalgate.slices import slice_table, slices_of
from evalgate.store import RunData

pytestmark = [pytest.mark.browser, pytest.mark.slow]
EXAMPLE = Path(__file__).parents[2] / "docs" / "example" / "report.html"
OPEN_ALL = "document.querySelectorAll('details').forEach(d => { d.open = true })"


def with_slices(data: RunData) -> RunData:
    """Slices of all four kinds; of six examples each one cluster is made."""
    assert data.decision
    tasks = tuple(
        replace(task, slices=SliceSpec(by=("tag", "label", "length", "cluster"))) for task in data.run.suite.tasks
    )
    examples = {
        task: [replace(e, cluster=f"ticket {at // 6}") for at, e in enumerate(rows)]
        for task, rows in data.examples.items()
    }
    data = replace(data, examples=examples, run=replace(data.run, suite=replace(data.run.suite, tasks=tasks)))
    return replace(data, decision=replace(data.decision, slices=slice_table(data, metrics_of(data))))


@pytest.fixture(scope="module")
def data() -> RunData:
    return with_slices(build_run(60, questions=True))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, data: RunData) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_html(data), "utf-8")
    return path.as_uri()


@pytest.fixture
def tab(browser: Any, address: str) -> Iterator[Tab]:
    tab = Tab(browser, address)
    yield tab
    assert tab.said == []
    tab.page.context.close()


def listed(tab: Tab, button: Any) -> tuple[int, int]:
    """The number on a button, and how many examples it lists."""
    n = int(button.inner_text().split()[0].replace("+", "").replace("−", ""))
    button.click()
    return n, tab.count()


# Contrast takes nine tenths of the time and depends on the theme, so it is looked at once a theme and page.
@pytest.mark.parametrize(
    ("page", "theme", "width", "contrast"),
    [
        ("fixture", "light", 1280, True),
        ("fixture", "dark", 390, True),
        ("demo", "light", 390, False),
        ("demo", "dark", 1280, False),  # the same style sheet
    ],
)
def test_axe_finds_nothing(browser: Any, address: str, page: str, theme: str, width: int, contrast: bool) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    tab = Tab(browser, address if page == "fixture" else EXAMPLE.as_uri(), width, theme)
    tab.page.evaluate(OPEN_ALL)
    options = {"resultTypes": ["violations"], "rules": {"color-contrast": {"enabled": contrast}}}
    result = axe.Axe().run(tab.page, options=options)
    assert result.violations_count == 0, result.generate_report()
    assert tab.said == []
    tab.page.context.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 1920])
def test_the_demos_report_runs_clean_alone_and_without_sideways_scrolling(browser: Any, width: int) -> None:
    for theme in ("light", "dark"):
        tab = Tab(browser, EXAMPLE.as_uri(), width, theme)
        tab.page.evaluate(OPEN_ALL)
        inner, outer = tab.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert inner <= outer
        assert (tab.said, tab.asked) == ([], [EXAMPLE.as_uri()])
        tab.page.context.close()


def all_listed(tab: Tab, buttons: str, number: str) -> list[tuple[int, int]]:
    """Presses every button: the number that `number`, a function of the button, finds, and how many are listed."""
    found = tab.page.evaluate(
        f"""() => [...document.querySelectorAll({buttons!r})].map((button) => {{
          const n = ({number})(button);
          button.click();
          return [n, document.getElementById('count').textContent];
        }})"""
    )
    return [(abs(int(n.replace("−", "-"))), int(text.split()[0].replace(",", ""))) for n, text in found]


def test_a_cell_of_a_difference_lists_what_only_one_of_the_two_called_so(tab: Tab) -> None:
    found = all_listed(tab, "table[data-versus] button.cell", "(b) => b.textContent")
    assert len(found) > 20
    # One may have gained what another lost.
    assert all(shown >= n and (shown - n) % 2 == 0 for n, shown in found)
    assert "by only one of" in tab.page.inner_text("#chip")
    assert tab.page.locator("table[data-cm] button.cell").count() > len(LABELS)


def test_problems_list_their_examples(tab: Tab) -> None:
    found = all_listed(tab, "#changes button[data-problem]", "(b) => b.textContent")
    assert len(found) > 10 and all(n == shown for n, shown in found)
    assert tab.page.locator("#f-problem option:checked").inner_text() in tab.page.inner_text("#detail")
    tab.page.click("#f-reset")
    assert tab.page.input_value("#f-problem") == ""


def test_every_slice_of_the_tables_lists_its_examples(tab: Tab, data: RunData) -> None:
    rows = tab.page.evaluate(
        """() => [...document.querySelectorAll('#slices button[data-by]')].map((button) => {
          button.click();
          return [button.dataset.task, button.dataset.by, button.dataset.label,
                  document.getElementById('count').textContent, document.getElementById('f-label').value];
        })"""
    )
    kinds = ("tag", "label", "length", "cluster")
    parts = {task: slices_of(examples, kinds) for task, examples in data.examples.items()}
    assert {by for _, by, *_ in rows} == {*kinds}
    assert {len(parts[task][by, name]) for task, by, name, *_ in rows} > {6, 20}
    for task, by, name, count, chosen in rows:
        assert (count.split()[0], chosen) == (str(len(parts[task][by, name])), f"{by}:{name}")
    groups = tab.page.evaluate("[...document.querySelectorAll('#f-label optgroup')].map((g) => g.label)")
    assert groups == ["Tags", "Length of the input", "Clusters"]  # the last table is of a task without labels


def test_safety_items_and_subjects_list_their_examples(tab: Tab) -> None:
    page = tab.page
    n, shown = listed(tab, page.locator("#capability button[data-problem]").first)
    assert n == shown > 0
    page.locator("#capability button[data-task=capability]").first.click()
    assert tab.count() == 60
    boxes = page.locator("#detail .answer h4 .muted").all_inner_texts()
    assert boxes and set(boxes) <= {"right", "wrong"}


def test_passages_prompts_and_phrases_are_text(browser: Any, address: str) -> None:
    tab = Tab(browser, f"{address}#example=policy_qa/policy_qa-0031")
    page = tab.page
    page.evaluate(OPEN_ALL)
    texts = page.locator("#detail .passages details").all_inner_texts()
    assert len(texts) == 3 and all(HOSTILE[1] in text and "‹U+202E›" in text for text in texts)
    prompts = page.locator("#changes .prompt").all_inner_texts()
    assert any(HOSTILE[0] in text and "few-shot is asked" in text for text in prompts)
    assert page.locator("#detail img, .prompt script, .passages img").count() == 0
    page.evaluate("h => { location.hash = h }", "#example=summarize/summarize-0030")
    page.wait_for_selector("#detail .phrases q")
    assert page.evaluate("window.pwned") is None and tab.said == []
    page.context.close()


def test_the_page_finds_the_phrases_that_the_server_side_finds(tab: Tab) -> None:
    from evalgate.report.phrases import phrase_changes

    cases = [
        ("The blue kettle broke. She wants a refund by Friday.", "the blue kettle broke", "She wants a REFUND"),
        ("Ü-Wagen's näher, ok. Ü-Wagen's näher", "ok", "ü-wagen's näher!"),
        ("a b c a b", "b c", "a b"),
        ("", "", ""),
    ]
    for reference, before, after in cases:
        found = tab.page.evaluate("([r, b, a]) => phraseChanges(r, b, a)", [reference, before, after])
        gained, lost = phrase_changes(reference, before, after)
        assert found == [["gained", gained], ["lost", lost]]


def test_the_page_compares_texts_without_spaces_as_the_server_side_does(tab: Tab) -> None:
    for before, after in (("客户要求退款,水壶坏了。", "客户希望退款,水壶坏。"), ("the cat sat", "The dog sat down")):
        found = tab.page.evaluate(
            "([a, b]) => wordDiff(a, b).map(([kind, words]) => [kind, joined(words)])", [before, after]
        )
        kinds = {"span": "same", "del": "lost", "ins": "gained"}
        assert [(kinds[kind], text) for kind, text in found] == word_diff(before, after)


@pytest.mark.parametrize("width", [320, 1280])
def test_labels_of_eighty_characters_leave_room_for_numbers(browser: Any, tmp_path: Path, width: int) -> None:
    data = build_run(40)
    longer = {
        label: f"{label}_{'because_the_customer_was_promised_more_' * 2}"[:70] + f"<b>{label}" for label in LABELS
    }

    def renamed(score: Any) -> Any:
        parts = (score.detail or "").split("\t")
        return replace(score, detail="\t".join(longer.get(part, part) for part in parts)) if len(parts) > 1 else score

    scores = {s: by | {"route": [renamed(score) for score in by["route"]]} for s, by in data.scores.items()}
    routes = [replace(e, label=longer[e.label or ""]) for e in data.examples["route"]]
    path = tmp_path / "long.html"
    path.write_text(render_html(replace(data, scores=scores, examples=data.examples | {"route": routes})), "utf-8")
    tab = Tab(browser, path.as_uri(), width)
    tab.page.evaluate(OPEN_ALL)
    box = "(n) => [n.querySelector('tbody th').offsetWidth, n.closest('.scroll').clientWidth]"
    name, room = tab.page.locator("table.cm").first.evaluate(box)
    assert name < 0.6 * room
    head = tab.page.locator("table.cm tbody th").first
    assert "…" in head.inner_text() and len(head.get_attribute("title")) > 70
    inner, outer = tab.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert inner <= outer and tab.said == [] and tab.page.locator("table.cm b").count() == 0
    tab.page.context.close()


def test_json_cannot_smuggle_in_what_texts_may_not_hold(tab: Tab) -> None:
    nasty = r'{"a\u202eb": "\u202egnp.exe\u2067\u0007", "c": "\ud800"}'
    found = dict(tab.page.evaluate("t => [...flat(tryJson(t), '', new Map(), 0)]", nasty))
    assert found == {"a‹U+202E›b": '"‹U+202E›gnp.exe‹U+2067›\\u0007"', "c": '"\\ud800"'}


def test_the_keyboard_reaches_and_works_everything(tab: Tab) -> None:
    page = tab.page
    page.locator("#f-problem").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(100)
    shown = tab.count()
    assert 0 < shown < 900
    cell = page.locator("table[data-cm] button.cell").first
    cell.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('#list') !== null")
    out_of_reach = "[...document.querySelectorAll('.scroll, .long, .prompt')].filter((n) => n.tabIndex < 0).length"
    assert page.evaluate(out_of_reach) == 0
    summary = page.locator("#changes summary").first
    was = summary.evaluate("n => n.parentElement.open")
    summary.focus()
    page.keyboard.press("Enter")
    assert summary.evaluate("n => n.parentElement.open") != was


def test_older_recordings_without_prompts_and_passages_are_shown(browser: Any, tmp_path: Path) -> None:
    data = build_run(10)
    ids = ("constructor", "__proto__")
    named = [replace(p, context_ids=ids) for p in data.predictions["rag"]["policy_qa"]]
    predictions = data.predictions | {"rag": data.predictions["rag"] | {"policy_qa": named}}
    path = tmp_path / "old.html"
    path.write_text(render_html(replace(data, shown=[], predictions=predictions)), "utf-8")
    tab = Tab(browser, f"{path.as_uri()}#example=policy_qa/policy_qa-0003")
    assert tab.page.locator("#detail .passages code").all_inner_texts() == ["constructor", "__proto__"]
    assert "this recording keeps no prompts" in tab.page.text_content("#changes")
    assert tab.said == []
    tab.page.context.close()
