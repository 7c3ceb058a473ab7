"""`draw(loss)`: a figure of the graph that backward walks, with values, gradients, chain rule.
The figure shows itself in notebooks and saves itself as SVG, PNG, HTML, DOT, JSON or text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, overload

import graphviz

from ..engine import Tensor
from ..engine.paused import collector_paused
from ..engine.programs.replay import Replay
from ..nn import Module
from .dot import view_to_dot
from .failing import record_failure
from .focusing import node_of
from .layout import check_engine
from .listing import list_view
from .model import Graph
from .outline import ModuleFigure
from .pictures import Picture
from .record import Recorder, recorded
from .replayed import ProgramFigure
from .svg import headline, paint_view
from .themes import theme_named
from .views import TOLD, View, make_view


@overload
def draw(
    what: Tensor | BaseException,
    theme: str = ...,
    layout: str = ...,
    names: Mapping[str, object] | None = ...,
    module: Any = ...,
    show: Collection[str] | None = ...,
    depth: int | None = ...,
    focus: Tensor | str | None = ...,
    hops: int = ...,
) -> Figure: ...
@overload
def draw(what: Replay, theme: str = ...) -> ProgramFigure: ...
@overload
def draw(what: Module, theme: str = ...) -> ModuleFigure: ...
def draw(
    what: Tensor | BaseException | Replay | Module,
    theme: str = "light",
    layout: str = "layered",
    names: Mapping[str, object] | None = None,
    module: Any = None,
    show: Collection[str] | None = None,
    depth: int | None = None,
    focus: Tensor | str | None = None,
    hops: int = 2,
) -> Figure | ProgramFigure | ModuleFigure:
    """A figure of everything that a loss was computed from, and of what backward sends back.

    Call it while the graph is alive, that is, before `loss.backward()`: it walks backward itself,
    and neither touches a `.grad` nor frees anything. Of a graph that backward has freed it shows
    structure, values and the gradients of leaves.

    Parameters
    ----------
    what : a tensor of one element, computed from leaves that require a gradient. Or an error that
        an op raised (`except bl.ShapeError as error: bl.draw(error)`): the graph as far as it got.
        Or a function that is replayed: its program, with the time of each op. Or a module: its
        parts and parameters. These two take a theme and no more.
    theme : "light", "dark", "paper" or "contrast"; between light and dark HTML follows the
        reader's system instead.
    layout : "layered", built in, or "dot", which asks Graphviz's program.
    names : what to call tensors, such as {"x": x, "w": w} or `locals()`. Without it tensors have
        the names they bear (`tensor(…, name="w")`, parameters of modules) or p0, x0, n5.
    module : names parameters by their dotted paths; those without a path to the loss are shown too.
    show : what cards tell: "value", "grad" and "local" (the chain rule beside edges), or nothing
        of that, (). All by default; above 400 drawn nodes nothing.
    depth : how many levels of modules are open, 0 for none: those below are one box each, equal
        ones in a row "× N", long sums "sum of k". All by default; above 400 nodes as many as fit.
    focus, hops : a tensor, or its name in the figure: only what is at most `hops` ops away.

    The figure says what it hides, and `.graph` has all of it.

    Raises GraphError where there is no graph to draw or `loss` is not one number, ValueError for an
    unknown theme, layout or name.

    >>> import backlit as bl
    >>> x = bl.tensor(2.0, requires_grad=True)
    >>> w = bl.tensor(-3.0, requires_grad=True)
    >>> bl.draw((x * w).tanh(), names={"x": x, "w": w})
    Figure(L = tanh(n2) = −1, 4 nodes; .save("graph.svg"), also .png, .html, .txt, .dot, .json)
    """
    theme_named(theme)
    check_engine(layout)
    told = None if show is None else _checked(show)
    for name, value in (("depth", depth), ("hops", hops)):
        if value is not None and (not isinstance(value, int) or value < 0):
            raise ValueError(f"draw: {name} is a whole number from 0 on, not {value!r}")
    if isinstance(what, (Replay, Module)):
        given = {"names": names, "module": module, "show": show, "depth": depth, "focus": focus}
        for name, value in given.items():
            if value is not None:
                raise ValueError(f"draw: {name} is for graphs; this takes a theme and no more")
        return ProgramFigure(what, theme) if isinstance(what, Replay) else ModuleFigure(what, theme)

    def view_of(graph: Graph, recorder: Recorder) -> View:
        center = None if focus is None else node_of(graph, focus, recorder.number_of(focus)).id
        return make_view(graph, told, depth, center, hops)

    def shown(recorder: Recorder) -> set[int]:
        return view_of(recorder.skeleton(), recorder).drawn()

    with collector_paused():
        if isinstance(what, BaseException):
            graph, recorder = record_failure(what, names, module)
        else:
            graph, recorder = recorded(what, names, module, shown)
        return Figure(graph, theme, layout, view_of(graph, recorder))


def _checked(show: Collection[str]) -> frozenset[str]:
    """What `show` names; ValueError for what cards cannot tell."""
    told = frozenset([show] if isinstance(show, str) else show)
    for name in sorted(told - set(TOLD), key=str):
        raise ValueError(f"draw: show names what cards tell, {', '.join(TOLD)}; not {name!r}")
    return told


class Figure(Picture):
    """A drawn graph: its data are in `.graph`, its pictures are made when asked for.

    `.view` is what of the graph is drawn.
    """

    def __init__(
        self,
        graph: Graph,
        theme: str = "light",
        layout: str = "layered",
        view: View | None = None,
    ) -> None:
        super().__init__(theme)
        self.graph = graph
        self.layout = layout
        self.view = make_view(graph) if view is None else view

    def headline(self) -> str:
        return headline(self.graph)[0]

    def paint(self, theme: str) -> str:
        with collector_paused():
            return paint_view(self.view, theme, self.layout)

    def text(self) -> str:
        """Forward and backward as text: a line for each node, and one for each use."""
        return list_view(self.view)

    def to_dot(self) -> graphviz.Digraph:
        """The graph as a `graphviz.Digraph`, to go on working with."""
        return view_to_dot(self.view)

    def to_json(self) -> str:
        """The view model as JSON: all of the graph, whatever the picture hides."""
        return self.graph.to_json()

    def writers(self) -> dict[str, Callable[[], str | bytes]]:
        more = {".dot": lambda: self.to_dot().source, ".json": self.to_json}
        return super().writers() | more

    def __repr__(self) -> str:
        return (
            f"Figure({self.headline()}, {len(self.graph.nodes)} nodes; "
            f'.save("graph.svg"), also {", ".join(list(self.writers())[1:])})'
        )
