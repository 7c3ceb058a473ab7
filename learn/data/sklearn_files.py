"""The five real tables that lie inside scikit-learn's package, read from its own files: importing
`sklearn.datasets`, which reads the same files, takes two seconds. A test compares every cell."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import MissingPackageError

Columns = dict[str, np.ndarray]


def _read(file: str, skip: int = 0, delimiter: str | None = ",") -> np.ndarray:
    """One of scikit-learn's data files as float64 (rows, columns)."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise MissingPackageError(
            "this table comes with scikit-learn, which is not installed; "
            'run: pip install "backlit[learn]"'
        )
    path = Path(spec.origin).parent / "datasets" / "data" / file
    if not path.is_file():
        raise MissingPackageError(
            f"the scikit-learn that is installed lacks datasets/data/{file}; "
            'run: pip install --force-reinstall "scikit-learn>=1.5"'
        )
    return np.loadtxt(path, delimiter=delimiter, skiprows=skip, ndmin=2)


def _labelled(
    file: str, names: tuple[str, ...], target: str, classes: tuple[str, ...], skip: int = 1
) -> Columns:
    """A file whose last column is the number of the class."""
    cells = _read(file, skip)
    columns = {name: cells[:, i] for i, name in enumerate(names)}
    return columns | {target: np.array(classes, dtype=object)[cells[:, -1].astype(int)]}


def _digits() -> Columns:
    pixels = tuple(f"pixel {row},{column}" for row in range(8) for column in range(8))
    return _labelled("digits.csv.gz", pixels, "digit", tuple("0123456789"), skip=0)


def _iris() -> Columns:
    parts = ("sepal length", "sepal width", "petal length", "petal width")
    species = ("setosa", "versicolor", "virginica")
    return _labelled("iris.csv", tuple(f"{part} (cm)" for part in parts), "species", species)


def _wine() -> Columns:
    names = (
        "alcohol",
        "malic_acid",
        "ash",
        "alcalinity_of_ash",
        "magnesium",
        "total_phenols",
        "flavanoids",
        "nonflavanoid_phenols",
        "proanthocyanins",
        "color_intensity",
        "hue",
        "od280/od315_of_diluted_wines",
        "proline",
    )
    return _labelled("wine_data.csv", names, "cultivar", ("class_0", "class_1", "class_2"))


def _breast_cancer() -> Columns:
    measures = (
        "radius",
        "texture",
        "perimeter",
        "area",
        "smoothness",
        "compactness",
        "concavity",
        "concave points",
        "symmetry",
        "fractal dimension",
    )
    names = [f"mean {m}" for m in measures]
    names += [f"{m} error" for m in measures]
    names += [f"worst {m}" for m in measures]
    return _labelled("breast_cancer.csv", tuple(names), "diagnosis", ("malignant", "benign"))


def _diabetes() -> Columns:
    names = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
    cells = _read("diabetes_data_raw.csv.gz", delimiter=None)
    progression = _read("diabetes_target.csv.gz", delimiter=None)[:, 0]
    return {name: cells[:, i] for i, name in enumerate(names)} | {
        "disease progression": progression
    }


READERS: dict[str, Callable[[], Columns]] = {
    "digits": _digits,
    "iris": _iris,
    "wine": _wine,
    "breast_cancer": _breast_cancer,
    "diabetes": _diabetes,
}
