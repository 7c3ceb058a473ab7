"""Words and numbers as a picture shows them: cleaned, measured, shortened, rounded.
Names come from users, so nothing here trusts what it is given.
"""

from __future__ import annotations

import math
import unicodedata
from functools import lru_cache

MINUS = "−"
ELLIPSIS = "…"
ADVANCE = 0.61  # width of a monospace character over its height, the widest of the usual fonts


def clean(text: object) -> str:
    """`text` on one line, without control characters, invisible marks or lone surrogates.

    >>> clean("a\\x00b\\nc\\u202ed")
    'ab cd'
    """
    text = str(text)
    if text.isprintable():
        return text
    kept = []
    for char in text:
        if char.isspace():
            kept.append(" ")
        elif unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn"):
            kept.append(char)
    return "".join(kept)


def columns(text: str) -> int:
    """How many monospace columns `text` takes; wide (East Asian, emoji) characters take two.

    >>> columns("wᵀ"), columns("漢字")
    (2, 4)
    """
    if text.isascii():
        return len(text)
    return sum(map(_char_columns, text))


@lru_cache(maxsize=4096)
def _char_columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def width(text: str, size: float) -> float:
    """Width in pixels of `text` in a monospace font of `size` pixels, never too little.

    >>> width("abcd", 10)
    24.4
    """
    return columns(text) * size * ADVANCE


def shorten(text: str, limit: int) -> str:
    """`text` in at most `limit` columns: the middle gives way, as names differ at their ends.

    >>> shorten("encoder.layers.0.attention.weight", 20)
    'encoder…ntion.weight'
    """
    if columns(text) <= limit:
        return text
    head, tail = "", ""
    room = limit - 1
    for char in text:
        if columns(head + char) > room * 2 // 5:
            break
        head += char
    for char in reversed(text):
        if columns(head + tail + char) > room:
            break
        tail = char + tail
    return head + ELLIPSIS + tail


def clip(text: str, limit: int) -> str:
    """`text` in at most `limit` columns: the end gives way, as formulas are read from the left.

    >>> clip("log(sum(exp(x)))", 10)
    'log(sum(e…'
    """
    if columns(text) <= limit:
        return text
    kept = ""
    for char in text:
        if columns(kept + char) > limit - 1:
            break
        kept += char
    return kept + ELLIPSIS


def number(value: float, digits: int = 4) -> str:
    """A number to `digits` significant digits, with a real minus sign and a short exponent.

    >>> number(-0.0457612), number(1e-7), number(3.0), number(-0.0)
    ('−0.04576', '1e−7', '3', '0')
    """
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int) or not math.isfinite(value):
        text = str(value)
    else:
        text = f"{value:.{digits}g}"
    mantissa, e, exponent = text.partition("e")
    if e:
        text = f"{mantissa}e{int(exponent)}"
    return "0" if text == "-0" else text.replace("-", MINUS)


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as NumPy writes it; a single number says so.

    >>> shape_text((100, 2)), shape_text((3,)), shape_text(())
    ('(100, 2)', '(3,)', 'scalar')
    """
    if not shape:
        return "scalar"
    return f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"


def count_text(count: int, noun: str) -> str:
    """A count with its noun in the right number.

    >>> count_text(1, "node"), count_text(1200, "node")
    ('1 node', '1,200 nodes')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def wrap_columns(text: str, limit: int, most: int | None = None) -> list[str]:
    """`text` in lines of at most `limit` columns, broken at spaces; at most `most` lines.

    >>> wrap_columns("one two three", 8)
    ['one two', 'three']
    >>> wrap_columns("(softmax(x) - onehot(t)) · g / n", 14, 2)
    ['(softmax(x) -', 'onehot(t)) · …']
    """
    lines = [""]
    for word in text.split(" ") if text else ():
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if not lines[-1] or columns(longer) <= limit or len(lines) == most:
            lines[-1] = longer
        else:
            lines.append(word)
    return [clip(line, limit) for line in lines if line]


def summed_text(axes: tuple[int, ...]) -> str:
    """How undone broadcasting is told.

    >>> summed_text((0,)), summed_text((0, 2))
    ('summed over axis 0', 'summed over axes 0, 2')
    """
    return f"summed over {'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"


def bytes_text(count: float) -> str:
    """A number of bytes, in the unit that fits.

    >>> bytes_text(12), bytes_text(6400), bytes_text(3 << 20)
    ('12 B', '6.25 kB', '3 MB')
    """
    units = ["B", "kB", "MB", "GB", "TB"]
    while count >= 1024 and len(units) > 1:
        count /= 1024
        units.pop(0)
    return f"{number(count, 3)} {units[0]}"
