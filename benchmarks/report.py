"""Results on disk: written whole or not at all, read back with their format checked.
The JSON holds every round's sample, so a table or a chart can be made again from it."""

import json
import os
from pathlib import Path

FORMAT = 1


def save(path: Path, result: dict) -> None:
    """Write a result; the file appears complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(_rounded(result), indent=1, ensure_ascii=False) + "\n")
    os.replace(part, path)


def load(path: Path) -> dict:
    """Read a result; ValueError where it is not one of this format."""
    try:
        result = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise ValueError(f"{path} does not hold benchmark results of format {FORMAT}")
    return result


def merged(before: dict, now: dict) -> dict:
    """A result with its rows of the same names measured anew; `updated` says when each was.

    Rows that were not there before come last. Raises ValueError where the two come from different
    machines, versions or plans.
    """
    machines = [{k: v for k, v in one["machine"].items() if k != "load"} for one in (before, now)]
    for what, old, new in (
        ("another machine", *machines),
        (
            "other versions",
            {**now["versions"], **before["versions"]},
            {**before["versions"], **now["versions"]},
        ),
        ("another plan", before["plan"], now["plan"]),
    ):
        if old != new:
            raise ValueError(f"the results are of {what}; measure all rows anew")
    anew = {row["name"]: row for row in now["rows"]}
    known = {row["name"] for row in before["rows"]}
    rows = [anew.get(row["name"], row) for row in before["rows"]]
    rows += [row for name, row in anew.items() if name not in known]
    dates = before.get("updated", {}) | dict.fromkeys(anew, now["started"])
    versions = {**before["versions"], **now["versions"]}
    return {**before, "versions": versions, "rows": rows, "updated": dates}


def _rounded(value: object) -> object:
    """Five significant digits are more than any timing has."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return value
