"""The doctor: everything named, 0 where backlit works, 1 and the cure where it does not."""

import shutil

import pytest

from backlit.learn import doctor
from backlit.learn.command import main

NAMES = ("python", "backlit", "numpy", "numba", "llvmlite", "graphviz", "scikit-learn",
         "rich", "processor", "threads", "kernels", "kernel cache", "products", "subnormals",
         "Graphviz dot")  # fmt: skip


def lines(text: str) -> dict[str, str]:
    """The findings by name."""
    found = [line for line in text.splitlines() if line[:7].strip() in ("ok", "note", "BROKEN")]
    return {line[8:22].strip(): line for line in found}


def test_a_sound_installation(capsys):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    found = lines(out)
    assert set(NAMES) == set(found)
    assert out.endswith("backlit can be used.\n")
    for name in ("python", "numpy", "numba", "kernels", "products"):
        assert found[name].startswith("ok")


def test_a_missing_package_is_named_with_its_cure(capsys, monkeypatch):
    known = doctor.version_of
    monkeypatch.setattr(
        doctor, "version_of", lambda name: None if name in ("graphviz", "rich") else known(name)
    )
    assert doctor.examine() == 1
    out = capsys.readouterr().out
    assert lines(out)["graphviz"] == "BROKEN  graphviz      missing; run: pip install graphviz"
    assert lines(out)["rich"].startswith("note    rich          missing; only needed for")
    assert 'pip install "backlit[learn]"' in lines(out)["rich"]
    assert "1 essential thing is broken." in out


def test_a_check_that_fails_is_a_finding(capsys, monkeypatch):
    import backlit.engine

    def fails(*arguments, **options):
        raise ImportError("numba needs NumPy 2.3 or less\nsecond line")

    monkeypatch.setattr(backlit.engine, "tensor", fails)
    assert doctor.examine() == 1
    found = lines(capsys.readouterr().out)
    assert found["kernels"].startswith("BROKEN  kernels       ImportError: numba needs NumPy 2.3")
    assert found["Graphviz dot"]


@pytest.mark.parametrize("there", [True, False])
def test_the_dot_program(monkeypatch, there, tmp_path):
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho 'dot - graphviz version 9' >&2\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(program) if there else None)
    (finding,) = doctor.dot()
    assert finding.level == ("ok" if there else "note")
    assert ("version 9" in finding.words) == there
    assert ("apt install graphviz" in finding.mend) != there


def test_a_cache_that_cannot_be_kept(monkeypatch, tmp_path):
    from backlit.engine.kernels import cache

    monkeypatch.setattr(cache, "directory", lambda: tmp_path)
    monkeypatch.setattr(cache, "is_kept", lambda: False)
    (finding,) = doctor.kernel_cache()
    assert finding.level == "note"
    assert "BACKLIT_CACHE_DIR" in finding.mend
