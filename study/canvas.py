"""A canvas that writes SVG elements: text, rectangles, lines, heat maps, in a theme's colours.
Only presentation attributes are written; text is cleaned and escaped here and nowhere else.
"""

from __future__ import annotations

from .marks import Bars, Heat, Mark, Text
from .placement import Spline
from .png import data_uri, heat_png
from .text import clean
from .themes import Theme

FONT = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
RECTANGLES = 64  # heat maps to this many cells are rectangles, bigger ones an image


def escape(text: str) -> str:
    """Text made safe for XML and HTML, as content or in quotes; control characters go.

    >>> escape('<b>"a" & b\\x00')
    '&lt;b&gt;&quot;a&quot; &amp; b'
    """
    text = clean(text)
    for plain, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(plain, safe)
    return text


def px(value: float) -> str:
    """A length for an attribute: at most one decimal.

    >>> px(12.0), px(12.34)
    ('12', '12.3')
    """
    return f"{value:.1f}".removesuffix(".0")


class Canvas:
    """Collects elements; every method takes pixels from the top left."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.elements: list[str] = []

    def document(self, width: float, height: float, label: str) -> str:
        """The elements as one SVG document, described for those who hear it."""
        label = escape(label)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{px(width)}" height="{px(height)}" '
            f'viewBox="0 0 {px(width)} {px(height)}" font-family="{FONT}" role="img" '
            f'aria-label="{label}">\n<title>{label}</title>\n'
            f'<rect width="{px(width)}" height="{px(height)}" fill="{self.theme.background}"/>\n'
            + "\n".join(self.elements)
            + "\n</svg>\n"
        )

    def open(self, x: float = 0.0, y: float = 0.0, tooltip: str = "") -> None:
        """Begin a group, moved by (x, y)."""
        moved = f' transform="translate({px(x)} {px(y)})"' if x or y else ""
        title = f"<title>{escape(tooltip)}</title>" if tooltip else ""
        self.elements.append(f"<g{moved}>{title}")

    def close(self) -> None:
        """End the group."""
        self.elements.append("</g>")

    def rect(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        fill: str,
        stroke: str = "",
        corner: float = 0.0,
        thickness: float = 1.0,
        dash: str = "",
        opacity: str = "",
    ) -> None:
        """A rectangle."""
        extra = f' rx="{px(corner)}"' if corner else ""
        extra += f' stroke="{stroke}"' if stroke else ""
        extra += f' stroke-width="{px(thickness)}"' if thickness != 1.0 else ""
        extra += f' stroke-dasharray="{dash}"' if dash else ""
        extra += f' fill-opacity="{opacity}"' if opacity else ""
        self.elements.append(
            f'<rect x="{px(x)}" y="{px(y)}" width="{px(w)}" height="{px(h)}" fill="{fill}"{extra}/>'
        )

    def text(self, mark: Text, x: float = 0.0, y: float = 0.0) -> None:
        """A text mark, moved by (x, y)."""
        extra = ' font-weight="600"' if mark.bold else ""
        extra += "" if mark.anchor == "start" else f' text-anchor="{mark.anchor}"'
        full = f"<title>{escape(mark.full)}</title>" if mark.full else ""
        theme = self.theme
        colour = theme.tones[mark.tone] if mark.cell is None else theme.over(mark.cell)
        self.elements.append(
            f'<text x="{px(x + mark.x)}" y="{px(y + mark.y)}" font-size="{px(mark.size)}" '
            f'fill="{colour}"{extra}>{full}{escape(mark.text)}</text>'
        )

    def line(self, spline: Spline, colour: str, thickness: float = 1.2, dash: str = "") -> None:
        """A cubic spline."""
        (x, y), *rest = spline
        path = [f"M{px(x)} {px(y)}"]
        for (ax, ay), (bx, by), (cx, cy) in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
            if x == ax == bx == cx:
                path.append(f"V{px(cy)}")
            else:
                path.append(f"C{px(ax)} {px(ay)} {px(bx)} {px(by)} {px(cx)} {px(cy)}")
            x = cx
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.elements.append(
            f'<path d="{"".join(path)}" fill="none" stroke="{colour}" '
            f'stroke-width="{px(thickness)}"{dashed}/>'
        )

    def arrowhead(self, x: float, y: float, colour: str) -> None:
        """A small arrowhead that points down to (x, y), the same size on every line."""
        self.elements.append(f'<path d="M{px(x - 4)} {px(y - 8)}h8l-4 8z" fill="{colour}"/>')

    def bars(self, mark: Bars, x: float = 0.0, y: float = 0.0) -> None:
        """Bars as one shape, moved by (x, y), on a line with a tick at 0."""
        x, y = x + mark.x, y + mark.y
        foot, step = y + mark.h, mark.w / len(mark.heights)
        top = max(mark.heights) or 1.0
        path = [f"M{px(x)} {px(foot)}"]
        for i, height in enumerate(mark.heights):
            path.append(f"V{px(foot - mark.h * height / top)}H{px(x + (i + 1) * step - mark.gap)}")
            if mark.gap:
                path.append(f"V{px(foot)}h{px(mark.gap)}")
        self.elements.append(f'<path d="{"".join(path)}V{px(foot)}z" fill="{self.theme.bar}"/>')
        axis = f"M{px(x)} {px(foot)}h{px(mark.w)}"
        if mark.zero is not None:
            axis += f"M{px(x + mark.zero * mark.w)} {px(foot + 2.5)}V{px(y)}"
        self.elements.append(
            f'<path d="{axis}" fill="none" stroke="{self.theme.frame[0]}" stroke-width="0.7"/>'
        )

    def mark(self, mark: Mark, x: float, y: float) -> None:
        """Any mark, moved by (x, y)."""
        if isinstance(mark, Text):
            self.text(mark, x, y)
        elif isinstance(mark, Heat):
            self.heat(mark, x, y)
        else:
            self.bars(mark, x, y)

    def heat(self, mark: Heat, x: float = 0.0, y: float = 0.0) -> None:
        """A heat map, moved by (x, y): rectangles when small, else a PNG that the viewer scales."""
        rows, cols = mark.cells.shape
        x, y = x + mark.x, y + mark.y
        if rows * cols <= RECTANGLES:
            self.elements.append('<g shape-rendering="crispEdges">')
            for r, row in enumerate(mark.cells.tolist()):
                for c, cell in enumerate(row):
                    self.rect(
                        x + c * mark.w / cols,
                        y + r * mark.h / rows,
                        mark.w / cols,
                        mark.h / rows,
                        self.theme.shade(cell),
                    )
            self.elements.append("</g>")
        else:
            self.elements.append(
                f'<image x="{px(x)}" y="{px(y)}" width="{px(mark.w)}" height="{px(mark.h)}" '
                'preserveAspectRatio="none" image-rendering="pixelated" '
                f'href="{data_uri(heat_png(mark.cells, self.theme))}"/>'
            )
        self.rect(x, y, mark.w, mark.h, "none", self.theme.frame[1])
