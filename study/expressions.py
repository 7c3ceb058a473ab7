"""From an expression of the small language to a graph of single numbers: each name a leaf, each
operation a node.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..engine import Tensor, apply, tensor
from ..engine.tensors import F64
from .language import LanguageError, Name, Number, Part, quoted, variables


def build(part: Part, values: Mapping[str, float]) -> Tensor:
    """The expression as a graph of float64 numbers; each name is one leaf with a gradient.

    LanguageError where a name has no value, where a value belongs to no name, and where the
    expression has no name, since nothing would have a gradient.

    >>> from backlit.study.language import parse
    >>> build(parse("w*x"), {"w": 0.5, "x": 2}).item()
    1.0
    """
    columns = variables(part)
    if not columns:
        raise LanguageError("no name is in the expression, so nothing has a gradient; write w*2")
    missing = [name for name in columns if name not in values]
    if missing:
        name = missing[0]
        raise LanguageError(
            f"column {columns[name]}: {quoted(name)} has no value; give one, as {name}=0.5"
        )
    for name in values:
        if name not in columns:
            raise LanguageError(
                f"{quoted(str(name))} is not in the expression; its names are {', '.join(columns)}"
            )
    leaves = {
        name: tensor(number_of(name, values[name]), dtype=F64, requires_grad=True, name=name)
        for name in columns
    }
    if isinstance(part, Name):
        raise LanguageError(f"nothing is computed in {quoted(part.name)}; write {part.name}*2")
    return _evaluate(part, leaves)


def number_of(name: str, value: object) -> float:
    """A value for a name: a finite number."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or isinstance(value, str):
        raise LanguageError(f"{quoted(name)} is given {value!r}, which is not a finite number")
    return number


def _evaluate(whole: Part, leaves: Mapping[str, Tensor]) -> Tensor:
    """Without recursion: a sum of a thousand terms is a thousand levels deep."""
    done: list[Tensor] = []
    stack: list[tuple[Part, bool]] = [(whole, False)]
    while stack:
        part, ready = stack.pop()
        if isinstance(part, Number):
            done.append(tensor(part.value, dtype=F64))
        elif isinstance(part, Name):
            done.append(leaves[part.name])
        elif ready:
            operands = done[-len(part.parts) :]
            del done[-len(part.parts) :]
            done.append(apply(part.primitive, *operands))
        else:
            stack.append((part, True))
            stack += [(each, False) for each in reversed(part.parts)]
    return done[0]
