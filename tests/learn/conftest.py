"""What the tests of `learn` share: the command as a process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


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
