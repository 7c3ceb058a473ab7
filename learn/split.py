"""Cutting a table into training, validation and test rows: 60/20/20, stratified, seeded.
Every class has its share in every part, to within one row; no row stands in two parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .datasets import Dataset
from .errors import DataError

# Dealt over the rows in order of stratum. Any window of n entries holds each part's share of n
# to within one entry, so every stratum gets its share, and so does the whole; any window of 5
# holds all three parts.
TRAIN, VALIDATION, TEST = 0, 1, 2
PATTERN = np.array([TRAIN, VALIDATION, TRAIN, TEST, TRAIN])
BINS = 10  # strata of a regression target


@dataclass(frozen=True)
class Split:
    """Row numbers of the three parts, each ascending; together they are all rows once."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Rows in training, validation and test."""
        return len(self.train), len(self.validation), len(self.test)


def split_rows(dataset: Dataset, seed: int = 0) -> Split:
    """Deal the rows of a dataset into three parts of 60, 20 and 20 %.

    A classification is stratified by class, a regression by tenths of the sorted target. The same
    seed gives the same split. Raises DataError where a class (or the table) has fewer than 5 rows,
    for then some part would have none of it.

    >>> from backlit.learn import load_dataset
    >>> parts = split_rows(load_dataset("moons"), seed=0)
    >>> parts.sizes
    (600, 200, 200)
    >>> bool(np.intersect1d(parts.train, parts.test).size)
    False
    """
    least = len(PATTERN)
    if dataset.rows < least:
        raise DataError(
            f"{dataset.name}: {dataset.rows} rows are too few; "
            f"training, validation and test need {least} at least"
        )
    rng = np.random.default_rng(seed)
    if dataset.task == "classification":
        strata = dataset.y
        counts = np.bincount(strata, minlength=len(dataset.class_names))
        for label, count in zip(dataset.class_names, counts, strict=True):
            if count < least:
                raise DataError(
                    f"{dataset.name}: class {label!r} has {count} rows; each class needs "
                    f"{least} so that training, validation and test all have some of it"
                )
    else:
        rank = np.argsort(np.argsort(dataset.y, kind="stable"), kind="stable")
        bins = min(BINS, dataset.rows // least)
        strata = rank * bins // dataset.rows
    shuffled = rng.permutation(dataset.rows)
    by_stratum = shuffled[np.argsort(strata[shuffled], kind="stable")]
    part = np.empty(dataset.rows, np.int64)
    part[by_stratum] = np.resize(PATTERN, dataset.rows)
    return Split(*(np.flatnonzero(part == p) for p in (TRAIN, VALIDATION, TEST)))
