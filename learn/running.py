"""`backlit learn`, `predict` and `drift`: from the command line to a walk, its run folder, and back
to predictions for new rows.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import UsageError
from .options import positive_float, positive_int, seed, sizes

if TYPE_CHECKING:
    from .data.table import Table
    from .problem import Problem
    from .saved import Saved
    from .walk import Settings

LEARN = """\
Walks from a table to a tested prediction: looks at the table, splits it, fits the simple
models and a network, says at each step what was found, and writes a report. The rows are
cut 60/20/20; the test part is looked at once.

WHAT is a CSV file with names in its first line, which needs --target, or one of:
  classes  {classes}
  numbers  {numbers}

examples:
  backlit learn customers.csv --target churned
  backlit learn customers.csv --target churned --group customer_id --metric balanced_accuracy
  backlit learn digits --explain
  backlit learn moons --hidden 16,16 --epochs 200 --seed 0 --out runs/moons

"""

PREDICT = """\
Predicts new rows with the model that a run recommends: the same preparation, the class and
its probability, as CSV on standard output; what is new about the rows on standard error.

example:
  backlit predict runs/customers new.csv > predictions.csv
"""

DRIFT = """\
Compares new rows with those that a run learned from: has the world moved?

example:
  backlit drift runs/customers new.csv
"""

WORDS = "NAME,NAME"


def add_commands(commands: Any, **how: Any) -> None:
    """Tell the parser of `learn`, `predict` and `drift`; `how` is what all have in common."""
    from .data.catalogue import BUILTIN

    numbers = [b.name for b in BUILTIN.values() if b.problem.task == "regression"]
    classes = [name for name in BUILTIN if name not in numbers]
    learn = commands.add_parser(
        "learn",
        help="from a table to a tested prediction, with a report",
        description=LEARN.format(classes=" ".join(classes), numbers=" ".join(numbers)),
        **how,
    )
    add = learn.add_argument
    add("what", nargs="?", metavar="WHAT", help="a CSV file, or one of the tables above")
    add("--target", metavar="NAME", help="the column to predict")
    add("--task", choices=("classification", "regression"), help="inferred unless given")
    add("--metric", metavar="NAME", help="what a prediction is judged by")
    add("--positive", metavar="CLASS", help="of two classes the one that is looked for")
    add("--group", metavar="NAME", help="rows with one value of it stay in one part")
    add("--time", metavar="NAME", help="split in its order; the test part is the latest")
    add("--sensitive", type=names, default=(), metavar=WORDS, help="errors by their groups")
    add("--ignore", type=names, default=(), metavar=WORDS, help="columns not to be used")
    add("--missing", action="append", default=[], metavar="TEXT", help="cells that are missing")
    add("--text", type=names, default=(), metavar=WORDS, help="columns of digits that are names")
    add("--encoding", default="utf-8", help="of the file (utf-8)")
    add("--limit", action="append", default=[], metavar="NAME=X", help="another threshold")
    add("--unsupervised", action="store_true", help="no target: clusters, components, structure")
    add("--hidden", type=sizes, metavar="N,N", help="units of the hidden layers")
    add("--epochs", type=positive_int, metavar="N", help="passes over the rows, at most")
    add("--lr", type=positive_float, metavar="X", help="Adam's learning rate")
    add("--batch-size", type=positive_int, metavar="N", help="rows per update")
    add("--seed", type=seed, metavar="N", help="of split, weights, shuffling (0)")
    add("--out", type=Path, metavar="FOLDER", help="default: runs/NAME")
    add("--overwrite", action="store_true", help="replace an earlier run there")
    add("--resume", action="store_true", help="go on with a run that was killed")
    add("--explain", action="store_true", help="say the idea behind each step, too")
    add("--quiet", action="store_true", help="print the verdict and the test score only")
    add("--json", action="store_true", help="print the whole result as JSON instead")
    for name, text, description in (
        ("predict", "predict new rows with a run", PREDICT),
        ("drift", "compare new rows with those of a run", DRIFT),
    ):
        parser = commands.add_parser(name, help=text, description=description, **how)
        parser.add_argument("folder", type=Path, metavar="FOLDER", help="of a run: runs/customers")
        parser.add_argument("file", type=Path, metavar="FILE", help="a CSV file")
        parser.add_argument("--encoding", default="utf-8", help="of the file (utf-8)")
        parser.add_argument("--missing", action="append", default=[], metavar="TEXT")
        if name == "drift":
            parser.add_argument("--json", action="store_true", help="findings as JSON")


def names(text: str) -> tuple[str, ...]:
    """Column names, divided by commas.

    >>> names("age, sex")
    ('age', 'sex')
    """
    return tuple(part.strip() for part in text.split(",") if part.strip())


def learn(given: argparse.Namespace) -> int:
    """`backlit learn`: the walk, and its run folder."""
    from .interrupt import Interruptible
    from .report.terminal import Terminal
    from .rundir import RunFolder
    from .walk import learn as walk

    if not given.what:
        raise UsageError("learn from what? A CSV file and its --target, or one of the tables")
    if given.unsupervised:
        require_unsupervised(given)
        return explore(given)
    table, problem, settings, image_shape = question(given)
    path = Path("runs") / folder_name(given) if given.out is None else given.out
    quiet = given.quiet or given.json
    with RunFolder(path, given.overwrite, given.resume) as folder:
        terminal = Terminal(quiet=quiet, explain=given.explain)
        if not quiet:
            terminal.first_run()
        with Interruptible() as ctrl_c:
            result = walk(
                table, problem, settings, limits=limits(given.limit), listener=terminal,
                should_stop=lambda: ctrl_c.asked, checkpoint=folder.checkpoint,
                looks=folder.looks(table.sha256, settings.seed) + 1, command=command_of(given),
                image_shape=image_shape,
            )  # fmt: skip
        from .files import files_of, record_of

        files, record = files_of(result, given.what), record_of(result)
        folder.finish(files, record)
        if given.json:
            print(json.dumps(record, ensure_ascii=False, allow_nan=False))
        else:
            terminal.verdict(result)
            if not given.quiet:
                terminal.wrote(path, [*files, "run.json"])
    fit = result.context.fit
    if fit is not None and fit.status == "diverged":
        print(f"backlit: error: {fit.message}", file=sys.stderr)
        return 1
    return 130 if ctrl_c.asked else 0


def question(given: argparse.Namespace) -> tuple[Table, Problem, Settings, tuple[int, int] | None]:
    """The table, what is asked of it, the settings, and the shape of pictures."""
    from .data.builtin import BUILTIN, load, require_known
    from .data.table import Table
    from .problem import Problem
    from .walk import Settings

    own = {
        name: value
        for name in ("task", "metric", "positive", "time", "target")
        if (value := getattr(given, name)) is not None
    }
    own |= {"groups": given.group} if given.group is not None else {}
    own |= {"sensitive": given.sensitive} if given.sensitive else {}
    own |= {"ignored": given.ignore} if given.ignore else {}
    settings = Settings(
        **{
            name: value
            for name in ("hidden", "epochs", "lr", "batch_size", "seed")
            if (value := getattr(given, name)) is not None
        }
    )
    if is_file(given.what):
        if given.target is None:
            raise UsageError(
                f"which column of {given.what} is to be predicted? Name it: --target NAME "
                "(or look for structure without one: --unsupervised)"
            )
        table = Table.read(
            given.what, encoding=given.encoding, missing=given.missing, texts=given.text
        )
        return table, Problem(**own), settings, None
    require_known(given.what)
    builtin = BUILTIN[given.what]
    chosen = {k: v for k, v in builtin.recipe.items() if getattr(given, k, None) is None}
    settings = replace(settings, **chosen)
    table = load(given.what, settings.seed)
    return table, replace(builtin.problem, **own), settings, builtin.image_shape


def is_file(what: str) -> bool:
    """Whether a word names a file, there or not, and no table that is brought."""
    from .data.builtin import known

    return not known(what) and ("." in what or "/" in what or Path(what).exists())


def folder_name(given: argparse.Namespace) -> str:
    """What a run is called: the table's name, or the file's without its ending."""
    name = Path(given.what).name
    return name.removesuffix(".gz").rpartition(".")[0].strip(".") or name.strip(".") or "table"


def limits(given: list[str]) -> dict[str, float]:
    """Thresholds from NAME=X.

    >>> limits(["strong_column=0.9"])
    {'strong_column': 0.9}
    """
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise UsageError(f"--limit is NAME=X with a number X, not {text!r}")
    return found


def command_of(given: argparse.Namespace) -> str:
    """The command line that repeats this run."""
    what = f"./{given.what}" if given.what.startswith("-") else given.what
    words = ["backlit", "learn", what]
    for option in (
        "target", "task", "metric", "positive", "group", "time", "hidden", "epochs", "lr",
        "batch_size", "sensitive", "ignore", "text",
    ):  # fmt: skip
        value = getattr(given, option)
        if value is None or value == ():
            continue
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        words += [f"--{option.replace('_', '-')}", text]
    for option in ("missing", "limit"):
        for text in getattr(given, option):
            words += [f"--{option}", text]
    if given.encoding != "utf-8":
        words += ["--encoding", given.encoding]
    if given.unsupervised:
        words.append("--unsupervised")
    words += ["--seed", str(given.seed or 0)]
    return shlex.join(words)


SUPERVISED = (
    "task", "metric", "positive", "group", "time", "sensitive", "limit", "hidden", "epochs", "lr",
    "batch_size", "out", "overwrite", "resume",
)  # fmt: skip
"""Options that only the walk to a target has a use for."""


def require_unsupervised(given: argparse.Namespace) -> None:
    """Raise UsageError where --unsupervised stands beside options that it has no use for."""
    idle = [f"--{name.replace('_', '-')}" for name in SUPERVISED if getattr(given, name)]
    if idle:
        raise UsageError(
            f"--unsupervised has no use for {', '.join(idle)}: it looks at all columns alike, "
            "predicts nothing and writes no folder; leave out one or the other"
        )


def explore(given: argparse.Namespace) -> int:
    """`backlit learn data.csv --unsupervised`: structure without a target."""
    from .data.builtin import BUILTIN, load, require_known
    from .data.table import Table
    from .data.words import listed
    from .report.terminal import Terminal
    from .unsupervised import explore as look

    own = [given.target] if given.target else []
    if is_file(given.what):
        table = Table.read(
            given.what, encoding=given.encoding, missing=given.missing, texts=given.text,
            one_column=True,
        )  # fmt: skip
        for name in given.text:
            table.require(name, "to read as text")
    else:
        require_known(given.what)
        table = load(given.what, given.seed or 0)
        own.append(BUILTIN[given.what].problem.target)
    left_out = list(dict.fromkeys([*own, *given.ignore]))
    for name in left_out:
        table.require(name, "to leave out")
    if not set(table.names) - set(left_out):
        raise UsageError(f"no column of {given.what} is left to look at")
    table = table.without(left_out)
    if left_out:
        told = f"left out, and not looked at: {listed(left_out)}"
        table = replace(table, notes=(*table.notes, told))
    terminal = Terminal(quiet=given.quiet or given.json, explain=given.explain)
    found = look(table, given.seed or 0)
    for step in found.steps:
        terminal.step(step)
    if given.json:
        from .report.data import steps_json

        print(json.dumps(steps_json(found.steps), ensure_ascii=False, allow_nan=False))
    elif given.quiet:
        terminal.say("Structure", found.headline)
    return 0


def new_rows(given: argparse.Namespace, saved: Saved) -> Table:
    """The table of a file, its columns read as those that were learned from."""
    from .data.table import Table

    return Table.read(
        given.file, encoding=given.encoding, missing=given.missing,
        texts=saved.preparation.texts, one_column=True,
    )  # fmt: skip


def predict(given: argparse.Namespace) -> int:
    """`backlit predict`: a CSV on standard output."""
    from .saved import Saved

    saved = Saved.load(given.folder)
    table = new_rows(given, saved)
    for warning in saved.warnings(table):
        print(f"backlit: warning: {warning}", file=sys.stderr)
    saved.predict(table).to_csv(sys.stdout, index=False, float_format="%.6g", lineterminator="\n")
    return 0


def drift(given: argparse.Namespace) -> int:
    """`backlit drift`: findings, the worst first."""
    from .report.data import findings_json
    from .report.terminal import Terminal
    from .saved import Saved

    saved = Saved.load(given.folder)
    table = new_rows(given, saved)
    findings = saved.drift(table)
    if given.json:
        print(json.dumps(findings_json(findings), ensure_ascii=False, allow_nan=False))
    else:
        Terminal().findings(findings)
    return 0
