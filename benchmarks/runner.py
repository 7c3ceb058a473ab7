"""Runs cases: every system one slice a round, rounds repeated, noisy cases measured again.
What comes out is one plain dict a row, ready for JSON, the tables and the chart."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from . import stats
from .cases.case import Case, Measure
from .client import ROOT, SystemFailed, Worker
from .processes import Launcher
from .quiet import Cores
from .scales import Scales
from .systems import SYSTEMS, SystemInfo

NOISY = 0.15
REFERENCES = ("torch", "numpy", "jax", "backlit")  # whose numbers the others are held against


@dataclass(frozen=True)
class Plan:
    """How long and how often: the same for every case and every system."""

    threads: int = 1
    rounds: int = 20
    slice_seconds: float = 0.1
    attempts: int = 3
    retakes: int = 3

    def as_dict(self) -> dict:
        """For the JSON and the tables, with the meaning of the spread."""
        return asdict(self) | {"noisy": NOISY, "spread": stats.SPREAD}


class Sampler(Protocol):
    """What gives samples of one system: a worker, a launcher of processes, scales."""

    def build(self, spec: dict) -> dict: ...
    def slice(self, seconds: float, cores: set[int]) -> dict: ...
    def drop(self) -> None: ...


Samples = dict[str, list[dict]]  # of each system, one dict a round


class Runner:
    """Keeps the workers alive from case to case; a context manager, which ends them."""

    def __init__(
        self,
        plan: Plan,
        systems: tuple[str, ...] = tuple(SYSTEMS),
        log: Callable[[str], None] = lambda text: None,
        known: Mapping[str, SystemInfo] = SYSTEMS,
    ) -> None:
        self.plan, self.systems, self.log, self.known = plan, systems, log, known
        self.cores = Cores(plan.threads)
        self.workers: dict[str, Worker] = {}
        self.versions: dict[str, str] = {}
        self.skipped: dict[str, str] = {}  # system, or "system: row" -> reason

    def __enter__(self) -> "Runner":
        return self

    def __exit__(self, *error: object) -> None:
        self.cores.release()
        for worker in self.workers.values():
            worker.close()

    def run(self, case: Case) -> list[dict]:
        """Measure a case; one dict for each of its rows."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                spec = _prepared(case, folder)
            except SystemFailed as error:
                self._skip(case.name, error)
                return []
            return self._rows(case, spec)

    def _rows(self, case: Case, spec: dict) -> list[dict]:
        samplers, built = self._build(case, spec)
        samples, attempt = self._calmest(case, samplers)
        if not samples:
            self.log(f"{case.name}: no system takes part")
            return []
        for sampler in samplers.values():
            sampler.drop()
        agreement = _agreement({name: built[name]["check"] for name in samples})
        rows = [_row(measure, samples, built) for measure in case.measures]
        for row in rows:
            row |= {"attempts": attempt, "tolerance": case.tolerance}
            row["agreement"] = agreement if row is rows[0] else {}
            self.log(_progress(row))
        return rows

    def _build(self, case: Case, spec: dict) -> tuple[dict[str, Sampler], dict[str, dict]]:
        samplers: dict[str, Sampler] = {}
        built: dict[str, dict] = {}
        for name in case.systems:
            if name not in self.systems or name in self.skipped:
                continue
            try:
                sampler = self._sampler(name, case, spec)
            except SystemFailed as error:
                self._skip(name, error)
                continue
            try:
                built[name] = sampler.build(spec)
                samplers[name] = sampler
                if isinstance(sampler, Scales):
                    self.versions |= sampler.versions
            except SystemFailed as error:
                self._skip(f"{name}: {case.name}", error)
                self._forget(name)
        return samplers, built

    def _sampler(self, name: str, case: Case, spec: dict) -> Sampler:
        threads = self.plan.threads
        if "commands" in spec:
            command, variables = spec["commands"][name], spec.get("environment")
            return Launcher(command, threads, spec["kept"], variables)
        if case.weighed:
            return Scales(self.known[name], threads)
        if name not in self.workers:
            self.workers[name] = Worker(self.known[name], self.plan.threads)
            self.versions |= self.workers[name].versions
        return self.workers[name]

    def _skip(self, what: str, error: Exception) -> None:
        self.skipped[what] = str(error)
        self.log(f"skipped {what}: {error}")

    def _forget(self, name: str) -> None:
        """A worker that has died is started anew for the next case."""
        if name in self.workers and not self.workers[name].alive():
            self.workers.pop(name).close()

    def _calmest(self, case: Case, samplers: dict[str, Sampler]) -> tuple[Samples, int]:
        """The attempt with the smallest worst spread, and how many there were."""
        attempts: list[Samples] = []
        while len(attempts) < self.plan.attempts:
            attempts.append(self._rounds(case, samplers))
            if _worst(case, attempts[-1]) <= NOISY:
                break
        best = min(attempts, key=partial(_worst, case))
        return {name: best[name] for name in samplers}, len(attempts)

    def _rounds(self, case: Case, samplers: dict[str, Sampler]) -> Samples:
        """All rounds of one attempt; a system that fails leaves `samplers` for good."""
        samples: Samples = {name: [] for name in samplers}
        for number in range(_rounds(case, self.plan.rounds)):
            order = list(samplers)
            turn = number % max(1, len(order))
            for name in order[turn:] + order[:turn]:
                try:
                    samples[name].append(self._sample(case, samplers[name]))
                except SystemFailed as error:
                    self._skip(f"{name}: {case.name}", error)
                    self._forget(name)
                    del samplers[name], samples[name]
        self.cores.release()
        return samples

    def _sample(self, case: Case, sampler: Sampler) -> dict:
        """One slice, retaken while the cores are disturbed; the last is taken as it is."""
        takes, retakes = 0, 0 if case.most else self.plan.retakes
        while True:
            takes += 1
            cores = self.cores.choose()
            sample = sampler.slice(self.plan.slice_seconds, cores)
            sample["calm"] = self.cores.calm(cores)
            if sample["calm"] or takes > retakes:
                return sample


def _rounds(case: Case, rounds: int) -> int:
    return min(rounds * case.patience, case.most or sys.maxsize)


def _prepared(case: Case, folder: str) -> dict:
    """The spec with a folder that is kept from run to run, and in it the data, if it has any."""
    spec = case.spec | {"kept": folder}
    if "kind" in spec:
        spec["file"] = str(Path(folder) / "data.npz")
        command = [sys.executable, "-m", "benchmarks.data", json.dumps(spec), spec["file"]]
        made = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        if made.returncode:
            raise SystemFailed(f"no data: {made.stderr.strip().splitlines()[-1]}"[:300])
    return spec


def _worst(case: Case, samples: Samples) -> float:
    spreads = (
        stats.spread([sample[measure.key] for sample in own])
        for measure in case.measures
        for own in samples.values()
    )
    return max(spreads, default=0.0)


def _agreement(checks: dict[str, list[float]]) -> dict[str, float]:
    """The largest relative difference of each system from the reference, by its name."""
    reference = next((name for name in REFERENCES if checks.get(name)), None)
    if reference is None:
        return {}
    return {
        name: stats.difference(check, checks[reference])
        for name, check in checks.items()
        if check and name != reference
    }


def _row(measure: Measure, samples: Samples, built: dict[str, dict]) -> dict:
    values = {
        name: [sample[measure.key] * measure.scale for sample in own]
        for name, own in samples.items()
    }
    cells = {}
    for name, own in values.items():
        cell: dict = stats.summary(own)
        cell["noisy"] = cell["spread"] > NOISY
        cell["disturbed"] = sum(not sample["calm"] for sample in samples[name])
        if "first" in built[name] and measure.key == "seconds":
            cell["first"] = built[name]["first"] * measure.scale
            cell["cores"] = stats.median([sample["cores"] for sample in samples[name]])
        cell["samples"] = own
        cells[name] = cell
    ratios = {}
    if "backlit" in values:
        own = values["backlit"]
        ratios = {name: stats.ratio(v, own) for name, v in values.items() if name != "backlit"}
    return {
        "name": measure.name,
        "title": measure.title,
        "unit": measure.unit,
        "cells": cells,
        "ratios": ratios,
    }


def _progress(row: dict) -> str:
    cells = (f"{name} {cell['median']:.4g}" for name, cell in row["cells"].items())
    return f"{row['name']} ({row['unit']}): {', '.join(cells)}"
