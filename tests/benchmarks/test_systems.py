"""The benches of backlit and of the machine's limit do the work that they say; the scripts reach
their accuracy. Peers are checked against backlit by every run of the benchmarks."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import benchmarks
from benchmarks import data, threads
from benchmarks.cases import choose
from benchmarks.formula import gelu
from benchmarks.systems.with_backlit import System

SCRIPTS = Path(benchmarks.__file__).parent / "scripts"


@pytest.mark.parametrize("variant", ["", "eager"])
def test_the_chain_is_gelu(variant, tmp_path):
    spec = {"kind": "gelu", "shapes": [[1000]], "file": str(tmp_path / "data.npz")}
    data.write(spec, spec["file"])
    (x,) = data.read_operands(spec["file"])
    bench = System(variant, 1).build(spec)
    bench.run(4)  # past recording and verification
    np.testing.assert_allclose(bench.check(), gelu(x.astype(float), np.tanh), atol=1e-6)


@pytest.mark.parametrize("wanted", [100, 300])
def test_a_program_has_about_the_instructions_asked_for(wanted):
    bench = System("", 1).build({"kind": "ready", "instructions": wanted})
    assert bench.measure
    found = bench.measure(0.0)
    assert found["instructions"] == pytest.approx(wanted, rel=0.2)
    assert 0 <= found["seconds"] < found["verified"]


def test_a_memorised_batch_is_measured_early_and_late_and_put_back():
    spec = {"kind": "memorised", "sizes": (2, 4, 2), "batch": 10, "steps": (3, 6)}
    bench = System("", 1).build(spec)
    assert bench.measure
    assert bench.measure(0.001).keys() == {"seconds", "late"}


def test_a_watched_step_a_traced_op_and_pictures_are_measured():
    watched = System("", 1).build(
        {"kind": "watched", "sizes": (2, 4, 2), "batch": 10, "least": 0.01}
    )
    assert watched.measure
    assert watched.measure(0.01).keys() == {"seconds", "watched"}
    traced = System("", 1).build({"kind": "traced", "ops": 50})
    assert traced.measure
    assert traced.measure(0.001).keys() == {"seconds"}
    pictures = System("", 1).build({"kind": "pictures", "nodes": 60})
    assert pictures.measure
    found = pictures.measure(0.001)
    assert found.keys() == {"seconds", "page", "bytes"}
    assert found["bytes"] > 40_000


@pytest.mark.parametrize("nodes", [50, 500])
def test_the_graph_of_neurons_has_as_many_nodes_as_it_says(nodes):
    from backlit import draw
    from benchmarks.systems.backlit_study import neurons

    assert len(draw(neurons(nodes)).graph.nodes) == pytest.approx(nodes, rel=0.1)


def test_the_programs_cases_are_specs_that_backlit_knows():
    for case in choose(["programs", "study"]):
        if "kind" in case.spec:
            assert case.spec["kind"] in {"ready", "memorised", "watched", "traced", "pictures"}
        else:
            assert case.spec["commands"].keys() == {"backlit"}


def test_the_multiply_adds_are_really_done():
    pytest.importorskip("numba")
    from benchmarks.systems.with_numba import System as Limit

    bench = Limit("", 2).build({"kind": "fma", "flops": 1e5})
    bench.run(2)
    assert bench.check() == [0.0]
    with pytest.raises(NotImplementedError, match="numba has no step here"):
        Limit("", 1).build({"kind": "step"})


@pytest.mark.parametrize(
    "library",
    ["backlit", *(pytest.param(name, marks=pytest.mark.peers) for name in ("torch", "jax"))],
)
def test_a_script_reaches_its_accuracy_on_digits(library, tmp_path):
    pytest.importorskip("sklearn")
    if library != "backlit" and not find_spec(library):
        pytest.skip(f"{library} is not installed")
    data.write({"kind": "digits"}, tmp_path / "data.npz")
    run = subprocess.run(
        [sys.executable, SCRIPTS / f"digits_{library}.py", tmp_path / "data.npz", tmp_path / "c"],
        env=threads.environment(1),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    name, accuracy, epochs, count = run.stdout.replace(",", "").split()
    assert (name, epochs) == ("accuracy", "epochs")
    assert 0.96 <= float(accuracy) <= 1
    assert 1 < int(count) < 100
