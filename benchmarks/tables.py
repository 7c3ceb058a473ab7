"""Results as Markdown: the compact tables of the README and the full listing of the terminal.
A compact cell is a median, and in brackets how many times backlit's the peer takes."""

from .cases import GROUPS
from .cases.case import Group
from .roofline import rates, reached
from .systems import SYSTEMS

VERSIONED = ("backlit", "numpy", "numba", "torch", "jax", "scikit-learn")


def header(machine: dict, plan: dict, versions: dict[str, str] | None = None) -> str:
    """The machine in one paragraph; no date."""
    memory = f", {machine['memory_gb']:.0f} GB" if machine.get("memory_gb") else ""
    parts = [
        f"{machine['cpu']}, {_count(machine['cores'], 'core')}{memory}, {machine['system']}",
        f"Python {machine['python']}",
    ]
    known = versions or {}
    parts += [f"{name} {known[name]}" for name in VERSIONED if name in known]
    load = f"{machine['load'][0]:.2f}"
    text = f"{', '.join(parts)}. {_count(plan['threads'], 'thread')} for every system; "
    return text + f"load average before the start {load}."


def readme(result: dict) -> str:
    """The block for the README: one table a group, what the marks mean, what was skipped."""
    parts = [_group_table(group, result["rows"]) for group in GROUPS]
    parts.append(limit(result["rows"], result["plan"]["threads"]))
    parts = [part for part in parts if part]
    parts.append(header(result["machine"], result["plan"], result["versions"]))
    parts.append(_legend(result))
    return "\n\n".join(parts)


def everything(result: dict) -> str:
    """For the terminal: the README's tables, every cell's statistics, agreement, goals."""
    parts = [readme(result), details(result["rows"]), agreement(result["rows"])]
    if result["goals"]:
        parts.append(goals(result["goals"]))
    return "\n\n".join(part for part in parts if part)


def details(rows: list[dict]) -> str:
    """Min, median, spread, ratio with its range, first call, of every system in every row."""
    heads = ("row", "system", "unit", "min", "median", "spread", "peer / backlit", "first call")
    lines = []
    for row in rows:
        for name, cell in row["cells"].items():
            ratio = row["ratios"].get(name)
            span = ""
            if ratio:
                low, high = number(ratio["low"]), number(ratio["high"])
                span = f"{number(ratio['ratio'])} ({low} to {high})"
            noisy = " ~" if cell["noisy"] else ""
            first = number(cell["first"]) if "first" in cell else ""
            spread = f"{cell['spread']:.0%}{noisy}"
            middle = (row["unit"], number(cell["min"]), number(cell["median"]), spread)
            lines.append((row["name"], name, *middle, span, first))
    return table(heads, lines, left=2)


def agreement(rows: list[dict]) -> str:
    """How far the systems' checked numbers lie apart, and whether that is within tolerance."""
    lines = []
    for row in rows:
        for name, value in row["agreement"].items():
            verdict = "same work" if value <= row["tolerance"] else "DIFFERS"
            lines.append((row["name"], name, f"{value:.1e}", f"{row['tolerance']:.0e}", verdict))
    heads = ("row", "system", "largest difference", "tolerance", "")
    return table(heads, lines, left=2) if lines else ""


def limit(rows: list[dict], threads: int) -> str:
    """The replayed steps beside the least time that the machine would need for them."""
    known, steps = rates(rows, threads), reached(rows, threads)
    if not known or not steps:
        return ""
    lines = []
    for step in steps:
        part = f"**{step.least / step.own:.0%}**"
        peer = f"{step.least / step.best_peer:.0%}" if step.best_peer else ""
        times = (number(step.least * 1e6), number(step.own * 1e6))
        lines.append(
            (step.title, number(step.flops / 1e6), number(step.bytes / 1e6), *times, part, peer)
        )
    heads = ("Replayed step and the machine's limit", "MFLOP", "MB", "limit, us", "backlit, us")
    heads = (*heads, "backlit's part of the limit", "best peer's")
    return (
        f"{table(heads, lines, left=1)}\n\n"
        f"The limit is the longer of two times: the products' and the update's operations at "
        f"{number(known.flops / 1e9)} GFLOP/s, the best of the multiply-adds and products above, "
        f"and parameters, moments and batch at {number(known.bytes / 1e9)} GB/s, the best copy "
        "(bytes read and written)."
    )


def goals(judged: list[dict]) -> str:
    """What was promised and what was measured."""
    lines = [
        (goal["text"], number(goal["value"]), goal["wanted"], "met" if goal["met"] else "MISSED")
        for goal in judged
    ]
    return table(("goal", "measured", "wanted", ""), lines, left=1)


def table(heads: tuple[str, ...], lines: list[tuple[str, ...]], left: int) -> str:
    """A Markdown table with padded columns; the first `left` ones lean left, the others right.

    >>> print(table(("a", "b"), [("x", "10")], left=1))
    | a |  b |
    |---|---:|
    | x | 10 |
    """
    widths = [max(len(text) for text in column) for column in zip(heads, *lines, strict=True)]
    widths = [max(width, 1) for width in widths]

    def line(cells: tuple[str, ...]) -> str:
        padded = (
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    rules = (
        "-" * (width + 2) if i < left else "-" * (width + 1) + ":" for i, width in enumerate(widths)
    )
    return "\n".join([line(heads), f"|{'|'.join(rules)}|", *map(line, lines)])


def number(value: float) -> str:
    """Three significant digits, thousands grouped.

    >>> number(0.13049), number(4.1), number(42.06), number(66043.0)
    ('0.130', '4.10', '42.1', '66,043')
    """
    value = float(f"{value:.3g}") if value < 100 else value
    if value >= 100 or value == 0:
        return f"{value:,.0f}"
    decimals = 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{decimals}f}"


def _group_table(group: Group, rows: list[dict]) -> str:
    wanted = {measure.name for case in group.cases for measure in case.measures}
    mine = [row for row in rows if row["name"] in wanted]
    if not mine:
        return ""
    systems = [name for name in SYSTEMS if any(name in row["cells"] for row in mine)]
    units = {row["unit"] for row in mine}
    shared = f", {units.pop()}" if len(units) == 1 else ""
    heads = (group.title + shared, *(SYSTEMS[name].title for name in systems))
    lines = []
    for row in mine:
        title = row["title"] if shared else f"{row['title']}, {row['unit']}"
        lines.append((title, *(_cell(row, name) for name in systems)))
    return f"{table(heads, lines, left=1)}\n\n{group.note}"


def _cell(row: dict, system: str) -> str:
    cell = row["cells"].get(system)
    if not cell:
        return ""
    mark = "~" if cell["noisy"] else ""
    differs = row["agreement"].get(system, 0.0) > row["tolerance"]
    text = f"{mark}{number(cell['median'])}{' (differs)' if differs else ''}"
    if system == "backlit":
        return f"**{text}**"
    ratio = row["ratios"].get(system)
    return f"{text} ({number(ratio['ratio'])}×)" if ratio else text


def _legend(result: dict) -> str:
    plan = result["plan"]
    rows = result["rows"]
    text = (
        f"Medians of {plan['rounds']} interleaved rounds, each system in a process of its own; in "
        "brackets how many times backlit's figure that is."
    )
    if any(cell["noisy"] for row in rows for cell in row["cells"].values()):
        text += (
            f" `~`: the spread, {plan['spread']}, stayed over {plan['noisy']:.0%} after "
            f"{_count(plan['attempts'], 'attempt')}."
        )
    worst = [value for row in rows for value in row["agreement"].values()]
    if worst:
        text += " The systems' losses and results were compared before the timing."
    for what, reason in result["skipped"].items():
        text += f" Skipped: {what} ({reason})."
    return text


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
