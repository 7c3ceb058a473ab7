"""The `backlit` command: `learn` trains a network on a dataset, `draw` and `walk` show the chain
rule, `doctor` looks at the installation.
What the user can mend becomes one line on standard error and exit code 2, never a traceback."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from .errors import LearnError, UsageError
from .studying import add_commands, study

OK, FAILED, BAD_INPUT, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141

EXIT_CODES = """\
exit codes:
  0    done
  1    the loss became infinite or NaN; or the doctor found something broken
  2    bad input, told in one line
  130  stopped by Ctrl-C; the best weights so far and their report are written
"""

LEARN = """\
Trains a network on a dataset and writes report.html, graph.svg, model.safetensors,
run.json and predictions.csv. Rows are cut 60/20/20; the test part is looked at once.

datasets:
  classes  digits moons circles spirals blobs xor iris wine breast_cancer
  numbers  diabetes

examples:
  backlit learn digits
  backlit learn moons --hidden 16,16 --epochs 200 --seed 0 --out runs/moons

"""


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are UsageErrors."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving."""
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
    learn = commands.add_parser(
        "learn",
        help="train a network on a dataset and write a report",
        description=LEARN,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    learn.add_argument("dataset", nargs="?", help="one of the datasets above")
    learn.add_argument("--hidden", type=sizes, metavar="N,N", help="units of the hidden layers")
    learn.add_argument("--epochs", type=positive_int, metavar="N", help="passes over the rows")
    learn.add_argument("--lr", type=positive_float, metavar="X", help="Adam's learning rate")
    learn.add_argument("--batch-size", type=positive_int, metavar="N", help="rows per update")
    learn.add_argument("--seed", type=seed, metavar="N", help="of split, weights, shuffling (0)")
    learn.add_argument("--out", type=Path, metavar="FOLDER", help="default: runs/<dataset>")
    learn.add_argument("--overwrite", action="store_true", help="replace an earlier run there")
    learn.add_argument("--quiet", action="store_true", help="print the result only")
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
    if given.command == "learn":
        return learn(given)
    if given.command in ("draw", "walk"):
        return study(given)
    if given.command == "doctor":
        from .doctor import examine

        return examine()
    parser.print_help()
    return OK


def learn(given: argparse.Namespace) -> int:
    """`backlit learn`: prepare, train, test, write."""
    from .datasets import DATASETS, require_known
    from .rundir import RunFolder
    from .settings import Settings

    if given.dataset is None:
        raise UsageError(f"which dataset? One of {', '.join(DATASETS)}")
    require_known(given.dataset)
    settings = Settings.default(
        given.dataset,
        hidden=given.hidden,
        epochs=given.epochs,
        lr=given.lr,
        batch_size=given.batch_size,
        seed=given.seed,
    )
    path = Path("runs") / settings.dataset if given.out is None else given.out
    with RunFolder(path, given.overwrite) as folder:
        from .artifacts import files_of, record_of
        from .experiment import carry_out, prepare
        from .interrupt import Interruptible
        from .terminal import Terminal

        terminal = Terminal(quiet=given.quiet)
        terminal.first_run()
        prepared = prepare(settings)
        terminal.prepared(prepared)
        with Interruptible() as ctrl_c:
            with terminal.progress(settings.epochs, prepared.task.score_name) as on_epoch:
                outcome = carry_out(prepared, on_epoch, should_stop=lambda: ctrl_c.asked)
            fit = outcome.fit
            if fit.status == "interrupted":
                terminal.say("Stopped", f"{fit.message}; going on with the best weights so far")
            terminal.outcome(outcome)
            files = files_of(outcome)
            folder.finish(files, record_of(outcome))
        terminal.say("Wrote", f"{path}/: {', '.join([*files, 'run.json'])}")
    if fit.status == "diverged":
        complain(fit.message)
        return FAILED
    return INTERRUPTED if ctrl_c.asked else OK


def sizes(text: str) -> tuple[int, ...]:
    """Layer sizes such as 64,64.

    >>> sizes("64, 64")
    (64, 64)
    """
    return tuple(positive_int(size) for size in text.split(","))


def positive_int(text: str) -> int:
    """A whole number of 1 or more."""
    value = _number(int, text, "a whole number of 1 or more")
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return value


def positive_float(text: str) -> float:
    """A number above 0 that is not infinite."""
    value = _number(float, text, "a number above 0")
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def seed(text: str) -> int:
    """A whole number from 0 to 2**63 - 1."""
    value = _number(int, text, "a whole number of 0 or more")
    if not 0 <= value < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 2**63 - 1")
    return value


def _number(kind: type, text: str, wanted: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}") from None
