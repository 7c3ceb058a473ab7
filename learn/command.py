"""The `backlit` command: `learn` walks from a table to a prediction, `predict` and `drift` use what
it left, `draw` and `walk` show the chain rule, `doctor` looks at the installation.
What the user can mend becomes one line on standard error and exit code 2, never a traceback."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from . import running, studying
from .errors import LearnError, UsageError

OK, FAILED, BAD_INPUT, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141

EXIT_CODES = """\
exit codes:
  0    done
  1    the loss became infinite or NaN; or the doctor found something broken
  2    bad input, told in one line
  130  stopped by Ctrl-C; the best weights so far and their report are written
"""


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are UsageErrors."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving."""
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown.startswith("-") and os.path.exists(unknown):
            message += f"; to name the file write ./{unknown}"
        raise UsageError(f"{message.removeprefix('argument ')}; see {self.prog} --help")


class Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Print and leave."""
        from .versions import backlit_version

        print(f"backlit {backlit_version()}")
        parser.exit()


def build_parser() -> Parser:
    """Everything that the command line understands."""
    parser = Parser(
        prog="backlit",
        description="An autodiff engine with neural nets that you can see through.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=Version, nargs=0, help="print the version and leave")
    commands = parser.add_subparsers(dest="command", metavar="command")
    for add_commands in (running.add_commands, studying.add_commands):
        add_commands(
            commands,
            epilog=EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
    commands.add_parser(
        "doctor",
        help="look at versions, processor and kernel cache",
        description="Says what is there, what is missing, and how to mend it.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    >>> main(["--version"])
    backlit ...
    0
    """
    if sys.stderr is None:  # closed: what is said there must not go to standard output instead
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        complain("standard output is closed; send it to a file, or to /dev/null")
        return BAD_INPUT
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # "R²" must not fail where only ASCII is spoken
            stream.reconfigure(errors="replace")
    try:
        code = _dispatch(argv)
        sys.stdout.flush()
        return code
    except LearnError as error:
        complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        print("backlit: interrupted", file=sys.stderr)
        return INTERRUPTED
    except MemoryError:
        complain("out of memory; choose smaller --hidden, or a smaller graph")
        return BAD_INPUT
    except BrokenPipeError:
        # Who read the output has gone. Python flushes once more when it leaves: let it be heard
        # by nobody instead of complaining.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:  # a full disk, a folder that was deleted meanwhile
        reason = error.strerror or str(error)
        where = f"{error.filename}: " if error.filename is not None else ""
        complain(f"{where}{reason}; mend that and repeat the command")
        if not _flushes(sys.stdout):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BAD_INPUT


def _flushes(stream: Any) -> bool:
    """Whether what was printed gets to where it goes."""
    try:
        stream.flush()
    except OSError:
        return False
    return True


def complain(message: str) -> None:
    """One line on standard error; a name cannot smuggle line breaks or escape codes into it."""
    line = "".join(c if c.isprintable() else " " for c in " ".join(message.split()))
    print(f"backlit: error: {line}", file=sys.stderr)


def _dispatch(argv: Sequence[str] | None) -> int:
    parser = build_parser()
    try:
        given = parser.parse_args(argv)
    except SystemExit as leaving:  # --help and --version
        return int(leaving.code or 0)
    run = {
        "learn": running.learn,
        "predict": running.predict,
        "drift": running.drift,
        "draw": studying.study,
        "walk": studying.study,
    }.get(given.command)
    if run is not None:
        return run(given)
    if given.command == "doctor":
        from .doctor import examine

        return examine()
    parser.print_help()
    return OK
