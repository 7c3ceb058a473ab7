"""Runs the commands of docs/how-models-learn.md and writes what they print below them, so that
every number of the lesson is one that a command gave. `--check` changes nothing and exits with 1
where the page differs.

    python docs/build_lesson.py [--check] [PAGE]

All commands of a page run in its order in one temporary folder; a command that stands twice runs
once, so that a long output can be shown in pieces. A ```python block whose first line is
`# name.py` becomes that file. What is shown of an output says a comment above the block:

    <!-- show: /Found/../95 %/, /Test/ -->    from the first line that matches to the next one that
                                             does, then a line; each is looked for below the last
    <!-- long, show: /Test/ -->              the same; left out by `built(page, quick=True)`
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

PAGE = Path(__file__).parent / "how-models-learn.md"
BLOCK = re.compile(
    r"(?:^<!-- (?P<long>long)?(?:, )?(?:show: (?P<show>.*?))? -->\n)?"
    r"^```(?P<kind>console|python)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
PIECE = re.compile(r"/((?:[^/\\]|\\.)+)/(?:\.\./((?:[^/\\]|\\.)+)/)?")
PROGRAMS = {"backlit": ["-m", "backlit"], "python": []}
LEFT_OUT = "…"


class LessonError(Exception):
    """The page asks for what cannot be done."""


def main(arguments: list[str]) -> int:
    """Write the page anew, or compare it."""
    check = "--check" in arguments
    pages = [Path(word) for word in arguments if word != "--check"] or [PAGE]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        try:
            new = built(text)
        except LessonError as error:
            print(f"{page}: {error}", file=sys.stderr)
            return 1
        if check and new != text:
            print(f"{page} differs from what its commands print:", file=sys.stderr)
            print("\n".join(differences(text, new)), file=sys.stderr)
            return 1
        if new != text:
            page.write_text(new, encoding="utf-8")
    return 0


def differences(old: str, new: str) -> list[str]:
    """The lines that differ, as diff says it."""
    import difflib

    before, after = old.splitlines(), new.splitlines()
    return list(difflib.unified_diff(before, after, "the page", "the commands", "", "", 0, ""))


def built(text: str, quick: bool = False) -> str:
    """The page with the outputs of its commands; with `quick`, those marked long as they were.

    Raises LessonError for a command that fails or a line to be shown that is not there.
    """
    with tempfile.TemporaryDirectory() as folder:
        shell = Shell(Path(folder))

        def block(match: re.Match[str]) -> str:
            if quick and match["long"]:
                return match[0]
            body = match["body"]
            if match["kind"] == "python":
                shell.keep(body)
                return match[0]
            command = body.split("\n", 1)[0]
            if not command.startswith("$ "):
                raise LessonError(f"a console block begins with '$ ', not with {command!r}")
            output = shell.run(command[2:])
            lines = chosen(output.splitlines(), match["show"])
            start = match[0].index("```console")
            return match[0][:start] + "\n".join(["```console", command, *lines, "```"])

        return BLOCK.sub(block, text)


def chosen(lines: list[str], show: str | None) -> list[str]:
    """The lines that a comment asks for, and a mark where lines between them are left out.

    >>> chosen(["a", "b", "c", "d"], "/b/../c/")
    ['b', 'c']
    >>> chosen(["a", "b", "c"], "/a/, /c/")
    ['a', '…', 'c']
    """
    if show is None:
        return lines
    pieces = [match.groups() for match in PIECE.finditer(show)]
    if not pieces or PIECE.sub("", show).strip(" ,"):
        raise LessonError(f"cannot read what to show: {show!r}; write /first/../last/, /line/")
    kept: list[str] = []
    after = 0
    for first, last in pieces:
        start = found(first, lines, after)
        end = start if last is None else found(last, lines, start)
        if kept and start > after:
            kept.append(LEFT_OUT)
        kept += lines[start : end + 1]
        after = end + 1
    return kept


def found(pattern: str, lines: list[str], start: int) -> int:
    """The number of the first line from `start` on that matches."""
    for number in range(start, len(lines)):
        if re.search(pattern, lines[number]):
            return number
    raise LessonError(f"no line matches /{pattern}/ below line {start} of:\n" + "\n".join(lines))


@dataclass
class Shell:
    """A folder, and what each command printed in it."""

    folder: Path
    outputs: dict[str, str] = field(default_factory=dict)

    def keep(self, program: str) -> None:
        """Write a program that names its file in its first line; others are for reading."""
        name = re.fullmatch(r"# (\w+\.py)", program.split("\n", 1)[0])
        if name is not None:
            (self.folder / name[1]).write_text(program, encoding="utf-8")

    def run(self, command: str) -> str:
        """What a command prints, on both streams."""
        if command not in self.outputs:
            program, *words = shlex.split(command)
            if program not in PROGRAMS:
                raise LessonError(f"only {' and '.join(PROGRAMS)} are run, not {command!r}")
            done = subprocess.run(
                [sys.executable, *PROGRAMS[program], *words],
                cwd=self.folder,
                env=os.environ | {"NO_COLOR": "1", "COLUMNS": "90", "PYTHONIOENCODING": "utf-8"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
            )
            if done.returncode:
                raise LessonError(f"exit code {done.returncode} of {command!r}:\n{done.stdout}")
            self.outputs[command] = "\n".join(map(str.rstrip, done.stdout.splitlines()))
        return self.outputs[command]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
