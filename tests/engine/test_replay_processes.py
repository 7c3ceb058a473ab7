"""The same bits in any process, with any number of threads, in a forked child, beside other
threads; and Ctrl-C in a long run stops between two steps.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

TRAIN = '''
import hashlib, json, sys
import numpy as np
import backlit.nn.functional as F
from backlit import nn, optim
from backlit.engine import manual_seed, replay

def train(steps=30):
    """The digest of what a wide model with dropout has become."""
    manual_seed(4)
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((150, 40)), rng.integers(0, 5, 150)
    model = nn.Sequential(nn.MLP([40, 700, 5]), nn.Dropout(0.1))
    opt = optim.AdamW(model.parameters(), lr=1e-3)

    @replay
    def step(x, t):
        loss = F.cross_entropy(model(x), t)
        opt.zero_grad()
        loss.backward()
        optim.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        return loss

    history = step.run(X, y, batch_size=50, epochs=steps // 3, shuffle=True)
    assert step.program.native
    parts = [p.numpy().tobytes() for p in model.parameters()]
    parts += [p.grad.numpy().tobytes() for p in model.parameters()]
    return hashlib.sha256(b"".join(parts) + repr(history).encode()).hexdigest()
'''
FORKED = """
import os
alone = train()
reader, writer = os.pipe()
child = os.fork()
if not child:
    os.write(writer, train().encode())
    os._exit(0)
os.close(writer)
mine = train()
theirs = os.read(reader, 100).decode()
assert os.waitpid(child, 0)[1] == 0
print(json.dumps([alone, mine, theirs]))
"""
ENDLESS = """
X, y = np.ones((64, 4), np.float32), np.arange(64) % 3
model = nn.MLP([4, 8, 3])
opt = optim.Adam(model.parameters(), lr=1e-4)

@replay
def step(x, t):
    loss = F.cross_entropy(model(x), t)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss

step.run(X, y, batch_size=32, epochs=2)
print("begun", flush=True)
try:
    step.run(X, y, batch_size=1, epochs=10**9)
except KeyboardInterrupt:
    saved = opt.state_dict()["state"]
    counts = {int(row["step"]) for row in saved.values()}
    saved_once = [p.tolist() for p in model.parameters()]
    again = [p.tolist() for p in model.parameters()]
    step.run(X, y, batch_size=32, epochs=1)
    after = {int(row["step"]) for row in opt.state_dict()["state"].values()}
    print(json.dumps([sorted(counts), saved_once == again, sorted(after)]), flush=True)
"""


def run(source: str, threads: int) -> Any:
    env = {**os.environ, "BACKLIT_NUM_THREADS": str(threads)}
    done = subprocess.run(
        [sys.executable, "-c", TRAIN + source],
        env=env, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def here() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(TRAIN, names)
    return names


def test_processes_with_one_two_and_four_threads_give_the_same_bits():
    digests = [run("print(json.dumps(train()))", threads) for threads in (1, 2, 2, 4)]
    assert len(set(digests)) == 1
    assert digests[0] == here()["train"]()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_gives_the_same_bits():
    assert len(set(run(FORKED, 2))) == 1


def test_two_threads_train_two_models_while_a_third_counts_on():
    train = here()["train"]
    alone = train(90)
    found: list[str] = []
    ended = threading.Event()
    count = [0]

    def counts() -> None:
        while not ended.is_set():
            count[0] += 1
            time.sleep(0)

    counter = threading.Thread(target=counts)
    workers = [threading.Thread(target=lambda: found.append(train(90))) for _ in range(2)]
    counter.start()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    ended.set()
    counter.join()
    assert found == [alone, alone]
    assert count[0] > 10


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process")
def test_ctrl_c_stops_a_long_epoch_between_two_steps():
    with subprocess.Popen(
        [sys.executable, "-c", TRAIN + ENDLESS],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    counts, consistent, after = json.loads(out)
    assert len(counts) == 1  # all parameters have made the same steps
    assert counts[0] > 4
    assert consistent
    assert after == [counts[0] + 2]


def test_the_digest_tells_models_apart():
    names = here()
    assert names["train"](30) != names["train"](33)
