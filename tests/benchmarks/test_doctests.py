"""The examples in the docstrings of `benchmarks`, which pytest's paths leave out."""

import doctest
import importlib
import pkgutil

import pytest

import benchmarks

NEEDS = {"chart": "matplotlib", "curves": "matplotlib"}
MODULES = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name != "scripts"]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    module = importlib.import_module(f"benchmarks.{name}")
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0
