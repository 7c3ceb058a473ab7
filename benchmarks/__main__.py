"""The command: parse the options, run the chosen cases, print and write what came out.
`python -m benchmarks --help` lists the options; `benchmarks/__init__.py` explains the method."""

import argparse
import datetime
import sys
from pathlib import Path

from . import __doc__ as manual
from . import tables
from .cases import GROUPS, choose
from .goals import judge
from .machine import describe
from .readme import rewrite
from .report import load, merged, save
from .runner import Plan, Runner
from .systems import SYSTEMS, present

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code is 0, 2 for a wrong request, 130 after Ctrl-C."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        if options.list:
            print(_listing())
            return 0
        if options.readme:
            return _readme(options)
        return _measure(options)
    except ValueError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("benchmarks: interrupted, nothing written", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="backlit beside PyTorch, JAX and NumPy",
        epilog=manual,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("names", nargs="*", help="groups, rows or patterns (default: all but scaling)")
    add("--systems", metavar="A,B", help="only these systems (default: all that are installed)")
    add("--rounds", type=_positive, metavar="N", help="rounds (default 8, quick 3)")
    add("--threads", type=_positive, default=1, metavar="T", help="threads each (default 1)")
    add("--quick", action="store_true", help="short slices, no repeats: a smoke test")
    add("--json", type=Path, metavar="PATH", help="write (or, with --readme, read) the results")
    add("--chart", type=Path, metavar="PATH", help="draw the ratios (scaling: the times) as SVG")
    add("--update", action="store_true", help="put the rows into the results that are there")
    add("--list", action="store_true", help="list groups, rows and systems, then exit")
    add("--readme", action="store_true", help="rewrite the README's block from the JSON, then exit")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"needs to be at least 1, not {number}")
    return number


def _measure(options: argparse.Namespace) -> int:
    if options.update and (options.quick or options.systems):
        raise ValueError("--update takes whole rows: without --quick and --systems")
    cases = choose(options.names)
    systems = _systems(options.systems)
    plan = Plan(
        threads=options.threads,
        rounds=options.rounds or (3 if options.quick else 8),
        slice_seconds=0.05 if options.quick else 0.1,
        attempts=1 if options.quick else 2,
        retakes=0 if options.quick else 3,
    )
    started = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    machine = describe()
    print(tables.header(machine, plan.as_dict()), file=sys.stderr)
    with Runner(plan, systems, log=lambda text: print(text, file=sys.stderr)) as runner:
        rows = [row for case in cases for row in runner.run(case)]
        result = {
            "format": 1,
            "started": started,
            "machine": machine,
            "versions": runner.versions,
            "plan": plan.as_dict(),
            "skipped": runner.skipped,
            "rows": rows,
        }
    result["goals"] = judge(rows)
    print(tables.everything(result))
    if options.update:
        result = merged(load(options.json or HERE / "results.json"), result)
        result["goals"] = judge(result["rows"])
    _write(result, options)
    return 0


def _write(result: dict, options: argparse.Namespace) -> None:
    """The files asked for; without being asked those of a complete run of all, or of `scaling`."""
    scaling = options.names == ["scaling"]
    whole = scaling or options.update or not options.names
    complete = whole and not options.systems and not options.quick
    own = HERE / ("scaling" if scaling else "results")
    json_path = options.json or (own.with_suffix(".json") if complete else None)
    chart_path = options.chart or (own.with_suffix(".svg") if complete else None)
    if json_path:
        save(json_path, result)
        print(f"written: {json_path}", file=sys.stderr)
    if chart_path:
        if scaling:  # matplotlib is large, and only this needs it
            from .curves import draw
        else:
            from .chart import draw
        draw(result, chart_path)
        print(f"written: {chart_path}", file=sys.stderr)


def _systems(text: str | None) -> tuple[str, ...]:
    names = tuple(text.split(",")) if text else tuple(SYSTEMS)
    unknown = [name for name in names if name not in SYSTEMS]
    if unknown:
        raise ValueError(f"no system {unknown[0]!r}; there are {', '.join(SYSTEMS)}")
    return names


def _readme(options: argparse.Namespace) -> int:
    source = options.json or HERE / "results.json"
    if not source.is_file():
        raise ValueError(f"{source} is not there; run `python -m benchmarks` first")
    text = tables.readme(load(source))
    link, curves = (_link(options.chart or HERE / "results.svg"), _link(HERE / "scaling.svg"))
    if curves:
        alt = "The time of a training step against width, batch and depth"
        text += f"\n\n![{alt}]({curves})"
    changed = rewrite(ROOT / "README.md", text, link)
    print("README.md rewritten" if changed else "README.md was up to date")
    return 0


def _link(picture: Path) -> str | None:
    """From the README to a picture, if it is there and in the checkout."""
    picture = picture.resolve()
    if not picture.is_file() or not picture.is_relative_to(ROOT):
        return None
    return picture.relative_to(ROOT).as_posix()


def _listing() -> str:
    lines = []
    for group in GROUPS:
        lines.append(f"{group.name}: {group.title}")
        for case in group.cases:
            for measure in case.measures:
                lines.append(f"  {measure.name:<28} {', '.join(case.systems)}")
    lines.append("systems")
    for name, system in SYSTEMS.items():
        state = "" if present(system) else f"   missing: {system.needs} is not installed"
        lines.append(f"  {name:<28} {system.title}{state}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
