"""What the page lists and compares, in Debian's Chromium: labels, problems, passages, questions; axe is clean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fixtures_report import build_run
from report_items import HOSTILE, LABELS
from test_report_page import Tab

from evalgate.judging import metrics_of
from evalgate.report import render_html
from evalgate.slices import slice_table
from evalgate.store import RunData

pytestmark = [pytest.mark.browser, pytest.mark.slow]
EXAMPLE = Path(__file__).parents[2] / "docs" / "example" / "report.html"
# Contrast takes axe six times as long as all else together; a page's colours depend on its theme, not on its width.
NARROW = {"resultTypes": ["violations"], "rules": {"color-contrast": {"enabled": False}}}
WIDE = {"resultTypes": ["violations"]}
OPEN_ALL = "document.querySelectorAll('details').forEach(d => { d.open = true })"


def with_slices(data: RunData) -> RunData:
    assert data.decision
    decision = msgspec.structs.replace(data.decision, slices=slice_table(data, metrics_of(data)))
    return msgspec.structs.replace(data, decision=decision)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_html(with_slices(build_run(60, questions=True))), "utf-8")
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


@pytest.mark.parametrize(("width", "options"), [(1280, WIDE), (390, NARROW)], ids=["wide", "narrow"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", ["fixture", "demo"])
def test_axe_finds_nothing(
    browser: Any, address: str, page: str, theme: str, width: int, options: dict[str, Any]
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    tab = Tab(browser, address if page == "fixture" else EXAMPLE.as_uri(), width, theme)
    tab.page.evaluate(OPEN_ALL)
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


def test_a_cell_of_a_difference_lists_what_only_one_of_the_two_called_so(tab: Tab) -> None:
    table = tab.page.locator("table[data-versus]").first
    for at in range(table.locator("button.cell").count()):
        n, shown = listed(tab, table.locator("button.cell").nth(at))
        assert shown >= n and (shown - n) % 2 == 0  # one may have gained what another lost
    assert "by only one of" in tab.page.inner_text("#chip")
    assert tab.page.locator("table[data-cm] button.cell").count() > len(LABELS)


def test_problems_list_their_examples(tab: Tab) -> None:
    buttons = tab.page.locator("#changes button[data-problem]")
    assert buttons.count() > 10
    for at in range(0, buttons.count(), 5):
        n, shown = listed(tab, buttons.nth(at))
        assert n == shown
        assert tab.page.locator("#f-problem option:checked").inner_text() in tab.page.inner_text("#detail")
    tab.page.click("#f-reset")
    assert tab.page.input_value("#f-problem") == ""


def test_safety_items_slices_and_subjects_list_their_examples(tab: Tab) -> None:
    page = tab.page
    n, shown = listed(tab, page.locator("#capability button[data-problem]").first)
    assert n == shown > 0
    page.locator("#capability button[data-task=capability]").first.click()
    assert tab.count() == 60
    boxes = page.locator("#detail .answer h4 .muted").all_inner_texts()
    assert boxes and set(boxes) <= {"right", "wrong"}
    page.evaluate(OPEN_ALL)
    slices = page.locator("#slices button[data-label]")
    row = slices.first.locator("xpath=ancestor::tr")
    n = int(row.locator("td").first.inner_text())
    slices.first.click()
    assert tab.count() >= n  # unscored examples are in the slice, too


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
    named = [msgspec.structs.replace(p, context_ids=ids) for p in data.predictions["rag"]["policy_qa"]]
    predictions = data.predictions | {"rag": data.predictions["rag"] | {"policy_qa": named}}
    path = tmp_path / "old.html"
    path.write_text(render_html(msgspec.structs.replace(data, shown=[], predictions=predictions)), "utf-8")
    tab = Tab(browser, f"{path.as_uri()}#example=policy_qa/policy_qa-0003")
    assert tab.page.locator("#detail .passages code").all_inner_texts() == ["constructor", "__proto__"]
    assert "this recording keeps no prompts" in tab.page.text_content("#changes")
    assert tab.said == []
    tab.page.context.close()
