"""A small drawing in SVG: text and shapes that can be read in light and in dark."""

from __future__ import annotations

from html import escape

STYLE = """
text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;fill:#1b2126}
.bg{fill:#fff}.muted{fill:#56606a}.small{font-size:12px}.bold{font-weight:650}.title{font-size:14px;font-weight:650}
.ours{fill:#1d5b9e}.theirs{fill:#c2813a}.pass{fill:#2f8a52}.open{fill:#d9b35c}.fail{fill:#b9473c}.band{fill:#eceff1}
.axis{stroke:#d5dade}.range{stroke:#1b2126;stroke-width:1.5}.alpha{stroke:#b02a20;stroke-width:1.5;stroke-dasharray:4 3}
.on{fill:#12181c}.red{fill:#b02a20}.over{fill:#b02a20}
@media (prefers-color-scheme:dark){text{fill:#e4e8eb}.on{fill:#12181c}.bg{fill:#1c2125}.muted{fill:#a3adb6}
.ours{fill:#70a8e4}
.theirs{fill:#d79a58}.pass{fill:#57b67c}.open{fill:#c79d3f}.fail{fill:#e0736a}.band{fill:#2b333a}.axis{stroke:#343c43}
.range{stroke:#e4e8eb}.alpha{stroke:#ff938a}.red,.over{fill:#ff938a}}
""".replace("\n", "")


class Drawing:
    """Elements on a canvas of `width` by `height`; `label` is what a screen reader says."""

    def __init__(self, width: int, height: int, label: str) -> None:
        self.width, self.height, self.label = width, height, label
        self.elements: list[str] = []

    def text(self, x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> None:
        """Words with their baseline at `y`."""
        self.elements.append(
            f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words, quote=False)}</text>'
        )

    def rect(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        """A filled box."""
        self.elements.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{height:.1f}" class="{kind}"/>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """A straight line."""
        self.elements.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>')

    def dot(self, x: float, y: float, radius: float, kind: str) -> None:
        """A filled circle."""
        self.elements.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" class="{kind}" fill-opacity="0.75"/>')

    def svg(self) -> str:
        """The whole file."""
        size = f'viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}"'
        name = escape(self.label)
        body = "\n".join(self.elements)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{name}">\n<style>{STYLE}</style>\n'
            f'<rect width="{self.width}" height="{self.height}" rx="8" class="bg"/>\n{body}\n</svg>\n'
        )
