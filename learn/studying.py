"""`backlit draw` and `backlit walk`: the figure and the stepping page of an expression, or of a
tensor in a user's script, and the chain rule as text.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from .errors import UsageError

WHAT = """\
WHAT is an expression: numbers, names, + - * / ** ( ) and
abs cos exp log max min relu sigmoid sin softplus sqrt square tanh,
as far as the engine has them; or a tensor in a script, model.py:loss.
An expression that begins with a minus sign goes in brackets.
"""

DRAW = f"""\
Writes a figure of the graph behind a number, with the chain rule on each edge, and a page
to step through it; prints forward and backward as text.

{WHAT}
examples:
  backlit draw "tanh(w*x + b)" --at w=0.5,x=2,b=-1
  backlit draw model.py:loss --out loss.svg
"""

WALK = f"""\
Writes one offline page that steps through forward and backward; prints both as text.

{WHAT}
examples:
  backlit walk "tanh(w*x + b)" --at w=0.5,x=2,b=-1
  backlit walk model.py:loss --out loss.html
"""

FIGURE, PAGE = Path("graph.svg"), Path("backprop.html")


def add_commands(commands: Any, **how: Any) -> None:
    """Tell the parser of `draw` and `walk`; `how` is what all commands have in common."""
    for name, text, description, out in (
        ("draw", "draw the chain rule of an expression or a script", DRAW, FIGURE),
        ("walk", "a page that steps through backpropagation", WALK, PAGE),
    ):
        parser = commands.add_parser(name, help=text, description=description, **how)
        parser.add_argument("what", metavar="WHAT", help="an expression, or model.py:loss")
        parser.add_argument("--at", metavar="NAME=X,…", help="the numbers of an expression's names")
        parser.add_argument("--out", type=Path, metavar="FILE", help=f"default: {out}")


def study(given: argparse.Namespace) -> int:
    """Carry out `draw` or `walk`."""
    from ..engine import BacklitError
    from .scripts import ScriptError

    try:
        loss, names = _loss(given)
        return _write(given, loss, names)
    except ScriptError as error:
        _show_partial(given, error)
        raise
    except BacklitError as error:
        raise UsageError(str(error)) from None


def _loss(given: argparse.Namespace) -> tuple[Any, dict[str, object] | None]:
    from .scripts import is_script, tensor_of_script

    if is_script(given.what):
        if given.at is not None:
            raise UsageError("--at: only an expression has names to give numbers to")
        return tensor_of_script(given.what)
    from ..study.expressions import build
    from ..study.language import parse

    return build(parse(given.what), values_at(given.at or "")), None


def values_at(text: str) -> dict[str, float]:
    """The numbers in --at.

    >>> values_at("w=0.5, x=-2")
    {'w': 0.5, 'x': -2.0}
    """
    found: dict[str, float] = {}
    for part in text.split(",") if text.strip() else ():
        name, sign, number = (piece.strip() for piece in part.partition("="))
        if not sign or not name.isidentifier():
            raise UsageError(f"--at: {part.strip()!r} is not of the form w=0.5")
        if name in found:
            raise UsageError(f"--at: {name} has two numbers")
        if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", number, re.ASCII):
            raise UsageError(f"--at: {number!r}, given to {name}, is not a number")
        found[name] = float(number)
    return found


def _write(given: argparse.Namespace, loss: Any, names: dict[str, object] | None) -> int:
    from .. import study

    figure = study.draw(loss, names=names)
    stepping = getattr(study, "walk", None)
    files: list[tuple[Any, Path]] = []
    if given.command == "draw":
        out = given.out or FIGURE
        if not out.name:
            raise UsageError(f"--out: {out} is a folder; name a file in it, as {out / FIGURE}")
        files.append((figure, out))
        page = out.with_name(f"{out.stem}-{PAGE.name}")
    else:
        page = given.out or PAGE
        if stepping is None:
            raise UsageError("this backlit has no stepping page yet; backlit draw makes a figure")
        if page.suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"--out: the page is HTML, and {page.name!r} does not end in .html")
    if stepping is not None:
        files.append((stepping(loss, names=names), page))
    for made, path in files:
        try:
            made.save(path)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
        except ValueError as error:  # a suffix that is no format
            raise UsageError(f"--out: {error}") from None
    print(figure.text(), end="")
    print(f"\nWrote {' and '.join(str(path) for _, path in files)}")
    return 0


def _show_partial(given: argparse.Namespace, error: Any) -> None:
    """Show what the script of a ScriptError had computed when it stopped."""
    from ..engine import BacklitError
    from ..study import draw, walk

    try:
        figure = draw(error.cause, names=error.names)  # with the op that failed, in red
    except (BacklitError, TypeError):
        return _list_partial(error)
    print(figure.text(), end="")
    if given.command == "draw":
        made, out = figure, given.out or FIGURE
    else:
        made, out = walk(error.cause, names=error.names), given.out or PAGE
    try:
        made.save(out)
        print(f"\nWrote {out}, as far as it got")
    except (OSError, ValueError):
        pass  # the script's error is the one to tell
    return None


def _list_partial(error: Any) -> None:
    """The forward of the last result that the script still held."""
    from ..engine import BacklitError, enable_grad
    from ..study import draw

    last = error.partial
    if last is None:
        return
    try:
        with enable_grad():
            root = last if last.size == 1 else last.sum()
        lines = draw(root, names=error.names).text().splitlines()
    except BacklitError:
        return
    start = lines.index("forward") + 1
    rows = lines[start : lines.index("", start)]
    print("computed before the error:", *(rows if root is last else rows[:-1]), sep="\n")
