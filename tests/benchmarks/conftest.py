"""Lets these tests import `benchmarks`, which is run from the checkout and is not installed.
Nothing else of the checkout's root is imported: `engine` is reached as `backlit.engine`."""

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.append(ROOT)
