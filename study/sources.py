"""`to_source(loss)`: the forward and backward that ran, as NumPy source. Forward is read off the
tape; of backward, the rules run once more, and each op that passes the door becomes text.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..engine import Primitive, Tensor, enable_grad
from ..engine.backward import reachable, seed, walk
from ..engine.programs.recorder import Recorder, listening
from .live import Live, live
from .model import Node
from .numpy_text import ATOM, HELPERS, IMPORT, NEG, Piece, Speller
from .text import shape_text, shorten

LITERALS = 16  # arrays of more elements become arguments
LONG = 60  # a longer part of an expression gets a line of its own


class Source(str):
    """Python source: print it, write it to a file, exec it. `arguments` are the arrays to call its
    function `backprop` with, by name, as they were in this run."""

    arguments: dict[str, np.ndarray]

    __slots__ = ("arguments",)

    def __repr__(self) -> str:
        return str(self)


def to_source(loss: Tensor, names: Mapping[str, object] | None = None) -> Source:
    """The forward and backward that ran, as the source of a NumPy function of the leaves.

    The function returns the loss and a dict of gradients by argument. Each line of backward is what
    an op's rule computes, in the engine's order; results agree to rounding, as NumPy adds and
    rounds in its own way. What was no tensor of the graph when it ran (a dropout's mask, a
    condition, an array made by NumPy) is an argument, as it was.

    Parameters
    ----------
    loss : one number, whose graph is alive.
    names : what to call tensors, as {"x": x, …} or `locals()`.

    Raises GraphError where there is no living graph, or for an op without a NumPy form.

    >>> import backlit as bl
    >>> w = bl.tensor(0.5, requires_grad=True, name="w")
    >>> x = bl.tensor(2.0, name="x")
    >>> source = bl.to_source((w * x).tanh())
    >>> print(source)
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def backprop(w, x):
        # w: scalar float32
        # x: scalar float32
        # forward
        n2 = w * x
        n3 = np.tanh(n2)
        # backward
        d_n3 = np.ones_like(n3)
        d_n2 = d_n3 * (1.0 - n3 * n3)
        d_w = d_n2 * x
        return n3, {"w": d_w}
    <BLANKLINE>
    >>> space = {}
    >>> exec(source, space)
    >>> loss, gradients = space["backprop"](**source.arguments)
    >>> round(float(gradients["w"]), 4)
    0.8399
    """
    return _Writer(live("to_source", loss, names), loss).source()


class Made(NamedTuple):
    """What a tensor was made by, and as which in the order."""

    order: int
    primitive: Primitive
    inputs: tuple[Tensor, ...]
    params: dict[str, Any]


@dataclass(eq=False)
class Tracer(Recorder):
    """Hears of each op at the door: what every tensor was made by."""

    made_by: dict[Tensor, Made] = field(default_factory=dict)

    def note(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], params: dict[str, Any],
        out: Tensor | None, changed: tuple[Tensor, ...] = (),
    ) -> None:  # fmt: skip
        if out is not None:
            self.made_by[out] = Made(len(self.made_by), primitive, inputs, params)

    def hear(self, row: np.ndarray, *given: Any) -> None:
        """Which kernels run does not matter here."""

    def refuse(self, x: Tensor, how: str) -> None:
        """Values may be read: nothing is replayed."""

    def operand(self, value: Any, like: Tensor) -> None:
        """What is no tensor is a constant."""

    def array(self, value: np.ndarray, dtype: Any, copy: bool) -> None:
        """What becomes a tensor is a constant."""


class _Writer:
    """One function in the making."""

    def __init__(self, found: Live, loss: Tensor) -> None:
        self.found = found
        self.loss = loss
        self.lines: list[str] = []
        self.arguments: dict[str, np.ndarray] = {}
        self.notes: list[str] = []
        self.taken = {"np", "registry", "backprop", *HELPERS, *keyword.kwlist}
        self.names: dict[Tensor, Piece] = {}
        self.memory: dict[int, Piece] = {}  # the same, by the array
        self.gradients: dict[Tensor, str] = {}
        self.so_far: dict[Tensor, Tensor] = {}  # a tensor's gradient, as far as it is summed
        self.sums: set[Tensor] = set()  # the values of `so_far`
        self.kept: list[np.ndarray] = []  # arrays known by their identity
        self.tracer = Tracer()
        self.speller = Speller(self._array)
        self.temporaries = 0

    def source(self) -> Source:
        self._forward()
        self._backward()
        helpers = self.speller.helpers
        head = ["import numpy as np"] + [IMPORT] * (IMPORT in helpers)
        text = "\n".join(head) + "\n\n"
        text += "".join(f"{helpers[name]}\n" for name in helpers if helpers[name])
        body = "\n".join(f"    {line}" for line in [*self.notes, *self.lines])
        source = Source(f"{text}\ndef backprop({', '.join(self.arguments)}):\n{body}\n")
        source.arguments = self.arguments
        return source

    # -- names

    def _identifier(self, wanted: str, otherwise: str) -> str:
        """A Python name, like what is wanted as far as that goes, not given away yet."""
        name = re.sub(r"\W", "_", wanted, flags=re.ASCII)[:40]
        if not name.strip("_"):
            name = otherwise
        if name[0].isdigit():
            name = f"_{name}"
        unique, k = name, 2
        while unique in self.taken or f"d_{unique}" in self.taken:
            unique, k = f"{name}_{k}", k + 1
        self.taken.update((unique, f"d_{unique}"))
        return unique

    def _name(self, tensor: Tensor, piece: Piece) -> None:
        self.names[tensor] = piece
        self.memory.setdefault(id(tensor.data), piece)

    def _argument(self, node: Node, tensor: Tensor) -> None:
        name = self._identifier(node.name, f"n{node.id}")
        self.arguments[name] = tensor.data.copy()
        said = f" {shorten(node.name, 60)}" if node.name != name else ""
        self.notes.append(f"# {name}:{said} {shape_text(tensor.shape)} {node.value.dtype}")
        self._name(tensor, Piece(name))

    # -- forward

    def _forward(self) -> None:
        self.lines.append("# forward")
        where = ""
        for node, tensor in zip(self.found.graph.nodes, self.found.tensors, strict=True):
            if node.is_leaf:
                if node.kind == "const":
                    self._name(tensor, self._constant(tensor.data))
                else:
                    self._argument(node, tensor)
                continue
            if node.module_path != where:
                where = node.module_path
                self.lines.append(f"# in {shorten(where, 60)}" if where else "# outside modules")
            made = tensor.primitive
            assert made is not None
            pieces = [self.names[x] for x in tensor.inputs]
            piece = self.speller.spell(made, pieces, tensor.inputs, tensor.params)
            name = self._identifier(node.name, f"n{node.id}")
            self.lines.append(f"{name} = {piece.text}")
            self._name(tensor, Piece(name))

    # -- backward

    def _backward(self) -> None:
        self.lines.append("# backward")
        with listening(self.tracer), enable_grad():
            flight = seed([self.loss], None)
            name = self.gradients[self.loss] = f"d_{self.names[self.loss].text}"
            self.lines.append(f"{name} = np.ones_like({self.names[self.loss].text})")
            for out, g, given in walk(flight, reachable([self.loss])):
                self.names[g] = Piece(self.gradients[out])  # complete, and stays as it is
                receivers = [x for x, c in zip(out.inputs, given, strict=True) if c is not None]
                self._step({x: flight[x] for x in receivers})
        found = {self.names[x].text: d for x, d in self.gradients.items() if x.primitive is None}
        items = [f'"{name}": {found[name]}' for name in self.arguments if name in found]
        returned = ", ".join(items)
        if len(returned) > LONG:
            returned = "".join(f"\n        {item}," for item in items) + "\n    "
        self.lines.append(f"return {self.names[self.loss].text}, {{{returned}}}")

    def _step(self, received: dict[Tensor, Tensor]) -> None:
        """The lines of one op: the gradient so far of each of its operands."""
        self._name_shared(list(received.values()))
        written = []
        for x, total in received.items():
            name = self.gradients.get(x) or f"d_{self.names[x].text}"
            before = self.so_far.get(x)
            known = None if before is None else self.names.get(before)
            if before is not None:
                self.names[before] = Piece(name)
            written.append((x, name, total, self._text(total, top=True).text))
            if known is not None and before is not None:
                self.names[before] = known
            elif before is not None:
                del self.names[before]
        for x, name, total, text in written:
            self.lines.append(f"{name} = {text}")
            self.gradients[x] = name
            self.so_far[x] = total
            self.sums.add(total)

    def _name_shared(self, totals: list[Tensor]) -> None:
        """What several expressions of this step need is computed once, on a line before them."""
        uses: dict[Tensor, int] = {}
        stack = list(totals)
        while stack:
            t = stack.pop()
            if t in self.names or t in self.sums or t not in self.tracer.made_by:
                continue
            uses[t] = uses.get(t, 0) + 1
            if uses[t] == 1:
                stack += self.tracer.made_by[t].inputs
        shared = [t for t, count in uses.items() if count > 1]
        for t in sorted(shared, key=lambda t: self.tracer.made_by[t][0]):
            self._temporary(t, self._text(t, top=True))

    def _temporary(self, t: Tensor, piece: Piece) -> Piece:
        self.temporaries += 1
        name = self._identifier(f"t{self.temporaries}", "t")
        self.lines.append(f"{name} = {piece.text}")
        self.names[t] = Piece(name)
        return self.names[t]

    def _text(self, t: Tensor, top: bool = False) -> Piece:
        """A tensor as an expression: its name, or the op that made it, or a constant."""
        if t in self.names:
            return self.names[t]
        made = self.tracer.made_by.get(t)
        if made is None:
            known = self.memory.get(id(t.data))
            if known is not None:
                return known
            return self._constant(t.data)
        pieces = [self._text(x) for x in made.inputs]
        piece = self.speller.spell(made.primitive, pieces, made.inputs, made.params)
        if len(piece.text) > LONG and not top:
            return self._temporary(t, piece)
        return piece

    def _constant(self, array: np.ndarray) -> Piece:
        """A number as it is; in brackets where its shape counts in broadcasting."""
        return self._array(array) if array.ndim else _number(array)

    def _array(self, array: np.ndarray) -> Piece:
        """An array that the graph does not name: written out, or an argument."""
        array = np.asarray(array)
        known = self.memory.get(id(array))
        if known is not None:
            return known
        kind = f"np.{array.dtype.name}" if array.dtype.kind != "b" else "bool"
        first = array.reshape(-1)[:1]
        if array.size > LITERALS and (array == first).all():
            return Piece(f"np.full({array.shape}, {_number(first).text}, {kind})")
        if array.size <= LITERALS:
            return Piece(f"np.array({_nested(array)}, {kind})")
        name = self._identifier("c", "c")
        self.arguments[name] = array.copy()
        self.notes.append(f"# {name}: {shape_text(array.shape)} {array.dtype.name}")
        self.memory[id(array)] = Piece(name)
        self.kept.append(array)
        return Piece(name)


def _number(array: np.ndarray) -> Piece:
    """One number as Python writes it: NumPy takes it for the type of what it meets."""
    value = array.reshape(-1)[0]
    if array.dtype.kind != "f":
        return Piece(repr(value.item()), literal=True)
    if not np.isfinite(value):
        sign = "-" if value < 0 else ""
        name = "nan" if np.isnan(value) else "inf"
        return Piece(f"{sign}np.{name}", NEG if sign else ATOM, literal=True)
    text = repr(float(str(value)))  # the shortest that is the same float32 again
    return Piece(text, NEG if text.startswith("-") else ATOM, literal=True)


def _nested(array: np.ndarray) -> str:
    if array.ndim:
        return f"[{', '.join(map(_nested, array))}]" if array.size else repr(array.tolist())
    return _number(np.asarray(array)).text
