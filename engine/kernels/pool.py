"""The pool of threads: a kernel's range in chunks, claimed by whoever is free. Workers are Python
threads that stay in native code without Python's lock; who calls claims chunks like a worker and
needs none, so a late, a busy or a missing worker never hurts, and a second caller runs alone.

Chunks never change a bit: that is what a range kernel promises (abi.py).
"""

import atexit
import ctypes
import os
import sys
import threading
from functools import cache

import numpy as np

from .build import I64, Kernel
from .door import door

# Words of the job that all threads share.
TICKET, KERNEL, ROW, BEGIN, END, DONE, STATUS, BUSY, NUMBER = range(9)
THREADS, ASLEEP, QUIT, SHARE, WANTED, BELL = 9, 10, 11, 12, 13, 16
"""TICKET is number << 40 | chunks << 20 | next chunk, so that it says all that a claim needs. SHARE
is the address of the kernel `share`, 0 before the workers are there, which somebody may have
WANTED. BELL is where the semaphore lies."""

SHARE_OUT = f"""
from numba import njit

@njit(error_model="numpy", inline="always")
def share_out(job, kernel, row, begin, end, chunks):
    # Run a kernel in chunks, if there is a pool, or whole.
    if job != 0 and chunks > 1:
        words = i64(job)
        if words[{SHARE}]:
            given = i64(scratch_512())
            given[0] = job
            given[1] = kernel
            given[2] = address_of_i64(row)
            given[3] = chunks
            return call_kernel(words[{SHARE}], given, begin, end)
        if words[{THREADS}] > 1:
            words[{WANTED}] = 1
    return call_kernel(kernel, row, begin, end)
"""
"""For kernels that call other kernels."""

SPINS = 2000
"""Looks at the ticket before a worker goes to sleep: some 20 us."""

_WORK = f"""
from numba import njit

@njit(error_model="numpy", inline="always")
def open_chunks(job):
    ticket = load_word(address_of_i64(job))
    return (ticket >> 20 & 0xFFFFF) > (ticket & 0xFFFFF)

@njit(error_model="numpy", inline="always")
def work(job):
    # Claim chunks until there are none. The rest of the job is read before the claim, which fails
    # if the ticket is no longer the same.
    at = address_of_i64(job)
    while True:
        ticket = load_word(at)
        chunks = ticket >> 20 & 0xFFFFF
        k = ticket & 0xFFFFF
        if k >= chunks:
            return
        kernel = job[{KERNEL}]
        row = job[{ROW}]
        begin = job[{BEGIN}]
        count = job[{END}] - begin
        if not swap_word(at, ticket, ticket + 1):
            continue
        status = call_kernel(
            kernel, i64(row), begin + count * k // chunks, begin + count * (k + 1) // chunks
        )
        while status != 0:
            before = load_word(at + {8 * STATUS})
            if before != 0 and before <= status:
                break
            if swap_word(at + {8 * STATUS}, before, status):
                break
        add_word(at + {8 * DONE}, 1)
"""

# args: the job, a kernel, its row, how many chunks. The range and the status are that kernel's.
_share = Kernel(
    "share",
    lambda suffix: (
        _WORK
        + f"""
def kernel(args, begin, end):
    job = i64(args[0])
    at = args[0]
    chunks = min(args[3], end - begin, 4096)
    if job[{THREADS}] < 2 or chunks < 2 or not swap_word(at + {8 * BUSY}, 0, 1):
        return call_kernel(args[1], i64(args[2]), begin, end)
    job[{KERNEL}] = args[1]
    job[{ROW}] = args[2]
    job[{BEGIN}] = begin
    job[{END}] = end
    job[{DONE}] = 0
    job[{STATUS}] = 0
    job[{NUMBER}] = (job[{NUMBER}] + 1) & 0x7FFFFF
    store_word(at, job[{NUMBER}] << 40 | chunks << 20)
    for _ in range(min(load_word(at + {8 * ASLEEP}), job[{THREADS}] - 1, chunks - 1)):
        ring(at + {8 * BELL})
    work(job)
    spins = 0
    while load_word(at + {8 * DONE}) < chunks:
        spins += 1
        if spins < 1000:
            pause()
        else:
            give_way()
    status = load_word(at + {8 * STATUS})
    store_word(at + {8 * BUSY}, 0)
    return status
"""
    ),
    splits=False,
)

# args: the job. Returns when the process ends.
_worker = Kernel(
    "worker",
    lambda suffix: (
        _WORK
        + f"""
def kernel(args, begin, end):
    job = i64(args[0])
    at = args[0]
    thread = release_gil()
    while load_word(at + {8 * QUIT}) == 0:
        work(job)
        for _ in range({SPINS}):
            if open_chunks(job):
                break
            pause()
        if not open_chunks(job) and load_word(at + {8 * QUIT}) == 0:
            add_word(at + {8 * ASLEEP}, 1)
            if not open_chunks(job) and load_word(at + {8 * QUIT}) == 0:
                wait_for(at + {8 * BELL})
            add_word(at + {8 * ASLEEP}, -1)
    take_gil(thread)
    return 0
"""
    ),
    splits=False,
)

POSSIBLE = sys.platform == "linux"
"""Semaphores are called by their address in memory, which macOS and Windows do not have."""

job = np.zeros(64, np.int64)
"""What all threads share; it outlives the interpreter."""
ctypes.pythonapi.Py_IncRef(ctypes.py_object(job))
ADDRESS = job.ctypes.data if POSSIBLE else 0

_workers: list[threading.Thread] = []
_lock = threading.Lock()


def usable_processors() -> int:
    """How many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _at_first() -> int:
    given = os.environ.get("BACKLIT_NUM_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    return min(usable_processors(), 8)


job[THREADS] = _at_first() if POSSIBLE else 1


def set_num_threads(count: int) -> None:
    """How many threads, with the calling one, big kernels may use; results stay the same, bit for
    bit. At first $BACKLIT_NUM_THREADS, or as many as there are processors, at most 8.

    Where the system has no semaphores in memory (macOS, Windows) one thread does it all.

    >>> from backlit.engine import get_num_threads, set_num_threads
    >>> before = get_num_threads()
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(before)
    """
    if isinstance(count, bool) or not hasattr(count, "__index__"):
        raise TypeError(f"a number of threads is an int, not {count!r}")
    if not 1 <= count <= 256:
        raise ValueError(f"a number of threads lies between 1 and 256, not {count}")
    job[THREADS] = count if POSSIBLE else 1
    if job[SHARE]:
        start()


def get_num_threads() -> int:
    """How many threads big kernels may use."""
    return int(job[THREADS])


def start() -> None:
    """See to it that the workers are there, where there can be any."""
    if not POSSIBLE:
        return
    with _lock:
        if not job[SHARE]:
            ctypes.CDLL(None).sem_init(ctypes.c_void_p(ADDRESS + 8 * BELL), 0, 0)
            job[SHARE] = _share.address(I64)
            _at_the_end()
        while len(_workers) < job[THREADS] - 1:
            enter = door(_worker.address(I64), "i")
            one = threading.Thread(target=enter, args=(0, 0, ADDRESS), daemon=True,
                                   name=f"backlit worker {len(_workers) + 1}")  # fmt: skip
            _workers.append(one)
            one.start()


@cache
def _at_the_end() -> None:
    atexit.register(_stop)
    os.register_at_fork(after_in_child=_alone)


def start_if_wanted() -> None:
    """Start the workers if a kernel would have had use for them."""
    if job[WANTED]:
        job[WANTED] = 0
        start()


def _stop() -> None:
    """The interpreter ends: nobody may be left in code that goes away with it."""
    job[QUIT] = 1
    libc = ctypes.CDLL(None)
    for one in _workers:
        for _ in _workers:
            libc.sem_post(ctypes.c_void_p(ADDRESS + 8 * BELL))
        one.join(1.0)


def _alone() -> None:
    """A forked child has no workers; it gets its own when it needs them."""
    _workers.clear()
    job[:NUMBER] = 0
    job[SHARE] = 0
    job[ASLEEP] = 0
    ctypes.CDLL(None).sem_init(ctypes.c_void_p(ADDRESS + 8 * BELL), 0, 0)
