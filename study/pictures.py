"""What all pictures have in common: shown by notebooks, saved as their suffix says.
A picture is an SVG in one of the themes and a text; everything else is made from these.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..nn.atomic import write_atomically
from .page import page
from .raster import to_png
from .themes import theme_named


class Picture:
    """Something drawn. Subclasses say `headline()`, `paint(theme)` and `text()`."""

    def __init__(self, theme: str = "light") -> None:
        theme_named(theme)
        self.theme = theme

    def headline(self) -> str:
        """What the picture is of, in a line."""
        raise NotImplementedError

    def paint(self, theme: str) -> str:
        """The picture as an SVG document in a theme."""
        raise NotImplementedError

    def text(self) -> str:
        """The picture as text."""
        raise NotImplementedError

    def svg(self) -> str:
        """The picture as an SVG document."""
        return self.paint(self.theme)

    def png(self, scale: float = 2.0) -> bytes:
        """The picture as PNG, with `scale` pixels for each of the SVG's.

        Made by resvg (`pip install 'backlit[png]'`) or by a chromium on the PATH; RasterError,
        which says so, where there is neither.
        """
        svg = self.svg()
        return to_png(svg, *svg_size(svg), scale)

    def html(self) -> str:
        """The picture as one offline HTML file with zoom: light or dark as the reader's system,
        where the theme is one of these two."""
        pair = ("light", "dark")
        light, dark = map(self.paint, pair if self.theme in pair else (self.theme, self.theme))
        return page(self.headline(), light, dark, svg_size(light)[0])

    def writers(self) -> dict[str, Callable[[], str | bytes]]:
        """What can be written, by suffix."""
        return {".svg": self.svg, ".png": self.png, ".html": self.html, ".txt": self.text}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture as its suffix says, and return the path.

        .svg, .png, .html or .txt, of a graph also .dot and .json. The file appears whole or not at
        all. ValueError for another suffix; OSError, with the path, where it cannot be written.

        >>> import backlit as bl, tempfile
        >>> x = bl.tensor(2.0, requires_grad=True)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     bl.draw(x * x).save(folder + "/graph.svg").name
        'graph.svg'
        """
        path = Path(path)
        writers = self.writers()
        writer = writers.get(path.suffix.lower())
        if writer is None:
            raise ValueError(
                f"draw: cannot save {path.name!r}: the suffix says what to write, "
                f"and it can be {', '.join(writers)}"
            )
        made = writer()
        write_atomically(path, [made if isinstance(made, bytes) else made.encode()])
        return path

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What notebooks show: the SVG, and a line of text. Never raises: where no picture can be
        made, the text says why."""
        bundle = {"text/plain": repr(self)}
        try:
            bundle["image/svg+xml"] = self.svg()
        except Exception as error:
            bundle["text/plain"] += f"\n{error}"
        return bundle


def svg_size(svg: str) -> tuple[float, float]:
    """The width and the height that an SVG document of ours gives itself.

    >>> svg_size('<svg xmlns="http://www.w3.org/2000/svg" width="120.5" height="8">')
    (120.5, 8.0)
    """
    wide, high = (svg.partition(f' {side}="')[2].partition('"')[0] for side in ("width", "height"))
    return float(wide), float(high)
