"""Puts the tables into the README, between two comments; nothing else in the file changes.
The block holds no date: the same results give the same text."""

from pathlib import Path

BEGIN = "<!-- benchmarks -->"
END = "<!-- /benchmarks -->"


def rewrite(path: Path, text: str, picture: str | None = None) -> bool:
    """Replace the block in the file at `path`; whether that changed anything."""
    before = path.read_text() if path.is_file() else ""
    if picture:
        alt = "How many times backlit's time each peer takes, row by row"
        text = f"![{alt}]({picture})\n\n{text}"
    after = replaced(before, text)
    if after != before:
        path.write_text(after)
    return after != before


def replaced(page: str, text: str) -> str:
    """The page with what stands between the markers replaced.

    >>> replaced("a\\n<!-- benchmarks -->\\nold\\n<!-- /benchmarks -->\\nb", "new")
    'a\\n<!-- benchmarks -->\\nnew\\n<!-- /benchmarks -->\\nb'
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(END) < page.index(BEGIN):
        raise ValueError(f"the README needs {BEGIN} once and {END} once, in this order")
    head, rest = page.split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}\n{text.strip()}\n{END}{tail}"
