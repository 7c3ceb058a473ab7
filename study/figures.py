"""`draw(loss)`: a figure of the graph that backward walks, with values, gradients, chain rule.
The figure shows itself in notebooks and saves itself as SVG, HTML, DOT, JSON or text.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import graphviz

from ..engine import Tensor
from ..nn.atomic import write_atomically
from .dot import to_dot
from .layout import check_engine
from .listing import list_graph
from .model import Graph
from .page import page
from .record import record
from .svg import headline, paint
from .themes import theme_named


def draw(
    loss: Tensor,
    theme: str = "light",
    layout: str = "layered",
    names: Mapping[str, object] | None = None,
    module: Any = None,
) -> Figure:
    """A figure of everything that `loss` was computed from, and of what backward sends back.

    Call it while the graph is alive, that is, before `loss.backward()`: it walks backward itself,
    and neither touches a `.grad` nor frees anything. Of a graph that backward has freed it shows
    structure, values and the gradients of leaves.

    Parameters
    ----------
    loss : a tensor of one element, computed from leaves that require a gradient.
    theme : "light" or "dark"; HTML follows the reader's system instead.
    layout : "layered", built in, or "dot", which asks Graphviz's program.
    names : what to call tensors, such as {"x": x, "w": w} or `locals()`. Without it tensors have
        the names they bear (`tensor(…, name="w")`, parameters of modules) or p0, x0, n5.
    module : names parameters by their dotted paths; those without a path to the loss are shown too.

    Raises GraphError where there is no graph to draw or `loss` is not one number, ValueError for an
    unknown theme or layout.

    >>> import backlit as bl
    >>> x = bl.tensor(2.0, requires_grad=True)
    >>> w = bl.tensor(-3.0, requires_grad=True)
    >>> bl.draw((x * w).tanh(), names={"x": x, "w": w})
    Figure(L = tanh(n2) = −1, 4 nodes; .save("graph.svg"), also .html, .dot, .json, .txt)
    """
    theme_named(theme)
    check_engine(layout)
    return Figure(record(loss, names, module), theme, layout)


class Figure:
    """A drawn graph: its data are in `.graph`, its pictures are made when asked for."""

    def __init__(self, graph: Graph, theme: str = "light", layout: str = "layered") -> None:
        self.graph = graph
        self.theme = theme
        self.layout = layout

    def svg(self) -> str:
        """The figure as an SVG document."""
        return paint(self.graph, self.theme, self.layout)

    def html(self) -> str:
        """The figure as one offline HTML file with zoom, light or dark as the reader's system."""
        light, dark = (paint(self.graph, theme, self.layout) for theme in ("light", "dark"))
        return page(headline(self.graph)[0], light, dark, svg_width(light))

    def text(self) -> str:
        """Forward and backward as text: a line for each node, and one for each use."""
        return list_graph(self.graph)

    def to_dot(self) -> graphviz.Digraph:
        """The graph as a `graphviz.Digraph`, to go on working with."""
        return to_dot(self.graph)

    def to_json(self) -> str:
        """The view model as JSON."""
        return self.graph.to_json()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the figure as its suffix says: .svg, .html, .dot, .json or .txt; returns the path.

        The file appears whole or not at all. ValueError for another suffix; OSError, with the path,
        where it cannot be written.

        >>> import backlit as bl, tempfile
        >>> x = bl.tensor(2.0, requires_grad=True)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     bl.draw(x * x).save(folder + "/graph.svg").name
        'graph.svg'
        """
        path = Path(path)
        writers = {
            ".svg": self.svg,
            ".html": self.html,
            ".dot": lambda: self.to_dot().source,
            ".json": self.to_json,
            ".txt": self.text,
        }
        writer = writers.get(path.suffix.lower())
        if writer is None:
            raise ValueError(
                f"draw: cannot save {path.name!r}: the suffix says what to write, "
                f"and it can be {', '.join(writers)}"
            )
        write_atomically(path, [writer().encode()])
        return path

    def __repr__(self) -> str:
        return (
            f"Figure({headline(self.graph)[0]}, {len(self.graph.nodes)} nodes; "
            '.save("graph.svg"), also .html, .dot, .json, .txt)'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What notebooks show: the SVG, and a line of text. Never raises: where no picture can be
        made, the text says why."""
        bundle = {"text/plain": repr(self)}
        try:
            bundle["image/svg+xml"] = self.svg()
        except Exception as error:
            bundle["text/plain"] += f"\n{error}"
        return bundle


def svg_width(svg: str) -> float:
    """The width that an SVG document of ours gives itself.

    >>> svg_width('<svg xmlns="http://www.w3.org/2000/svg" width="120.5" height="8">')
    120.5
    """
    return float(svg.partition('width="')[2].partition('"')[0])
