"""`walk(loss)`: backpropagation as a page to step through, one offline HTML file.
Forward, seed, backward contribution by contribution, and the optimizer's step if one is given.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..engine import Tensor
from ..engine.backward import reachable
from ..engine.paused import collector_paused
from ..nn.atomic import write_atomically
from ..optim import Optimizer
from .failing import record_failure
from .layout import check_size
from .model import Graph, Step
from .record import record_tensors
from .sentences import narrate
from .stepping_page import stepping_page
from .svg import headline, paint
from .text import count_text, number, shape_text
from .updating import Update, next_updates
from .wording import term


@collector_paused()
def walk(
    loss: Tensor | BaseException,
    names: Mapping[str, object] | None = None,
    module: Any = None,
    optimizer: Optimizer | None = None,
) -> Walk:
    """A page that steps through forward and backward of `loss`, with this run's numbers.

    Call it while the graph is alive, that is, before `loss.backward()`: it walks backward itself,
    and neither touches a `.grad` nor frees anything. Of a graph that backward has freed it shows
    the forward and the gradients of leaves.

    Where all is single numbers and ops of the small language (see `backlit walk --help`), the
    numbers of leaves can be changed on the page, and forward and backward are computed anew.

    Parameters
    ----------
    loss : a tensor of one element, computed from leaves that require a gradient. Or an error that
        an op raised (`except bl.ShapeError as error: bl.walk(error)`): forward as far as it got,
        the op that failed in red.
    names : what to call tensors, such as {"x": x, "w": w} or `locals()`.
    module : names parameters by their dotted paths; those without a path to the loss are shown too.
    optimizer : the walk ends with the step that it would take next; nothing of it is changed.

    Raises GraphError where there is no graph to walk, where it has more than 20,000 ops, and where
    `loss` is not one number, TypeError for an optimizer that is none, ValueError for one beside an
    error, after which there is no step.

    >>> import backlit as bl
    >>> x = bl.tensor(2.0, requires_grad=True)
    >>> w = bl.tensor(-3.0, requires_grad=True)
    >>> sgd = bl.optim.SGD([w], lr=0.5)
    >>> page = bl.walk(x * w, names={"x": x, "w": w}, optimizer=sgd)
    >>> page
    Walk(L = x · w = −6, 3 nodes, 7 steps; .save("backprop.html"))
    >>> page.graph.steps[-1].sentence
    'w: −3 − lr 0.5 · grad 2 = −4'
    """
    if isinstance(loss, BaseException):
        if optimizer is not None:
            raise ValueError(
                "walk: an optimizer is given with an error, but after an error there is no step; "
                "leave it out"
            )
        graph, _ = record_failure(loss, names, module)
        return Walk(replace(graph, steps=narrate(graph, [])))
    if isinstance(loss, Tensor) and loss.primitive is not None:
        check_size("walk", len(reachable([loss])))
    graph, tensors = record_tensors(loss, names, module, "walk")
    priors = {
        i: x.grad.numpy()
        for i, x in enumerate(tensors)
        if x.primitive is None and x.grad is not None and not graph.freed
    }
    steps = [_with_prior(graph, step, priors) for step in graph.steps]
    if optimizer is not None:
        ids = {x: i for i, x in enumerate(tensors) if x.primitive is None}
        for update in next_updates(loss, optimizer):
            if update.parameter in ids:
                steps.append(_update_step(graph, ids[update.parameter], update))
    return Walk(replace(graph, steps=tuple(steps)))


class Walk:
    """A recorded walk: its data are in `.graph`, the page is made when asked for."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    @collector_paused()
    def html(self) -> str:
        """The page as one offline HTML file."""
        return stepping_page(self.graph)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file that ends in .html; returns the path.

        The file appears whole or not at all. ValueError for another suffix; OSError, with the path,
        where it cannot be written.

        >>> import backlit as bl, tempfile
        >>> x = bl.tensor(2.0, requires_grad=True)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     bl.walk(x * x).save(folder + "/backprop.html").name
        'backprop.html'
        """
        path = Path(path)
        if path.suffix.lower() not in (".html", ".htm"):
            raise ValueError(
                f"walk: cannot save {path.name!r}: the stepping page is an HTML file, so its name "
                "ends in .html; pictures are drawn by draw(loss).save(…)"
            )
        write_atomically(path, [self.html().encode()])
        return path

    def __repr__(self) -> str:
        graph = self.graph
        return (
            f"Walk({headline(graph)[0]}, {count_text(len(graph.nodes), 'node')}, "
            f"{count_text(len(graph.steps), 'step')}; "
            '.save("backprop.html"))'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What notebooks show: the page in a frame that can run its script and nothing else. Never
        raises: where no page can be made, the text says why."""
        bundle = {"text/plain": repr(self)}
        try:
            bundle["image/svg+xml"] = paint(self.graph)
            bundle["text/html"] = (
                '<iframe sandbox="allow-scripts" width="100%" height="720" '
                'title="backpropagation, step by step" style="border:1px solid #8893a4" '
                f'srcdoc="{escape_document(self.html())}"></iframe>'
            )
        except Exception as error:
            bundle["text/plain"] += f"\n{error}"
        return bundle


def escape_document(html: str) -> str:
    """A whole document for a srcdoc in double quotes, where only two characters mean anything.

    >>> escape_document('<a title="x">&lt;</a>\\n')
    '<a title=&quot;x&quot;>&amp;lt;</a>\\n'
    """
    return html.replace("&", "&amp;").replace('"', "&quot;")


def _with_prior(graph: Graph, step: Step, priors: dict[int, np.ndarray]) -> Step:
    """What a leaf's `.grad` held already is added to: a forgotten zero_grad shows."""
    if step.kind != "accumulate" or step.nodes[0] not in priors:
        return step
    node, prior = graph.nodes[step.nodes[0]], priors[step.nodes[0]]
    grad = node.grad.scalar if node.grad is not None else None
    if grad is None or prior.size != 1:
        sentence = f"{step.sentence}, added to what it held before; was zero_grad() forgotten?"
        return replace(step, sentence=sentence, numbers={"prior": float(np.linalg.norm(prior))})
    before = float(prior.item())
    sentence = (
        f"{node.name}.grad held {number(before)} already: {number(before)} + {term(grad)} = "
        f"{number(before + grad)}; was zero_grad() forgotten?"
    )
    return replace(step, sentence=sentence, numbers={"prior": before, "after": before + grad})


def _one_element(name: str, update: Update, change: np.ndarray) -> str:
    """The element that moves most: its value, what it moves by, its new value."""
    if not change.size or not np.isfinite(change).all():
        return ""
    place = np.unravel_index(int(np.abs(change).argmax()), change.shape)
    before, after = float(update.parameter.numpy()[place]), float(update.after[place])
    moves = f"+ {term(float(change[place]))}"
    if update.plain:
        moves = f"− {number(update.lr)} · {term(float(update.gradient[place]))}"
    return f"; {name}[{', '.join(map(str, place))}]: {number(before)} {moves} = {number(after)}"


def _update_step(graph: Graph, i: int, update: Update) -> Step:
    """One parameter's step: value - lr x gradient where it is that, else the change as it is."""
    name, node = graph.nodes[i].name, graph.nodes[i]
    before, after = node.value.scalar, update.after
    if before is None or after.size != 1:
        change = after.astype(np.float64) - update.parameter.numpy()
        size = float(np.linalg.norm(update.parameter.numpy().astype(np.float64)))
        moved = float(np.linalg.norm(change))
        ratio = f", {number(moved / size, 3)} of the value's" if size else ""
        rule = f"− lr {number(update.lr)} · grad" if update.plain else "moves"
        sentence = f"{name} {rule}: {shape_text(node.value.shape)}, norm of the change "
        sentence += f"{number(moved)}{ratio}{_one_element(name, update, change)}"
        return Step("update", (i,), (), sentence, {"lr": update.lr, "moved": moved})
    new, grad = float(after.item()), float(update.gradient.item())
    numbers = {"value": before, "lr": update.lr, "grad": grad, "after": new}
    if update.plain:
        sentence = f"{name}: {number(before)} − lr {number(update.lr)} · grad "
        sentence += f"{number(grad) if grad >= 0 else term(grad)} = {number(new)}"
        numbers["plain"] = 1.0
    else:
        change = new - before
        sentence = f"{name}: {number(before)} + {term(change)} = {number(new)}"
        if grad and math.isfinite(grad):
            sentence += f"; lr · grad alone would be {number(update.lr * grad)}"
    return Step("update", (i,), (), sentence, numbers)
