"""Decision and recordings as files for people and machines: HTML, Markdown, JUnit. Computes nothing statistical."""

from evalgate.report.html import render_html
from evalgate.report.index import Index
from evalgate.report.junit import render_junit
from evalgate.report.markdown import render_markdown
from evalgate.report.sealed import render_sealed

__all__ = ["Index", "render_html", "render_junit", "render_markdown", "render_sealed"]
