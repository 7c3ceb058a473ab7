"""The tables that `backlit learn` knows, each with its names, its source and its licence.
Five are drawn by NumPy, five are real and lie inside scikit-learn's package: no download."""

from __future__ import annotations

import difflib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from .errors import DataError, MissingPackageError, UsageError
from .synthetic import GENERATORS

Task = Literal["classification", "regression"]


@dataclass(frozen=True)
class Dataset:
    """A table X (rows, inputs) float32 with its target y (rows,) and everything a reader asks for.

    y holds class numbers (int64) for a classification, float32 values for a regression.
    `image_shape` is (height, width) where a row is a picture. Raises DataError on a table whose
    parts do not fit together; `check()` looks into the cells.

    >>> data = load_dataset("moons")
    >>> data.X.shape, data.class_names
    ((1000, 2), ('upper moon', 'lower moon'))
    """

    name: str
    task: Task
    X: np.ndarray
    y: np.ndarray
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...] = ()
    target_name: str = "class"
    image_shape: tuple[int, int] | None = None
    source: str = ""
    licence: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse a table whose parts do not fit together."""
        if self.X.ndim != 2 or self.X.size == 0:
            raise DataError(f"{self.name}: X must be (rows, inputs), not {self.X.shape}")
        if self.y.shape != self.X.shape[:1]:
            raise DataError(f"{self.name}: y is {self.y.shape}, but X has {len(self.X)} rows")
        if len(self.feature_names) != self.X.shape[1]:
            raise DataError(
                f"{self.name}: {len(self.feature_names)} names for {self.X.shape[1]} inputs"
            )
        if self.task == "classification":
            if len(self.class_names) < 2:
                raise DataError(f"{self.name}: a classification needs at least two classes")
            if not np.issubdtype(self.y.dtype, np.integer):
                raise DataError(f"{self.name}: y holds class numbers, not {self.y.dtype}")
            if self.y.min() < 0 or self.y.max() >= len(self.class_names):
                raise DataError(
                    f"{self.name}: class numbers run from {self.y.min()} to {self.y.max()}, "
                    f"but there are {len(self.class_names)} class names"
                )

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.X)

    @property
    def inputs(self) -> int:
        """The number of input columns."""
        return self.X.shape[1]

    def check(self) -> None:
        """Raise DataError that names row and column of the first NaN or infinity.

        >>> from dataclasses import replace
        >>> data = load_dataset("xor")
        >>> broken = replace(data, X=np.where(data.X == data.X[3, 1], np.nan, data.X))
        >>> broken.check()
        Traceback (most recent call last):
            ...
        backlit.learn.errors.DataError: xor: row 3, column 'x2' is nan (1 such cell); ...
        """
        bad = np.argwhere(~np.isfinite(self.X))
        names = self.feature_names
        if not len(bad) and self.task == "regression":
            bad = np.argwhere(~np.isfinite(self.y[:, None]))
            names = (self.target_name,)
        if len(bad):
            row, column = (int(i) for i in bad[0])
            table = self.X if names is self.feature_names else self.y[:, None]
            cells = "1 such cell" if len(bad) == 1 else f"{len(bad)} such cells"
            raise DataError(
                f"{self.name}: row {row}, column {names[column]!r} is {table[row, column]} "
                f"({cells}); fill it in or drop the row before training"
            )


def load_dataset(name: str, seed: int = 0) -> Dataset:
    """The table of that name; `seed` draws the points of the five synthetic ones.

    Raises UsageError for a name that is not known and MissingPackageError where scikit-learn,
    which holds the five real tables, is not installed.

    >>> load_dataset("moon")
    Traceback (most recent call last):
        ...
    backlit.learn.errors.UsageError: unknown dataset 'moon'; did you mean 'moons'? Known: ...
    """
    require_known(name)
    return _synthetic(name, seed) if name in GENERATORS else _REAL[name]()


def require_known(name: str) -> None:
    """Raise UsageError, with the nearest name and all names, unless there is such a dataset."""
    if name in DATASETS:
        return
    close = difflib.get_close_matches(name.lower(), DATASETS, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    raise UsageError(f"unknown dataset {name!r}{hint} Known: {', '.join(DATASETS)}")


def _synthetic(name: str, seed: int, rows: int = 1000) -> Dataset:
    draw, class_names = GENERATORS[name]
    X, y = draw(rows, np.random.default_rng(seed))
    return Dataset(
        name=name,
        task="classification",
        X=X.astype(np.float32),
        y=y.astype(np.int64),
        feature_names=("x1", "x2"),
        class_names=class_names,
        source=f"drawn by backlit.learn.synthetic.{name} with seed {seed}",
        licence="MIT, as backlit itself",
    )


# The real tables are read from scikit-learn's own files: importing sklearn.datasets, which
# reads the same files, takes two seconds. A test compares every cell and name with its loaders.


def _read(file: str, skip: int = 0, delimiter: str | None = ",") -> np.ndarray:
    """One of scikit-learn's data files as float64 (rows, columns)."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise MissingPackageError(
            "this dataset comes with scikit-learn, which is not installed; "
            'run: pip install "backlit[learn]"; '
            f"{', '.join(GENERATORS)} need nothing"
        )
    path = Path(spec.origin).parent / "datasets" / "data" / file
    if not path.is_file():
        raise MissingPackageError(
            f"the scikit-learn that is installed lacks datasets/data/{file}; "
            'run: pip install --force-reinstall "scikit-learn>=1.5"'
        )
    return np.loadtxt(path, delimiter=delimiter, skiprows=skip, ndmin=2)


def _uci(doi: str) -> str:
    return f"UCI Machine Learning Repository, doi:{doi}; file from scikit-learn"


_SMALL = "So small a test part decides little: the interval says how little."
_UCI_LICENCE = "CC BY 4.0 (UCI); BSD-3-Clause (scikit-learn)"


def _labelled(file: str, skip: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A file whose last column is the class number."""
    table = _read(file, skip)
    return table[:, :-1].astype(np.float32), table[:, -1].astype(np.int64)


def _digits() -> Dataset:
    X, y = _labelled("digits.csv.gz")
    return Dataset(
        name="digits",
        task="classification",
        X=X,
        y=y,
        feature_names=tuple(f"pixel {row},{column}" for row in range(8) for column in range(8)),
        class_names=tuple("0123456789"),
        target_name="digit",
        image_shape=(8, 8),
        source="Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak, 1998), "
        + _uci("10.24432/C50P49"),
        licence=_UCI_LICENCE,
        note="All rows are by the same 13 writers, so every part holds digits by each of them; "
        "handwriting of somebody new is harder than this test part.",
    )


def _iris() -> Dataset:
    X, y = _labelled("iris.csv", skip=1)
    return Dataset(
        name="iris",
        task="classification",
        X=X,
        y=y,
        feature_names=(
            "sepal length (cm)",
            "sepal width (cm)",
            "petal length (cm)",
            "petal width (cm)",
        ),
        class_names=("setosa", "versicolor", "virginica"),
        target_name="species",
        source="Iris (R. A. Fisher, 1936), " + _uci("10.24432/C56C76"),
        licence=_UCI_LICENCE,
        note=_SMALL,
    )


def _wine() -> Dataset:
    X, y = _labelled("wine_data.csv", skip=1)
    return Dataset(
        name="wine",
        task="classification",
        X=X,
        y=y,
        feature_names=(
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
        ),
        class_names=("class_0", "class_1", "class_2"),
        target_name="cultivar",
        source="Wine (S. Aeberhard, M. Forina, 1992), " + _uci("10.24432/C5PC7J"),
        licence=_UCI_LICENCE,
        note=_SMALL,
    )


def _breast_cancer() -> Dataset:
    X, y = _labelled("breast_cancer.csv", skip=1)
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
    return Dataset(
        name="breast_cancer",
        task="classification",
        X=X,
        y=y,
        feature_names=tuple(names),
        class_names=("malignant", "benign"),
        target_name="diagnosis",
        source="Breast Cancer Wisconsin, Diagnostic (W. Wolberg, O. Mangasarian, N. Street, "
        "W. Street, 1993), " + _uci("10.24432/C5DW2B"),
        licence=_UCI_LICENCE,
    )


def _diabetes() -> Dataset:
    return Dataset(
        name="diabetes",
        task="regression",
        X=_read("diabetes_data_raw.csv.gz", delimiter=None).astype(np.float32),
        y=_read("diabetes_target.csv.gz", delimiter=None)[:, 0].astype(np.float32),
        feature_names=("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
        target_name="disease progression",
        source="Diabetes (B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, Least Angle "
        "Regression, 2004); file from scikit-learn",
        licence="BSD-3-Clause (scikit-learn); the authors state none",
    )


_REAL = {
    "digits": _digits,
    "iris": _iris,
    "wine": _wine,
    "breast_cancer": _breast_cancer,
    "diabetes": _diabetes,
}

DATASETS: tuple[str, ...] = ("digits", *GENERATORS, "iris", "wine", "breast_cancer", "diabetes")
