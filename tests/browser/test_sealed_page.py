"""The sealed report in Debian's Chromium: clean under its own policy, without scripts, in both themes."""

from __future__ import annotations

from typing import Any

import pytest
from fixtures_report import build_run
from msgspec.structs import replace
from test_report_page import CONTRAST

from evalgate.core.results import Look
from evalgate.looks import bound_in_words, disclosed
from evalgate.report import render_sealed

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A sealed run whose names try to become markup."""
    data = build_run(30)
    look = Look(number=3, looks=10, alpha=0.005, bound=0.05, entry="e" * 64)
    suite = replace(data.run.suite, disclosure="verdict", looks=10, description="<script>pwned = 1</script>")
    run = replace(data.run, suite=suite, look=look)
    assert data.decision is not None
    decision = disclosed(run, replace(data.decision, bound=bound_in_words(run)))
    path = tmp_path_factory.mktemp("sealed") / "report.html"
    path.write_text(render_sealed(run, decision, "reports/<b>desk</b>/run")["report.html"], "utf-8")
    return path.as_uri()


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_renders_clean_alone_and_readable(browser: Any, address: str, theme: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda m: said.append(m.text))
    page.on("pageerror", lambda e: said.append(str(e)))
    page.on("request", lambda r: asked.append(r.url))
    page.goto(address)
    page.wait_for_timeout(200)
    assert (said, asked) == ([], [address])
    assert page.inner_text("h1").strip() == "Keep the baseline"
    assert "Look 3 of 10, alpha 0.005 per look" in page.inner_text("main")
    assert page.evaluate("document.scripts.length") == 0
    assert page.locator("main b").count() == 0
    assert {row.split("\t")[1] for row in page.locator("#candidates tbody tr").all_inner_texts()} == {"NOT PASS"}
    inner, outer = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert inner <= outer
    assert page.evaluate(CONTRAST) == []
    context.close()


def test_the_themes_differ(browser: Any, address: str) -> None:
    grounds = []
    for theme in ("light", "dark"):
        page = browser.new_context(color_scheme=theme).new_page()
        page.goto(address)
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.context.close()
    assert grounds[0] != grounds[1]


def test_axe_finds_nothing(browser: Any, address: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = browser.new_context().new_page()
    page.goto(address)
    result = axe.Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    page.context.close()
