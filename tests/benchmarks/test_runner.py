"""Runner, worker and client together, over a fake system in real processes; no timing is judged."""

import os
import sys
from pathlib import Path

import pytest

from benchmarks.cases.case import Case, Measure
from benchmarks.client import SystemFailed, Worker
from benchmarks.processes import Launcher
from benchmarks.runner import Plan, Runner
from benchmarks.systems import SystemInfo

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stops and pins processes")

PLAN = Plan(threads=1, rounds=2, slice_seconds=0.001, attempts=1, retakes=0)
MEASURE = Measure("fake-row", "a row", "us", 1e6)
SPEC = {"kind": "nothing"}


@pytest.fixture(autouse=True)
def _the_fake_can_be_imported(monkeypatch):
    here = str(Path(__file__).parent)
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))


def fake(name: str, variant: str = "") -> SystemInfo:
    return SystemInfo(name, name, "json", "fake_system", variant)


def state(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]


def test_a_worker_answers_and_rests_stopped_between_requests():
    worker = Worker(fake("fake"), threads=2)
    try:
        assert worker.versions == {"fake": "1.0, OMP_NUM_THREADS=2"}
        assert worker.build(SPEC)["check"] == [1.0, 2.0]
        core = {min(os.sched_getaffinity(0))}
        sample = worker.slice(0.001, core)
        assert sample["seconds"] > 0
        assert sample["runs"] >= 3
        assert state(worker.process.pid) == "T"
        assert os.sched_getaffinity(worker.process.pid) == core
        worker.drop()
        with pytest.raises(SystemFailed, match="cannot slice now"):
            worker.slice(0.001, core)
    finally:
        worker.close()
    assert worker.process.poll() is not None


def test_rounds_rows_ratios_and_agreement():
    names = ("backlit", "torch")
    case = Case((MEASURE,), names, SPEC)
    with Runner(PLAN, names, known={name: fake(name) for name in names}) as runner:
        (row,) = runner.run(case)
    assert [len(row["cells"][name]["samples"]) for name in names] == [2, 2]
    assert row["ratios"].keys() == {"torch"}
    assert row["agreement"] == {"backlit": 0.0}
    assert runner.versions["fake"].startswith("1.0")
    assert os.sched_getaffinity(0) == set(runner.cores.all)


def test_another_result_shows_in_the_agreement():
    known = {"torch": fake("torch"), "backlit": fake("backlit", "wrong")}
    with Runner(PLAN, tuple(known), known=known) as runner:
        (row,) = runner.run(Case((MEASURE,), tuple(known), SPEC))
    assert row["agreement"]["backlit"] > row["tolerance"]


@pytest.mark.parametrize(
    ("variant", "what", "reason"),
    [
        ("absent", "peer", "ImportError: No module named 'fake'"),
        ("broken", "peer: fake-row", "NotImplementedError: fake has no step"),
        ("silent", "peer: fake-row", "the process ended with 7"),
        ("dying", "peer: fake-row", "the process ended with 8"),
    ],
)
def test_what_fails_is_skipped_by_name_and_the_others_go_on(variant, what, reason):
    known = {"backlit": fake("backlit"), "peer": fake("peer", variant)}
    with Runner(PLAN, tuple(known), known=known) as runner:
        (row,) = runner.run(Case((MEASURE,), tuple(known), SPEC))
        assert {"backlit"} <= runner.workers.keys() <= {"backlit", "peer"}
        assert all(worker.alive() for worker in runner.workers.values())
    assert row["cells"].keys() == {"backlit"}
    assert runner.skipped[what].startswith(reason)


def test_without_any_system_there_is_no_row():
    with Runner(PLAN, ("peer",), known={"peer": fake("peer", "absent")}) as runner:
        assert runner.run(Case((MEASURE,), ("peer",), SPEC)) == []


def test_a_process_is_timed_weighed_and_read():
    launcher = Launcher(["-c", "print('accuracy 0.5, epochs', 7)"], threads=1, kept="")
    assert launcher.build({"prints": ["accuracy"]})["check"] == [0.5]
    sample = launcher.slice(0.0, set())
    assert sample["seconds"] > 0
    assert sample["epochs"] == 7.0
    assert 1 < sample["megabytes"] < 1000


def test_a_failing_process_says_why():
    with pytest.raises(SystemFailed, match="exit code 1: ValueError: no"):
        Launcher(["-c", "raise ValueError('no')"], threads=1, kept="").build({"prints": []})


def test_a_process_that_does_not_print_its_result_has_failed():
    with pytest.raises(SystemFailed, match="printed no accuracy"):
        Launcher(["-c", "print(1)"], threads=1, kept="").build({"prints": ["accuracy"]})


def test_a_process_starts_in_an_empty_folder_and_may_keep_files_elsewhere(tmp_path):
    script = (
        "import os, sys; kept = sys.argv[1]; open(os.path.join(kept, 'n'), 'a').write('x');"
        "print('runs', os.path.getsize(os.path.join(kept, 'n')), 'here', len(os.listdir('.')),"
        "'own', int(os.environ['OWN'] == os.path.join(os.getcwd(), 'c')));"
        "open('left behind', 'w')"
    )
    variables = {"OWN": "{folder}/c"}
    launcher = Launcher(["-c", script, "{kept}"], 1, str(tmp_path), variables)
    samples = [launcher.slice(0.0, set()) for _ in range(2)]
    assert [(s["runs"], s["here"], s["own"]) for s in samples] == [(1, 0, 1), (2, 0, 1)]


def test_a_script_reads_the_data_of_its_case():
    script = "import sys, numpy; print('size', numpy.load(sys.argv[1])['a0'].size)"
    spec = {"kind": "operation", "shapes": [[3, 4]], "prints": ["size"]}
    spec["commands"] = {"torch": ["-c", script, "{kept}/data.npz"]}
    measure = Measure("fake-row", "a row", "", 1.0, "size")
    with Runner(PLAN, ("torch",)) as runner:
        (row,) = runner.run(Case((measure,), ("torch",), spec))
    assert row["cells"]["torch"]["samples"] == [12.0, 12.0]


def test_a_case_whose_data_cannot_be_made_is_skipped_and_says_why():
    case = Case((MEASURE,), ("torch",), {"kind": "operation"})
    with Runner(PLAN, ("torch",), known={"torch": fake("torch")}) as runner:
        assert runner.run(case) == []
    assert runner.skipped == {"fake-row": "no data: KeyError: 'shapes'"}


def test_a_case_that_takes_long_has_fewer_rounds():
    case = Case((MEASURE,), ("torch",), SPEC, most=1, patience=3)
    with Runner(PLAN, ("torch",), known={"torch": fake("torch")}) as runner:
        (row,) = runner.run(case)
    assert len(row["cells"]["torch"]["samples"]) == 1


@pytest.mark.parametrize(("most", "takes"), [(0, 4), (1, 1)])
def test_what_takes_long_is_not_taken_again_on_a_disturbed_core(most, takes, monkeypatch):
    monkeypatch.setattr("benchmarks.quiet.Cores.calm", lambda self, cores: False)
    taken = []
    own = Worker.slice
    monkeypatch.setattr(Worker, "slice", lambda *given: taken.append(1) or own(*given))
    plan = Plan(threads=1, rounds=1, slice_seconds=0.001, attempts=1, retakes=3)
    case = Case((MEASURE,), ("torch",), SPEC, most=most)
    with Runner(plan, ("torch",), known={"torch": fake("torch")}) as runner:
        (row,) = runner.run(case)
    assert len(taken) == takes
    assert row["cells"]["torch"]["disturbed"] == 1


def test_a_bench_may_take_its_times_itself():
    measures = (MEASURE, Measure("late", "a later row", "us", 1e6, "late"))
    known = {"backlit": fake("backlit", "measuring")}
    with Runner(PLAN, tuple(known), known=known) as runner:
        first, late = runner.run(Case(measures, tuple(known), SPEC))
    assert first["cells"]["backlit"]["samples"] == [2.0, 2.0]
    assert late["cells"]["backlit"]["samples"] == [3.0, 3.0]


def test_what_a_step_holds_is_weighed_in_new_processes():
    known = {"backlit": fake("backlit", "weighing"), "peer": fake("peer", "absent")}
    measures = (
        Measure("first", "the first steps", "MB", 1.0, "first_megabytes"),
        Measure("later", "later steps", "MB", 1.0, "megabytes"),
    )
    spec = {"kind": "step", "sizes": [1, 1], "batch": 1}
    with Runner(PLAN, tuple(known), known=known) as runner:
        first, later = runner.run(Case(measures, tuple(known), spec, weighed=True))
    assert runner.skipped == {"peer: first": "ImportError: No module named 'fake'"}
    assert runner.versions["fake"].startswith("1.0")
    for row, megabytes in ((first, 200.0), (later, 100.0)):
        samples = row["cells"]["backlit"]["samples"]
        assert samples == pytest.approx([megabytes] * 2, abs=4.0)
