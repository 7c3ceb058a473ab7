"""An SVG as PNG: by resvg's wheel where it is installed, else by a Chromium on the PATH.
Neither is needed for anything else, so both are looked for only when a PNG is asked for.
"""

from __future__ import annotations

import importlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from .canvas import FONT

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SECONDS = 60.0
MOST = 16_384  # pixels on a side that both can still make
PROBE = (
    f'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20" font-family="{FONT}">'
    '<text x="2" y="16" font-size="16">M</text></svg>'
)


class RasterError(RuntimeError):
    """Nothing is there that makes a PNG of an SVG, or it failed."""


def to_png(svg: str, width: float, height: float, scale: float = 2.0) -> bytes:
    """The SVG, `width` x `height` pixels large, as PNG with `scale` pixels for each of its own.

    Very large figures get fewer, so that no side is longer than 16,384. `RasterError` says what
    to install where there is neither resvg nor a browser.
    """
    scale = min(scale, MOST / max(width, height))
    resvg = _resvg()
    if resvg is not None:
        return bytes(
            resvg.svg_to_bytes(
                svg_string=svg, zoom=1, width=round(width * scale), image_rendering="optimize_speed"
            )
        )
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise RasterError(
            "draw: a PNG is made by resvg, which is not installed: pip install 'backlit[png]' (or "
            "pip install resvg-py). A chromium on the PATH would do as well; .svg needs neither"
        )
    return _by_browser(browser, svg, width, height, scale)


def _resvg() -> Any:
    """The module of resvg's wheel, or None; an error where it finds no font to write with."""
    try:
        resvg = importlib.import_module("resvg_py")
    except ImportError:
        return None
    written, blank = (
        bytes(resvg.svg_to_bytes(svg_string=PROBE.replace(">M<", text))) for text in (">M<", "><")
    )
    if written == blank:
        raise RasterError(
            "draw: resvg finds no font on this machine, so a PNG would have no text; install one "
            "(apt install fonts-dejavu-core)"
        )
    return resvg


def _by_browser(browser: str, svg: str, width: float, height: float, scale: float) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        page, shot = Path(folder, "figure.html"), Path(folder, "figure.png")
        page.write_text(
            f'<!DOCTYPE html><meta charset="utf-8"><body style="margin:0">{svg}</body>',
            encoding="utf-8",
            errors="replace",
        )
        command = [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--hide-scrollbars",
            f"--user-data-dir={folder}/profile",
            f"--force-device-scale-factor={scale:g}",
            f"--window-size={round(width)},{round(height)}",
            f"--screenshot={shot}",
            page.as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise RasterError(
                f"draw: {browser} took more than {SECONDS:.0f} s and was stopped"
            ) from None
        if not shot.exists():
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise RasterError(f"draw: {browser} made no PNG" + (f": {said[-1]}" if said else ""))
        return shot.read_bytes()
