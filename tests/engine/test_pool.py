"""The pool of threads: the same bits for any number, whoever else is there or is not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

import backlit.nn.functional as F
from backlit import nn, optim
from backlit.engine import (
    ClassIndexError,
    Generator,
    Tensor,
    get_num_threads,
    replay,
    set_num_threads,
    tensor,
)
from backlit.engine.kernels import pool

from .test_replay import same

pytestmark = pytest.mark.skipif(not pool.POSSIBLE, reason="no semaphores in memory here")


@pytest.fixture(autouse=True)
def as_before():
    before = get_num_threads()
    yield
    set_num_threads(before)


def trained(threads: int, dtype: str = "float32", played: bool = True, steps: int = 6) -> nn.Module:
    """A model whose layers, updates and losses are big enough for several threads."""
    set_num_threads(threads)
    pool.start()
    rng = np.random.default_rng(0)
    X = tensor(rng.standard_normal((200, 300)), dtype=dtype)
    y = tensor(rng.integers(0, 40, 200))
    model = nn.MLP([300, 400, 300, 40], generator=Generator(1), dtype=np.dtype(dtype))
    opt = optim.Adam(model.parameters(), lr=1e-3)

    def step(x: Tensor, t: Tensor) -> Tensor:
        loss = F.cross_entropy((model(x) * 1.5).tanh(), t) + (x * x).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    run = replay(step) if played else step
    for _ in range(steps):
        run(X, y)
    return model


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_number_of_threads_gives_the_same_bits(dtype: str):
    alone = trained(1, dtype, played=False)
    for threads in (1, 2, 4):
        same(alone, trained(threads, dtype))
    same(alone, trained(3, dtype, played=False))


def test_two_callers_at_once_have_the_same_bits():
    alone = trained(1)
    found: list[nn.Module] = []
    threads = [threading.Thread(target=lambda: found.append(trained(3))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for model in found:
        same(alone, model)
    assert len(found) == 3


def test_a_big_program_is_shared_out_and_a_small_one_is_not():
    set_num_threads(2)
    rng = np.random.default_rng(0)
    shared = []
    for n in (4, 500):
        x = tensor(rng.standard_normal((n, n)))
        step = replay(lambda a: a @ a)
        for _ in range(3):
            step(x)
        assert step.program is not None
        shared.append(bool(step.program.shared))
    assert shared == [False, True]


def test_the_first_offending_row_is_named_whoever_finds_it():
    set_num_threads(4)
    rng = np.random.default_rng(0)
    logits = tensor(rng.standard_normal((4000, 60)), requires_grad=True)
    step = replay(lambda x, t: F.cross_entropy(x, t, reduction="none").sum())
    good = rng.integers(0, 60, 4000)
    for _ in range(3):
        step(logits, tensor(good))
    good[[1203, 3990]] = 60
    with pytest.raises(ClassIndexError, match="row 1203"):
        step(logits, tensor(good))


@pytest.mark.parametrize("count", [0, -1, 257, True, 1.5, "2"])
def test_numbers_of_threads_that_there_are_not(count: Any):
    with pytest.raises((TypeError, ValueError), match="number of threads"):
        set_num_threads(count)


CHILD = """
import os, sys
import numpy as np
from backlit.engine import tensor, set_num_threads
from backlit.engine.kernels import pool
set_num_threads(3)
pool.start()
x = tensor(np.random.default_rng(0).standard_normal((400, 400)))
here = (x @ x).numpy().tobytes()
pid = os.fork()
if pid == 0:
    ok = (x @ x).numpy().tobytes() == here
    pool.start()
    ok = ok and (x @ x).numpy().tobytes() == here
    os._exit(0 if ok else 1)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), (x @ x).numpy().tobytes() == here)
"""


def test_a_forked_child_works_and_the_end_is_clean():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", CHILD],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 True\n", "")


def test_the_environment_says_how_many(tmp_path: Any):
    code = "from backlit.engine import get_num_threads; print(get_num_threads())"
    for given, wanted in (("3", "3"), ("1", "1"), ("no", str(min(pool.usable_processors(), 8)))):
        environment = {**os.environ, "BACKLIT_NUM_THREADS": given}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == wanted
