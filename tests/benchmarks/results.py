"""A small result as the runner makes it, for the tests of tables, chart and README."""

from benchmarks import stats


def cell(*samples: float, noisy: bool = False) -> dict:
    """One system's cell with these samples."""
    extra = {"noisy": noisy, "disturbed": 0, "first": samples[0] * 100, "cores": 1.0}
    return stats.summary(samples) | extra | {"samples": list(samples)}


def row(name: str = "step-2-16-16-2", title: str = "2-16-16-2, batch 100") -> dict:
    """backlit at 40, torch at 320 and noisy, jax at 60 with other results."""
    cells = {"backlit": cell(40.0, 42.0), "torch": cell(320.0, 340.0, noisy=True)}
    cells["jax"] = cell(60.0, 63.0)
    own = cells["backlit"]["samples"]
    return {
        "name": name,
        "title": title,
        "unit": "us",
        "cells": cells,
        "ratios": {n: stats.ratio(c["samples"], own) for n, c in cells.items() if n != "backlit"},
        "attempts": 3,
        "tolerance": 1e-3,
        "agreement": {"backlit": 1e-6, "jax": 0.5},
    }


def result(*rows: dict) -> dict:
    """A whole result over these rows, or over one."""
    return {
        "format": 1,
        "started": "2024-02-29T12:00:00+00:00",
        "machine": {
            "cpu": "A Processor (avx2)",
            "cores": 2,
            "memory_gb": 16.0,
            "system": "Linux 6.1",
            "python": "3.11.7",
            "load": [0.25, 0.1, 0.1],
        },
        "versions": {"torch": "2.13.0", "backlit": "0.1.0"},
        "plan": {
            "threads": 1,
            "rounds": 2,
            "attempts": 3,
            "noisy": 0.15,
            "spread": "(p90 - p10) / median",
        },
        "skipped": {"torch-compile": "no compiler"},
        "rows": list(rows) or [row()],
        "goals": [{"text": "fast", "value": 8.05, "wanted": "at least 5", "met": True}],
    }
