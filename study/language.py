"""The small language of expressions, for the shell and for exercises: tanh(w*x + b). It is parsed
here, never evaluated as Python; what is outside is named with its column.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from typing import NamedTuple

from ..engine import BacklitError, Primitive, registry
from .text import shorten

LONGEST = 4000
DEEPEST = 60
"""How deep brackets, minus signs and powers may nest: the parser calls itself."""

WORDS = {
    "abs": "abs", "cos": "cos", "exp": "exp", "log": "log", "max": "maximum", "min": "minimum",
    "relu": "relu", "sigmoid": "sigmoid", "sin": "sin", "softplus": "softplus", "sqrt": "sqrt",
    "square": "square", "tanh": "tanh",
}  # fmt: skip
"""The functions of the language and the primitives they are, as far as the engine has them."""

OPERATORS = {"+": "add", "-": "sub", "*": "mul", "/": "div", "**": "pow"}

TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>\*\*|[-+*/(),])|(?P<end>$))",
    re.ASCII,
)


class LanguageError(BacklitError, ValueError):
    """An expression outside the language; the message names the column, counted from 1."""


class Token(NamedTuple):
    """A piece of the text: its kind is number, name, sign or end."""

    kind: str
    text: str
    column: int


@dataclass(frozen=True)
class Number:
    """A number as it stands in the text."""

    value: float


@dataclass(frozen=True)
class Name:
    """A variable; `column` is where it first stands."""

    name: str
    column: int


@dataclass(frozen=True)
class Call:
    """A primitive applied to one or two parts."""

    primitive: Primitive
    parts: tuple[Part, ...]


Part = Number | Name | Call


def functions() -> dict[str, Primitive]:
    """The functions that the language has today, by their names in it.

    >>> functions()["max"].formula
    'max(x, y)'
    """
    return {word: registry[name] for word, name in WORDS.items() if name in registry}


def parse(text: str) -> Part:
    """The expression as a tree, or LanguageError.

    Numbers, names, + - * / **, a minus sign in front, brackets, and the functions of
    `functions()`. As in Python, ** binds closest and from the right: -x**2 is -(x**2).

    >>> parse("w * 2").primitive.name
    'mul'
    >>> parse("w ^ 2")
    Traceback (most recent call last):
    ...
    backlit.study.language.LanguageError: column 3: '^' is not in the language; a power is **
    """
    if not isinstance(text, str):
        raise TypeError(f"an expression is text, not {type(text).__name__}")
    if len(text) > LONGEST:
        raise LanguageError(
            f"the expression has {len(text):,} characters, more than {LONGEST:,}; write it in "
            "Python, with tensors"
        )
    return _Parser(_tokens(text)).whole()


def variables(part: Part) -> dict[str, int]:
    """The names in an expression, in the order in which they come, with their first columns.

    >>> variables(parse("w*x + w"))
    {'w': 1, 'x': 3}
    """
    found: dict[str, int] = {}
    stack = [part]
    while stack:
        part = stack.pop()
        if isinstance(part, Name):
            found[part.name] = min(found.get(part.name, part.column), part.column)
        elif isinstance(part, Call):
            stack += part.parts
    return dict(sorted(found.items(), key=lambda item: item[1]))


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    while True:
        match = TOKEN.match(text, at)
        if match is None:
            raise _unknown(text, at + len(text[at:]) - len(text[at:].lstrip()))
        kind = match.lastgroup or "end"
        token = Token(kind, match[kind], match.start(kind) + 1)
        found.append(token)
        if kind == "end":
            return found
        at = match.end()


HINTS = {
    "^": "a power is **",
    "=": "values are given apart, as w=0.5,x=2",
    "%": "there is no remainder",
    "@": "all names are single numbers; * multiplies",
    "[": "all names are single numbers",
    ".": "functions are written tanh(x), numbers 0.5",
    ";": "one expression at a time",
    "'": "there is no text in it",
    '"': "there is no text in it",
    "−": "write the minus sign of the keyboard, -",
    "·": "write *",
    "×": "write *",
    "÷": "write /",
}


def _unknown(text: str, at: int) -> LanguageError:
    char = text[at]
    hint = HINTS.get(char, "it has numbers, names, + - * / ** ( ) and functions")
    return LanguageError(f"column {at + 1}: {quoted(char)} is not in the language; {hint}")


def quoted(text: str) -> str:
    """A piece of the user's text on one line, in quotes."""
    text = shorten(text, 30)
    return repr(text) if text.isprintable() else ascii(text)


class _Parser:
    """Reads tokens from the left; one method for each level at which operators bind."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.brackets = 0
        self.functions = functions()

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def take(self, *signs: str) -> Token | None:
        """The next token if it is one of these signs."""
        token = self.next
        if token.kind == "sign" and token.text in signs:
            self.at += 1
            return token
        return None

    def whole(self) -> Part:
        if self.next.kind == "end":
            raise LanguageError("the expression is empty; write one, as tanh(w*x + b)")
        part = self.sum()
        if self.next.kind != "end":
            raise self.unexpected("the expression could end")
        return part

    def unexpected(self, wanted: str) -> LanguageError:
        token = self.next
        if token.kind == "end":
            return LanguageError(f"column {token.column}: the expression ends where {wanted}")
        hint = ""
        if token.text == ")":
            hint = "" if self.brackets else "; no bracket is open"
        elif token.kind in ("name", "number") or token.text == "(":
            hint = "; a product is written with *"
        what = quoted(token.text)
        return LanguageError(f"column {token.column}: {what} stands where {wanted}{hint}")

    def sum(self) -> Part:
        part = self.product()
        while sign := self.take("+", "-"):
            part = self.call(OPERATORS[sign.text], part, self.product())
        return part

    def product(self) -> Part:
        part = self.signed()
        while sign := self.take("*", "/"):
            part = self.call(OPERATORS[sign.text], part, self.signed())
        return part

    def signed(self) -> Part:
        self.depth += 1
        if self.depth > DEEPEST:
            raise LanguageError(
                f"column {self.next.column}: nested deeper than {DEEPEST} levels; write it in "
                "Python, with tensors"
            )
        if self.take("-"):
            part = self.signed()
            part = Number(-part.value) if isinstance(part, Number) else self.call("neg", part)
        else:
            part = self.power()
        self.depth -= 1
        return part

    def power(self) -> Part:
        part = self.atom()
        if self.take("**"):
            part = self.call("pow", part, self.signed())
        return part

    def atom(self) -> Part:
        token = self.next
        if token.kind == "number":
            self.at += 1
            value = float(token.text)
            if math.isinf(value):
                raise LanguageError(f"column {token.column}: {quoted(token.text)} is too large")
            return Number(value)
        if token.kind == "name":
            self.at += 1
            if self.take("("):
                return self.function(token)
            if token.text in self.functions:
                raise LanguageError(
                    f"column {token.column}: {token.text} is a function; write {token.text}(x), or "
                    "choose another name"
                )
            return Name(token.text, token.column)
        if self.take("("):
            self.brackets += 1
            part = self.sum()
            self.close(token)
            return part
        raise self.unexpected("a number, a name or a bracket is wanted")

    def function(self, token: Token) -> Part:
        record = self.functions.get(token.text)
        if record is None:
            near = difflib.get_close_matches(token.text, self.functions, 1)
            mean = f"did you mean {near[0]}? It" if near else "it"
            raise LanguageError(
                f"column {token.column}: {quoted(token.text)} is no function of the language; "
                f"{mean} has {', '.join(self.functions)}"
            )
        self.brackets += 1
        parts = [self.sum()]
        while self.take(","):
            parts.append(self.sum())
        self.close(token)
        wanted = len(record.local)
        if len(parts) != wanted:
            each = "one operand" if wanted == 1 else f"{wanted} operands"
            raise LanguageError(
                f"column {token.column}: {token.text} takes {each}, here are {len(parts)}"
            )
        return Call(record, tuple(parts))

    def close(self, opened: Token) -> None:
        if self.take(")"):
            self.brackets -= 1
            return
        if self.next.kind == "end":
            what = "bracket" if opened.text == "(" else f"bracket of {opened.text}"
            raise LanguageError(f"column {opened.column}: the {what} is never closed")
        raise self.unexpected("an operator or ) is wanted")

    def call(self, name: str, *parts: Part) -> Part:
        return Call(registry[name], parts)
