"""The package as a user meets it: what is installed, under which names, and that the README's code
runs as it stands there.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import backlit
from backlit.engine import Tensor

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = ("engine", "nn", "optim", "study", "learn")


def test_packages_are_the_folders_on_disk():
    """A folder that is forgotten here is missing from the wheel, and only there."""
    on_disk = {"backlit"}
    for folder in FOLDERS:
        for file in (ROOT / folder).rglob("__init__.py"):
            on_disk.add(".".join(("backlit", *file.parent.relative_to(ROOT).parts)))
        for file in (ROOT / folder).rglob("*.py"):
            assert (file.parent / "__init__.py").exists(), f"{file} is in no package"
    settings = PROJECT["tool"]["setuptools"]
    assert set(settings["packages"]) == on_disk
    folders = {name: ROOT / path for name, path in settings["package-dir"].items()}
    assert set(folders) == on_disk
    for name, path in folders.items():
        assert (path / "__init__.py").exists()
        if name != "backlit":
            assert path == ROOT.joinpath(*name.split(".")[1:])


def test_there_is_one_copy_of_the_engine():
    """A second copy, imported as `engine`, would have a tape and tensors of its own."""
    assert Tensor.__module__.startswith("backlit.")
    for name in FOLDERS:
        assert name not in sys.modules
    for name, module in list(sys.modules.items()):
        if name.startswith("backlit."):
            assert name == module.__name__


def test_the_links_in_src_are_relative_and_lead_to_the_folders():
    face = ROOT / "src" / "backlit"
    links = {path.name for path in face.iterdir() if path.is_symlink()}
    assert links == set(FOLDERS)
    for name in FOLDERS:
        assert os.readlink(face / name) == f"../../{name}"
        assert (face / name).resolve() == ROOT / name
    assert (face / "py.typed").exists()


def test_the_version_is_one():
    assert backlit.__version__ == PROJECT["project"]["version"]


def test_names_that_are_promised():
    for name in ("tensor", "Tensor", "no_grad", "manual_seed", "Generator", "nn", "optim", "engine",
                 "save", "load", "draw"):  # fmt: skip
        assert getattr(backlit, name) is not None
    with pytest.raises(AttributeError):
        backlit.nonsense  # type: ignore[attr-defined]  # noqa: B018


def test_import_is_light_and_needs_no_extras(tmp_path: Path):
    """Extras are imported where they are used; kernels are compiled where they are called."""
    code = (
        "import sys, backlit; from backlit import nn, optim\n"
        "print([m for m in ('numba', 'scipy', 'sklearn', 'matplotlib', 'rich', 'graphviz', 'torch')"
        " if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert result.stdout.strip() == "[]", result.stderr


def blocks(path: Path) -> list[tuple[int, str]]:
    """The ```python blocks of a Markdown file and the lines where they begin; not those that are
    files of their own (`# name.py`), which tests/learn/test_lesson.py runs in their places.
    """
    text = path.read_text()
    file = r"(?!# \w+\.py\n)"
    found = re.finditer(rf"^( *)```python\n{file}(.*?)^\1```", text, re.MULTILINE | re.DOTALL)
    return [(text[: m.start()].count("\n") + 2, m.group(2)) for m in found]


PAGES = [ROOT / "README.md", *(p for p in sorted((ROOT / "docs").rglob("*.md")) if blocks(p))]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_code_in_the_pages_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each block in order, in one namespace a page, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for line, code in blocks(page):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile("\n" * (line - 1) + code, str(page), "exec"), namespace)
