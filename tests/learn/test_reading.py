"""The reader of CSV files against Python's csv module and float, and everything that can be wrong
with a file: each is told with its line and with what to do."""

import contextlib
import csv
import gzip
import hashlib
import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backlit.learn.data import gathering, reading, structure
from backlit.learn.data.notation import is_number, other_notation
from backlit.learn.data.structure import cells, closed, scan
from backlit.learn.data.table import Table
from backlit.learn.errors import DataError, UsageError


@pytest.fixture
def write(tmp_path: Path):
    """Writes a file, text or bytes, and gives its path."""

    def make(content: str | bytes, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def cells_of(table: Table) -> dict[str, list]:
    return {name: table.column(name).tolist() for name in table.names}


def test_numbers_texts_and_lines(write):
    table = Table.read(write("age,city\n31,Rome\n\n25.5,Bonn\n,\n"))
    assert table.name == "table"
    assert table.column("age").dtype == np.float64
    np.testing.assert_array_equal(table.column("age"), [31, 25.5, np.nan])
    assert table.column("city").tolist() == ["Rome", "Bonn", None]
    assert table.lines is not None
    assert table.lines.tolist() == [2, 4, 5]
    assert table.where(1) == "line 4"


def test_whole_numbers_stay_whole(write):
    table = Table.read(write("id,x\n9007199254740993,1\n-9223372036854775808,2\n"))
    assert table.column("id").tolist() == [9007199254740993, -(2**63)]
    assert table.column("id").dtype == np.int64


def test_integers_beyond_64_bits_become_floats(write):
    table = Table.read(write("a,b\n99999999999999999999999,18446744073709551615\n1,2\n"))
    assert cells_of(table) == {"a": [1e23, 1.0], "b": [float(2**64 - 1), 2.0]}


@pytest.mark.parametrize(("separator", "word"), list(structure.SEPARATORS.items()))
def test_the_separator_is_found_and_said(write, separator, word):
    rows = [["name", "size", "note"], ["a", "1.5", "x,y;z|w\tv"], ["b", "2", "p, q"]]
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(rows)
    table = Table.read(write(text.getvalue(), "data.tsv"))
    assert table.column("note").tolist() == ["x,y;z|w\tv", "p, q"]
    assert any(f"separated by {word}s" in note for note in table.notes)


def test_spaces_after_separators(write):
    table = Table.read(write('a, b, c\n1, "x, y", 3\n2, NA , 4\n'))
    assert cells_of(table) == {"a": [1, 2], "b": ["x, y", None], "c": [3, 4]}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_ends_of_lines_and_byte_order_marks(write, end, mark):
    table = Table.read(write(mark + end.join(["a,b", "1,x", '2,"y', 'z"', "3,w"])))
    assert cells_of(table) == {"a": [1, 2, 3], "b": ["x", "y\nz", "w"]}
    assert table.lines is not None
    assert table.lines.tolist() == [2, 3, 5]


def test_gzip_by_its_bytes_not_by_its_name(write):
    packed = gzip.compress(b"a,b\n1,x\n2,y\n")
    for name in ("t.csv.gz", "t.csv"):
        table = Table.read(write(packed, name))
        assert table.name == "t"
        assert cells_of(table) == {"a": [1, 2], "b": ["x", "y"]}
        assert table.sha256 == hashlib.sha256(packed).hexdigest()


def test_sha256_is_that_of_the_file(write):
    path = write("\ufeffa,b\r\n1,2\r\n")
    assert Table.read(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "mark", ["", "NA", "N/A", "NaN", "nan", "null", "None", "?", "-", " NA ", '""']
)
def test_the_usual_marks_count_as_missing(write, mark):
    table = Table.read(write(f"x,y\n1,a\n{mark},{mark}\n2.5,b\n"))
    np.testing.assert_array_equal(table.column("x"), [1, np.nan, 2.5])
    assert table.column("y").tolist() == ["a", None, "b"]


def test_marks_of_ones_own(write):
    path = write("x,y\n1,a\nn/a,-9\n3,b\n")
    table = Table.read(path, missing=[" n/a", "-9"])
    np.testing.assert_array_equal(table.column("x"), [1, np.nan, 3])
    assert table.column("y").tolist() == ["a", None, "b"]


def test_booleans_keep_their_spelling(write):
    table = Table.read(write("a,b,c\nTRUE,true,True\nfalse,?,x\n"))
    assert cells_of(table) == {"a": ["TRUE", "false"], "b": ["true", None], "c": ["True", "x"]}


def test_columns_read_as_text_keep_their_zeros(write):
    path = write("code,x\n01067,1\n10115,2\n")
    assert Table.read(path).column("code").tolist() == [1067, 10115]
    assert Table.read(path, texts=["code"]).column("code").tolist() == ["01067", "10115"]
    with pytest.raises(DataError, match="no column 'cod' to read as text; did you mean 'code'"):
        Table.read(path, texts=["cod"])


def test_one_column_to_predict_by(write):
    path = write("a\n1\n2\n")
    broken(write, "a\n1\n2\n", "one column only")
    assert Table.read(path, one_column=True).column("a").tolist() == [1, 2]
    with pytest.raises(DataError, match="line 3: 2 cells where the header has 1"):
        Table.read(write("a\n1\n2,3\n"), one_column=True)


def test_a_whole_column_of_nothing(write):
    table = Table.read(write("a,b\n,1\nNA,2\n"))
    assert np.isnan(table.column("a")).all()
    assert np.isnan(Table.read(write("a,b\n,1\nNA,2\n"), texts=["a"]).column("a")).all()


def broken(write, content, match, error=DataError, **options):
    path = write(content)
    with pytest.raises(error, match=match) as caught:
        Table.read(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("", "is empty"),
        ("\n\n  \n", "no line with text"),
        ("a,b\n", "a header and no rows"),
        ("a,b", "a header and no rows"),
        ("a\n1\n2\n", "line 1: one column only, 'a'"),
        ("a,b,a\n1,2,3\n", "line 1: columns 1 and 3 are both called 'a'"),
        (",a\n1,2\n", "line 1: column 1 has no name.*index=False"),
        ("a, ,c\n1,2,3\n", "line 1: column 2 has no name; give it one"),
        ("a,b\n1,2\n\n1,2,3\n", "line 4: 3 cells where the header has 2"),
        ("a,b,c\n1,2\n", "line 2: 2 cells where the header has 3"),
        ('a,b\n1,x\n2,"y\n3,z\n', "line 3: a quote opens here and never closes"),
        ('a,"b\n1,x\n', "line 1: a quote opens here"),
        ('a,b\n1,"x" y\n', "line 2, cell 2: ' y' follows a closing quote"),
        ('a,b\n1,"x\n2,"y"\n', "line 3, cell 2, where a quote from line 2 closes: 'y"),
        ("a,b\n1,2\n3,\0\n", "line 3: a NUL byte"),
        ("a,b\n1,2\n3,\0", "line 3: a NUL byte"),
        ("a,b\n1,2\n3,1e999\n", "line 3, column 'b': '1e999' is infinite"),
        ("a,b\n1,2\n3,-inf\n", "line 3, column 'b': '-inf' is infinite"),
        ("a,b\n1,x \n1,1\n3,Infinity\n4,-1e400 \n", "."),
        (b"PK\x03\x04rest", "an Excel sheet or a zip archive"),
        (b"PAR1rest", "a Parquet file"),
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16.*--encoding utf-16"),
        (gzip.compress(b"a,b\n" + b"1,2\n" * 999)[:-9], "is broken as a gzip file"),
        (gzip.compress(b"a,b\n1,2\n")[:-4] + b"oops", "is broken as a gzip file"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_told(write, content, match):
    if match == ".":
        assert Table.read(write(content)).column("b").dtype == object
    else:
        broken(write, content, match)


def test_infinite_cells_among_spaced_ones(write):
    broken(write, "a,b\n1,2 \n3,4\n5,1e999 \n", "line 4, column 'b': '1e999' is infinite")


def test_wrong_bytes_are_found(write):
    content = "name,city\na,Köln\nb,Caf\xe9\n".encode("latin-1")
    text = broken(write, content, "line 2, column 2: byte 0xf6")
    assert f"(byte {content.index(0xF6)} of the text) is not utf-8" in text
    assert "--encoding latin-1" in text
    table = Table.read(write(content), encoding="latin-1")
    assert table.column("city").tolist() == ["Köln", "Caf\xe9"]
    assert "read as latin-1" in table.notes


def test_wrong_bytes_far_into_a_packed_file(write):
    content = b"a,b\n" + b"1,2\n" * 500_000 + b"3,\xff\n"
    text = broken(write, gzip.compress(content, 1), "line 500002, column 2: byte 0xff")
    assert f"{len(content) - 2:,}" in text


def test_utf_16_and_unknown_encodings(write):
    path = write("a,b\n1,é\n".encode("utf-16"))
    assert Table.read(path, encoding="utf-16").column("b").tolist() == ["é"]
    for wrong in ("utf-9", "", "base64", "a\0b"):
        with pytest.raises(UsageError, match="there is no encoding"):
            Table.read(path, encoding=wrong)
    with pytest.raises(DataError, match="is not utf-16"):
        Table.read(write(b"a,b\n1,2\n3"), encoding="utf-16")


def test_paths_that_are_no_files(tmp_path, write):
    write("a,b\n1,2\n", "customers.csv")
    with pytest.raises(DataError, match=r"there is no file .*did you mean 'customers.csv'"):
        Table.read(tmp_path / "costumers.csv")
    with pytest.raises(DataError, match=r"is a folder.*in it: 'customers.csv'"):
        Table.read(tmp_path)
    with pytest.raises(DataError, match="there is no file"):
        Table.read(tmp_path / "no" / "such.csv")
    with pytest.raises(DataError, match=r"cannot be read|there is no file"):
        Table.read("x" * 5000)
    with pytest.raises(DataError, match=r"cannot be read|there is no file"):
        Table.read("a\0b.csv")
    with pytest.raises(DataError, match="is not a regular file"):
        Table.read("/dev/zero")
    with pytest.raises(TypeError, match="collections of texts"):
        Table.read(tmp_path / "customers.csv", missing="n/a")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(write):
    path = write("a,b\n1,2\n")
    path.chmod(0)
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        Table.read(path)


def test_a_few_texts_among_numbers_are_an_error(write):
    rows = [f"{i},{i / 7}" for i in range(100)]
    rows[41] = "41,oops"
    rows[77] = "77,n/a"
    text = broken(write, "\n".join(["a,b", *rows]), "line 43, column 'b': 'oops' is no number")
    assert "98 cells" in text
    assert "2 such cells" in text
    assert "--missing 'oops'" in text
    assert "--text 'b'" in text
    table = Table.read(write("\n".join(["a,b", *rows])), missing=["oops", "n/a"])
    assert np.isnan(table.column("b")).sum() == 2


def test_many_texts_among_numbers_make_a_column_of_texts(write):
    rows = [f"{i},{i / 7}" if i % 10 else f"{i},n/a" for i in range(100)]
    table = Table.read(write("\n".join(["a,b", *rows])))
    assert table.column("b")[:2].tolist() == ["n/a", repr(1 / 7)]
    (note,) = (note for note in table.notes if "'b'" in note)
    assert "10 of its 100 cells" in note
    assert "'n/a' in line 2, 'n/a' in line 12" in note


def test_numbers_of_blocks_read_before_the_first_text_keep_their_spelling(write, monkeypatch):
    monkeypatch.setattr(structure, "BLOCK", 16)
    rows = ["1.50,a"] * 20 + ["x,b"] * 5 + ["007,true"] * 5
    table = Table.read(write("\n".join(["n,w", *rows])))
    assert table.column("n").tolist() == ["1.50"] * 20 + ["x"] * 5 + ["007"] * 5
    assert table.column("w").tolist() == ["a"] * 20 + ["b"] * 5 + ["true"] * 5


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("3,14", "comma where a decimal point is wanted"),
        ("1,234", "may separate thousands or decimals"),
        ("1.234.567,5", "separators between thousands"),
        ("1 234 567", "separators between thousands"),
        ("12 %", "number with its unit"),
        ("$5", "number with its unit"),
    ],
)
def test_other_notations_are_named_not_guessed(write, cell, said):
    text = broken(write, f"a;b\n1;2.5\n2;{cell}\n" + "3;7\n" * 30, "line 3, column 'b'")
    assert said in text
    assert "--text 'b'" in text
    assert said in broken(write, f"a;b\n1;{cell}\n", "line 2, column 'b'")
    every = "\n".join(f"{i};{cell.replace('4', str(i))}" for i in range(5))
    if "4" in cell:
        assert said in broken(write, f"a;b\n{every}", "line 2, column 'b'")


def test_texts_with_commas_are_not_taken_for_numbers(write):
    table = Table.read(write("a;b\n" + "1;red, blue\n2;1,2\n" * 5))
    assert table.column("b")[:2].tolist() == ["red, blue", "1,2"]


def test_a_header_that_may_be_missing_is_noted(write):
    table = Table.read(write("5.1,3.5,setosa\n4.9,3.0,setosa\n"))
    assert any("is the header missing?" in note for note in table.notes)


def test_too_many_columns(write):
    head = ",".join(f"c{i}" for i in range(10_001))
    broken(write, f"{head}\n{'1,' * 10_000}1\n", "10,001 columns, of at most 10,000")


def test_ten_thousand_columns(write):
    head = ",".join(f"c{i}" for i in range(10_000))
    table = Table.read(write(f"{head}\n" + f"{'1,' * 9_999}1\n" * 3))
    assert (table.rows, len(table.names)) == (3, 10_000)
    assert table.take([2, 0]).rows == 2


def test_a_table_too_big_for_the_budget_is_refused(write, monkeypatch):
    monkeypatch.setattr(reading, "BUDGET", 20_000)
    rows = "\n".join(f"key{i},{i}" for i in range(300))
    text = broken(write, f"id,x\n{rows}\n", "is too big: at line 301")
    assert "'id' alone holds 300 different texts" in text
    assert "sample of its rows" in text


def test_a_line_without_end(write, monkeypatch):
    monkeypatch.setattr(structure, "BLOCK", 64)
    broken(write, "a,b\n" + "1" * 5000, "line 2 has more than .* characters")


def test_a_quote_that_swallows_the_file_is_found_early(write, monkeypatch):
    monkeypatch.setattr(structure, "LONGEST", 100)
    broken(write, 'a,b\n1,"x\n' + "2,y\n" * 1000, "line 2: a quote opens here and never closes")


def test_hostile_names_and_cells_stay_on_one_line(write):
    text = broken(write, 'a\x1b[31m\u202e,"b\nc"\n1,2\n3,x\n' + "4,5\n" * 40, "'b c'.*'x'")
    assert text.isprintable()


def test_cells_and_names_of_any_length(write):
    long = "9" * 200_000
    table = Table.read(write(f'a,"{long}"\n1,"{long}"\n2,{long}x\n3,y\n'))
    assert table.names == ("a", long)
    assert table.column(long).tolist() == [long, long + "x", "y"]
    broken(write, f"a,b,c\n1e999,{long},1\n", "line 2, column 'a': '1e999'")
    broken(write, f"a,b\n1,{long}\n", "line 2, column 'b': '9999.* is infinite")
    assert Table.read(write(f"a,b\n1,{'9' * 300}\n")).column("b")[0] == float("9" * 300)


def test_empty_lines_inside_of_quotes(write):
    assert Table.read(write('a,b\n1,"x\n\n\ny"\n')).column("b").tolist() == ["x\n\n\ny"]
    broken(write, 'a,b\n1,"' + "\n" * 1_100_000, "line 2: a quote opens here")


def test_long_numbers_take_no_long_time():
    assert not is_number("1" * 200_000 + "x")
    assert other_notation("1" * 200_000 + "x") == ""


names = st.lists(
    st.text("abc xyzé_", min_size=1, max_size=6).map(str.strip).filter(bool),
    min_size=2, max_size=4, unique=True,
)  # fmt: skip
words = (
    st.text('ab,;"\t|\n é', max_size=6).map(str.strip).filter(lambda s: s not in reading.MISSING)
)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(",;\t|"))
def test_what_pythons_csv_module_writes_is_read_back(tmp_path_factory, data, separator):
    columns = data.draw(names)
    rows = data.draw(st.lists(st.tuples(*[words for _ in columns]), min_size=1, max_size=6))
    # A first column of words keeps the separator unambiguous where cells hold others.
    text = io.StringIO()
    csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([columns, *rows])
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    table = Table.read(path)
    assert list(table.names) == columns
    for i, name in enumerate(columns):
        assert [None if cell is None else cell for cell in table.column(name)] == [
            row[i] for row in rows
        ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_numbers_are_those_of_float(tmp_path_factory, values):
    texts = [form % v for v in values for form in ("%r", "%.17g", "%.25g")]
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    path.write_text("x,y\n" + "".join(f"{text},a\n" for text in texts))
    read = Table.read(path).column("x").astype(np.float64)
    np.testing.assert_array_equal(read, [float(text) for text in texts])


@settings(max_examples=300, deadline=None)
@given(st.text('"a ,', max_size=12))
def test_quotes_are_followed_as_the_csv_module_does(line):
    quick = closed(line, ",")
    ended, still_open, wrong = scan(line, ",", False)
    if quick >= 0:
        assert (ended, still_open, wrong) == (quick, False, -1)
    if not still_open and wrong < 0 and line:
        made = cells(line, ",")
        assert len(made) == ended + 1
        (wanted,) = csv.reader([line], skipinitialspace=True)
        assert made == [cell.strip(" ") for cell in wanted]
    if still_open:
        with pytest.raises(csv.Error):
            list(csv.reader([line], skipinitialspace=True, strict=True))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_give_a_table_or_a_data_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        assert Table.read(path).rows > 0


@settings(max_examples=200, deadline=None)
@given(st.text('a1,;\n"\r \t.?-e', max_size=60))
def test_any_text_gives_a_rectangle_or_a_data_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    path.write_text("a,b\n" + content, encoding="utf-8", newline="")
    with contextlib.suppress(DataError):
        table = Table.read(path)
        assert table.lines is not None
        assert table.rows == len(table.lines)
        for name in table.names:
            column = table.column(name)
            assert column.dtype in (np.float64, np.int64, object)
            assert len(column) == table.rows


MEASURE = """
import re, sys
from backlit.learn.data.table import Table
from backlit.learn.errors import DataError
try:
    print(Table.read(sys.argv[1]).rows)
except DataError as error:
    print(error)
# The peak of this program alone: getrusage counts what the process was before it, too.
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""


def peak(path: Path) -> tuple[str, int]:
    """What reading a file prints in a process of its own, and the most memory it took (bytes)."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEASURE), str(path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    said, kilobytes = done.stdout.splitlines()
    return said, 1024 * int(kilobytes)


def grow(path: Path, size: int, kind: str) -> int:
    """Write a CSV file of about that size; the number of its rows."""
    rng = np.random.default_rng(0)
    if kind == "numbers":
        head = ",".join(f"c{i}" for i in range(20))
        lines = [",".join(f"{v:.4f}" for v in row) for row in rng.normal(size=(500, 20))]
    else:
        head = "id,city,x"
        lines = [f'{i},"Town, {t}",{t}' for i, t in enumerate(rng.integers(0, 300, 5000))]
    block = "\n".join(lines) + "\n"
    times = size // len(block) + 1
    with path.open("w") as file:
        file.write(head + "\n")
        for _ in range(times):
            file.write(block)
    return times * len(lines)


@pytest.mark.parametrize("kind", ["numbers", "texts"])
def test_memory_grows_slowly(tmp_path, kind):
    rows = grow(tmp_path / "t.csv", 12_000_000, kind)
    said, bytes_ = peak(tmp_path / "t.csv")
    assert said == str(rows)
    assert bytes_ < 400_000_000


@pytest.mark.long
@pytest.mark.parametrize("kind", ["numbers", "texts"])
def test_200_megabytes_are_read_within_a_gigabyte(tmp_path, kind):
    rows = grow(tmp_path / "t.csv", 200_000_000, kind)
    said, bytes_ = peak(tmp_path / "t.csv")
    assert said == str(rows)
    assert bytes_ < 1_000_000_000


@pytest.mark.long
def test_200_megabytes_of_different_texts_are_refused_within_a_gigabyte(tmp_path):
    with (tmp_path / "t.csv").open("w") as file:
        file.write("id,x\n")
        for i in range(8_000_000):
            file.write(f"{i * 7919 % 100000007:014d}x,{i}\n")
    said, bytes_ = peak(tmp_path / "t.csv")
    assert "is too big" in said
    assert bytes_ < 1_000_000_000


def test_a_text_is_held_once(write):
    table = Table.read(write("a,b\n" + "Rome,1\n" * 100))
    cells = table.column("a")
    assert all(cell is cells[0] for cell in cells)
    assert sys.getsizeof("") < gathering.TEXT_BYTES
