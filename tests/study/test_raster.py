"""PNG: by resvg where it is, by a browser where one is, else an error that says what to install."""

import importlib
import shutil
import struct
from pathlib import Path

import pytest

from backlit.study import draw, raster
from backlit.study.pictures import svg_size
from backlit.study.raster import RasterError

from .programs import PROGRAMS

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(SIGNATURE)
    return struct.unpack(">II", png[16:24])


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """As if these modules or programs were not installed."""
    real_import, real_which = importlib.import_module, shutil.which

    def imported(name: str, package: str | None = None):
        if name in names:
            raise ImportError(name)
        return real_import(name, package)

    def found(name: str, *rest, **more):
        return None if name in names else real_which(name, *rest, **more)

    monkeypatch.setattr(raster.importlib, "import_module", imported)
    monkeypatch.setattr(raster.shutil, "which", found)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_resvg_paints_the_figure_in_its_size(scale):
    pytest.importorskip("resvg_py")
    figure = draw(PROGRAMS["expression"]())
    width, height = svg_size(figure.svg())
    made = size(figure.png(scale))
    assert made == pytest.approx((width * scale, height * scale), abs=1.5)
    assert figure.png() == figure.png()


def test_hostile_names_become_pixels():
    pytest.importorskip("resvg_py")
    assert min(size(draw(PROGRAMS["hostile"]()).png(0.5))) > 100


def test_huge_figures_get_fewer_pixels():
    pytest.importorskip("resvg_py")
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="60000" height="30"></svg>'
    assert max(size(raster.to_png(svg, 60000, 30))) == raster.MOST


def test_without_fonts_it_is_an_error_and_not_a_figure_without_text(monkeypatch):
    resvg = pytest.importorskip("resvg_py")
    real = resvg.svg_to_bytes
    monkeypatch.setattr(
        resvg, "svg_to_bytes", lambda **given: real(**given, skip_system_fonts=True)
    )
    with pytest.raises(RasterError, match="no font"):
        draw(PROGRAMS["square"]()).png()


def test_a_browser_does_without_resvg(monkeypatch):
    if not any(shutil.which(name) for name in raster.BROWSERS):
        pytest.skip("no Chromium on the PATH")
    without(monkeypatch, "resvg_py")
    figure = draw(PROGRAMS["square"]())
    width, height = svg_size(figure.svg())
    assert size(figure.png(1.0)) == pytest.approx((width, height), abs=1.5)


def test_with_neither_the_error_says_what_to_install(monkeypatch, tmp_path):
    without(monkeypatch, "resvg_py", *raster.BROWSERS)
    path = tmp_path / "graph.png"
    with pytest.raises(RasterError, match=r"pip install 'backlit\[png\]'"):
        draw(PROGRAMS["square"]()).save(path)
    assert not path.exists()


def program(folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "chromium"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    monkeypatch.setattr(raster.importlib, "import_module", lambda name: 1 / 0)
    monkeypatch.setattr(raster, "_resvg", lambda: None)
    monkeypatch.setattr(raster.shutil, "which", lambda name: str(path))


def test_a_browser_that_fails_or_hangs(monkeypatch, tmp_path):
    program(tmp_path, "echo went wrong >&2; exit 1", monkeypatch)
    with pytest.raises(RasterError, match="made no PNG: went wrong"):
        draw(PROGRAMS["square"]()).png()
    program(tmp_path, "exec sleep 30", monkeypatch)
    monkeypatch.setattr(raster, "SECONDS", 0.2)
    with pytest.raises(RasterError, match="was stopped"):
        draw(PROGRAMS["square"]()).png()
