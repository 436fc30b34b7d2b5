"""The report as one HTML file that needs no network, runs only its own script, and treats outputs as data."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from evalgate.report.index import Index
from evalgate.report.payload import embedded
from evalgate.report.view import build_view
from evalgate.report.words import clean, middle
from evalgate.store import RunData

TEMPLATES = (
    "report.html.j2",
    "macros.html.j2",
    "curves.html.j2",
    "evidence.html.j2",
    "labels.html.j2",
    "pareto.html.j2",
    "sealed.html.j2",
)
# One script in this order: the later ones use the earlier ones.
SCRIPTS = ("compare.js", "detail.js", "app.js")

# A page of up to `payload.USUAL_ANSWERS` answers stays below this, in bytes; larger runs grow in proportion.
PAGE_LIMIT = 980_000
# `clean` leaves no such character in a page, so nothing else can stand where the data goes.
PLACE = "\x00"


def render_html(data: RunData, index: Index | None = None) -> str:
    """One self-contained page; valid UTF-8 whatever the outputs hold."""
    view = build_view(data, index)
    index, problems = view.pop("index"), view.pop("problems")
    style, script = _source("style.css") + _source("curves.css"), "".join(map(_source, SCRIPTS))
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            **view,
            policy=policy(style, script),
            # The program's own text, and a place for the payload, which holds no `<`, `>` or `&`.
            style=Markup(style),
            script=Markup(script),
            payload=Markup(PLACE),
        )
    )
    return page.replace(PLACE, embedded(index, problems, PAGE_LIMIT - len(page.encode())))


def page_of(template: str, **values: Any) -> str:
    """A page without script."""
    style = _source("style.css")
    return _environment().get_template(template).render(**values, policy=policy(style, ""), style=Markup(style))


def policy(style: str, script: str) -> str:
    """The Content-Security-Policy: this script and this style by their hashes, nothing else, no requests."""
    sources = [f"{kind}-src 'sha256-{_hash(text)}'" for kind, text in (("script", script), ("style", style))]
    return "; ".join(["default-src 'none'", *sources, "img-src data:", "base-uri 'none'", "form-action 'none'"])


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _source(name: str) -> str:
    return files("evalgate.report").joinpath("templates", name).read_text("utf-8")


def _finalize(value: Any) -> Any:
    """Every text that a template prints passes here, so no control character or lone surrogate reaches the page."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def breakable(name: str) -> Markup:
    """A dotted name that may break after `.` and `_`, so that a phone does not cut it inside a word."""
    safe = str(escape(clean(name)))
    return Markup(safe.replace(".", ".<wbr>").replace("_", "_<wbr>"))


def ticks(text: str) -> Markup:
    """A sentence with what stands between backticks as code."""
    parts = str(escape(clean(text))).split("`")
    # An odd number of backticks quotes nothing for certain.
    if len(parts) % 2 == 0:
        return Markup("`".join(parts))
    return Markup("".join(f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts)))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=DictLoader({name: _source(name) for name in TEMPLATES}),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(breakable=breakable, ticks=ticks, middle=middle)
    return environment
