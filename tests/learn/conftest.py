"""What the tests of `learn` share: the command as a process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .walking import GOOD, walk


@pytest.fixture
def backlit(tmp_path: Path):
    """Starts `python -m backlit` in an empty folder; its standard output and error are pipes."""

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "backlit", *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run over the small table, to be looked at or copied and not to be changed."""
    place = tmp_path_factory.mktemp("finished")
    (place / "good.csv").write_text(GOOD)
    assert walk(str(place / "good.csv"), out=place / "run") == 0
    return place / "run"
