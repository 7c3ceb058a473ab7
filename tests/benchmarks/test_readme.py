"""The block between the markers is replaced, and nothing else in the page changes."""

import pytest

from benchmarks.readme import BEGIN, END, replaced, rewrite

PAGE = f"# backlit\n\nbefore\n\n{BEGIN}\nold\n{END}\n\nafter\n"


def test_only_the_block_changes():
    assert replaced(PAGE, "new\n") == PAGE.replace("old", "new")


def test_twice_is_once():
    assert replaced(replaced(PAGE, "new"), "new") == replaced(PAGE, "new")


@pytest.mark.parametrize(
    "page", ["", BEGIN, f"{END} {BEGIN}", f"{BEGIN} {BEGIN} {END}", f"{BEGIN} {END} {END}"]
)
def test_missing_doubled_or_turned_markers_are_an_error(page):
    with pytest.raises(ValueError, match="once, in this order"):
        replaced(page, "new")


def test_the_file_is_written_only_when_it_changes(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(PAGE)
    assert rewrite(path, "new", picture="benchmarks/results.svg")
    assert "](benchmarks/results.svg)\n\nnew" in path.read_text()
    assert not rewrite(path, "new", picture="benchmarks/results.svg")


def test_a_missing_readme_is_a_clear_error(tmp_path):
    with pytest.raises(ValueError, match="README"):
        rewrite(tmp_path / "README.md", "new")
