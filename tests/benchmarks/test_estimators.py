"""The bench of the estimators: both libraries fit the same table and agree on the first losses."""

import numpy as np
import pytest

from benchmarks.cases import choose

pytest.importorskip("sklearn")


def test_both_systems_do_the_same_work(tmp_path):
    from benchmarks.systems.with_backlit import System as Backlit
    from benchmarks.systems.with_sklearn import System as Sklearn

    rng = np.random.default_rng(0)
    x = rng.random((100, 64), np.float32)
    np.savez(tmp_path / "data.npz", x_train=x, y_train=np.arange(100) % 10)
    (case,) = choose(["estimators"])
    spec = case.spec | {"epochs": 1, "file": str(tmp_path / "data.npz")}
    benches = [system("", 1).build(spec) for system in (Backlit, Sklearn)]
    own, other = (bench.check() for bench in benches)
    assert len(own) == spec["checked"]
    np.testing.assert_allclose(own, other, rtol=case.tolerance)
    for bench in benches:
        bench.run(1)


def test_scikit_learn_takes_part_in_fits_alone():
    from benchmarks.systems.with_sklearn import System

    assert "scikit-learn" in System("", 1).versions()
    with pytest.raises(NotImplementedError, match="scikit-learn has no step"):
        System("", 1).build({"kind": "step"})
