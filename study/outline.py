"""A module as a picture: its parts as they nest, and for each parameter its shape, its numbers and
the size of its gradient. What a model is, before or between the graphs that it makes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..engine import Tensor
from ..nn import Module
from .canvas import Canvas
from .marks import Heat, Text
from .model import Values
from .pictures import Picture
from .text import clean, count_text, number, shape_text, shorten, width
from .themes import theme_named
from .values import cells_of, reduce_to_tile, summarise

MARGIN, LINE, TOP, INDENT = 16.0, 18.0, 78.0, 16.0
SIZE, TILE_WIDTH = 10.0, 48.0
NAME_COLUMNS, MOST_ROWS = 30, 200
HEADS = ("numbers", "values", "norm", "norm of gradient")


@dataclass(frozen=True, slots=True)
class Entry:
    """A module (no `value`) or a parameter, `depth` levels inside the model."""

    depth: int
    name: str
    kind: str
    numbers: int
    value: Values | None = None
    grad: Values | None = None
    trains: bool = True


class ModuleFigure(Picture):
    """A drawn module, with the numbers that it had at that moment: its data are in `.entries`."""

    def __init__(self, module: Module, theme: str = "light") -> None:
        super().__init__(theme)
        self.entries, self.hidden = outline(module)

    def headline(self) -> str:
        whole = self.entries[0]
        return f"{whole.kind}: {count_text(whole.numbers, 'parameter')}"

    def text(self) -> str:
        """A line for each module and each parameter."""
        lines = [self.headline(), *self.remarks(), ""]
        for entry in self.entries:
            indent = "  " * entry.depth
            lines.append(f"{indent}{entry.name}  {entry.kind}  {' '.join(_told(entry))}".rstrip())
        return "\n".join(lines) + "\n"

    def remarks(self) -> list[str]:
        """What is hidden, if anything is."""
        if not self.hidden:
            return []
        return [f"{count_text(self.hidden, 'part')} nested deeper not shown (above {MOST_ROWS})."]

    def __repr__(self) -> str:
        return f'ModuleFigure({self.headline()}; .save("model.svg"), also .png, .html, .txt)'

    def paint(self, theme: str) -> str:
        canvas, entries, title = Canvas(theme_named(theme)), self.entries, self.headline()
        indents = [INDENT * entry.depth for entry in entries]
        names = [shorten(entry.name, NAME_COLUMNS) for entry in entries]
        columns = [("module or parameter", names), ("", [entry.kind for entry in entries])]
        told = [_told(entry) for entry in entries]
        columns += [(head, [one[k] for one in told]) for k, head in enumerate(HEADS)]
        rooms = [max(width(text, SIZE) for text in [head, *texts]) for head, texts in columns]
        rooms[0] = max(width(t, SIZE) + indent for t, indent in zip(names, indents, strict=True))
        rooms[0] = max(rooms[0], width(columns[0][0], SIZE))
        starts = [MARGIN]
        for head, room in zip(["", *HEADS], rooms, strict=False):
            tile = TILE_WIDTH + 10.0 if head == "values" else 0.0
            starts.append(starts[-1] + room + 16.0 + tile)
        total = max(starts[-1] + rooms[-1] + MARGIN, width(title, 15.0) + 2 * MARGIN)
        canvas.text(Text(MARGIN, 30.0, title, 15.0, bold=True))
        for remark in self.remarks():
            canvas.text(Text(MARGIN, 49.0, remark, 11.0, "ink"))
        for i, entry in enumerate(entries):
            if entry.value is None:
                x = MARGIN + indents[i] - 6.0
                fill = canvas.theme.frame[0]
                canvas.rect(x, TOP + LINE * i, total - x, LINE - 1.0, fill, opacity="0.06")
            elif entry.value.tile is not None:
                x = starts[HEADS.index("values") + 2] - TILE_WIDTH - 10.0
                cells = cells_of(entry.value.tile)
                canvas.heat(Heat(x, TOP + LINE * i + 2.0, TILE_WIDTH, LINE - 5.0, cells))
        for start, (head, texts) in zip(starts, columns, strict=True):
            canvas.text(Text(start, TOP - 8.0, head, SIZE, "faint"))
            for i, text in enumerate(texts):
                first = texts is names
                mark = Text(
                    start + (indents[i] if first else 0.0),
                    TOP + LINE * i + 12.0,
                    text,
                    SIZE,
                    "faint" if text in ("none", "frozen") else "ink",
                    bold=first and entries[i].value is None,
                    full=entries[i].name if first and text != entries[i].name else "",
                )
                canvas.text(mark)
        high = TOP + LINE * len(entries) + 16.0
        return canvas.document(total, high, f"Outline of {title}.")


def outline(module: Module) -> tuple[tuple[Entry, ...], int]:
    """The parts of a module, each followed by its own parameters and then by its parts; and how
    many are left out, the deepest first, where there are more than 200.

    >>> from backlit import nn
    >>> [(entry.name, entry.kind, entry.numbers) for entry in outline(nn.MLP([2, 3, 1]))[0]][:3]
    [('', 'MLP', 13), ('0', 'Linear', 9), ('weight', '(3, 2)', 6)]
    """
    parts = dict(module.named_modules())
    owned: dict[str, list[tuple[str, Tensor]]] = {path: [] for path in parts}
    for name, parameter in module.named_parameters():
        path = name.rpartition(".")[0]
        while path not in owned:
            path = path.rpartition(".")[0]
        owned[path].append((name[len(path) :].lstrip("."), parameter))
    entries = []
    for path, part in parts.items():
        depth = path.count(".") + 1 if path else 0
        name = path.rpartition(".")[2]
        numbers = sum(parameter.size for parameter in part.parameters())
        entries.append(Entry(depth, clean(name), type(part).__name__, numbers))
        for own, parameter in owned[path]:
            entries.append(_parameter(depth + 1, clean(own), parameter))
    deepest = max(entry.depth for entry in entries)
    kept = entries
    while len(kept) > MOST_ROWS and deepest > 0:
        deepest -= 1
        kept = [entry for entry in entries if entry.depth <= deepest]
    kept = kept[:MOST_ROWS]
    return tuple(kept), len(entries) - len(kept)


def _parameter(depth: int, name: str, parameter: Tensor) -> Entry:
    value = summarise(parameter.data, tile=False)
    if parameter.size:
        value = replace(value, tile=reduce_to_tile(parameter.data))
    grad = None if parameter.grad is None else summarise(parameter.grad.data, tile=False)
    shape = shape_text(parameter.shape)
    return Entry(depth, name, shape, parameter.size, value, grad, parameter.requires_grad)


def _told(entry: Entry) -> tuple[str, str, str, str]:
    """Numbers, range, norm, and norm of the gradient, as words."""
    count = f"{entry.numbers:,}" if entry.numbers else ""
    value = entry.value
    if value is None:
        return count, "", "", ""
    low, high, norm = value.low, value.high, value.norm
    span = "" if low is None or high is None else f"{number(low, 3)} … {number(high, 3)}"
    if low == high:
        span = "" if low is None else number(low, 3)
    size = "" if norm is None else number(norm, 3)
    if not entry.trains:
        return count, span, size, "frozen"
    grad = entry.grad.norm if entry.grad else None
    return count, span, size, "none" if grad is None else number(grad, 3)
