"""The lesson says what the program says: its commands are run, and the page stays as it is."""

import re
from pathlib import Path

import pytest

from docs import build_lesson
from docs.build_lesson import LessonError, built, chosen, differences


def test_the_quick_commands_print_what_the_page_shows() -> None:
    text = build_lesson.PAGE.read_text(encoding="utf-8")
    assert not differences(text, built(text, quick=True))


@pytest.mark.long
def test_all_commands_print_what_the_page_shows() -> None:
    assert build_lesson.main(["--check"]) == 0


def test_pictures_and_pages_that_the_page_names_are_there() -> None:
    text = build_lesson.PAGE.read_text(encoding="utf-8")
    named = [name for name in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in name]
    assert len(named) >= 4
    assert not [name for name in named if not (build_lesson.PAGE.parent / name).exists()]


@pytest.mark.parametrize(
    ("show", "kept"),
    [
        (None, ["a", "b1", "c", "b2", "d"]),
        ("/b/", ["b1"]),
        ("/b/, /b/", ["b1", "…", "b2"]),  # each is looked for below the last
        ("/a/, /b/", ["a", "b1"]),  # nothing is left out between neighbours
        ("/b/../d/", ["b1", "c", "b2", "d"]),
        ("/a/../a/", ["a"]),
    ],
)
def test_chosen_lines(show: str | None, kept: list[str]) -> None:
    assert chosen(["a", "b1", "c", "b2", "d"], show) == kept


@pytest.mark.parametrize("show", ["b", "/b/ and /c/", "/b", ""])
def test_a_choice_that_cannot_be_read_is_an_error(show: str) -> None:
    with pytest.raises(LessonError, match="cannot read"):
        chosen(["b"], show)


def test_a_line_that_is_not_there_is_an_error() -> None:
    with pytest.raises(LessonError, match="no line matches /b/"):
        chosen(["b", "a"], "/a/, /b/")


PROGRAM = "```python\n# sums.py\nprint(1)\nprint(2)\n```\n\n"


def test_outputs_are_written_once_and_stay(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PROGRAM + "<!-- show: /2/ -->\n```console\n$ python sums.py\nold\n```\n")
    assert build_lesson.main(["--check", str(page)]) == 1
    assert "old" in page.read_text()  # a check changes nothing
    assert build_lesson.main([str(page)]) == 0
    assert "```console\n$ python sums.py\n2\n```" in page.read_text()
    assert build_lesson.main(["--check", str(page)]) == 0


def test_what_is_marked_long_stays_when_it_has_to_be_quick() -> None:
    text = "<!-- long, show: /2/ -->\n```console\n$ python not-there.py\nold\n```\n"
    assert built(text, quick=True) == text
    with pytest.raises(LessonError, match="exit code 2"):
        built(text)


@pytest.mark.parametrize("command", ["$ rm -rf runs", "$ python fails.py"])
def test_commands_that_fail_or_are_foreign_are_errors(command: str) -> None:
    text = f"```python\n# fails.py\nraise SystemExit(3)\n```\n\n```console\n{command}\n```\n"
    with pytest.raises(LessonError, match=r"only backlit and python|exit code 3"):
        built(text)


def test_a_block_without_a_command_is_an_error() -> None:
    with pytest.raises(LessonError, match="begins with"):
        built("```console\nbacklit doctor\n```\n")
