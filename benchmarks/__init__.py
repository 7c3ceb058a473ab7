"""How fast backlit is beside PyTorch, JAX and NumPy, measured so that you can repeat it.
This page says what is compared, how, and what the numbers do not say.

Run it
------
::

    pip install --group peers              # torch and jax; what is missing is skipped by name
    python -m benchmarks                   # the usual groups: twenty minutes on two cores
    python -m benchmarks scaling           # the charts by width, batch and depth: three minutes
    python -m benchmarks step-2-16-16-2    # one row; also a group (steps), a pattern ('step-*')
    python -m benchmarks node --systems backlit,torch
    python -m benchmarks kernels --quick   # three short rounds, no repeats: a smoke test
    python -m benchmarks --list            # groups, rows, systems, and what is missing here
    python -m benchmarks programs --update # these rows anew in the results of the last full run
    python -m benchmarks --readme          # the README's tables anew, from benchmarks/results.json

A full run writes ``benchmarks/results.json`` and ``benchmarks/results.svg``, one of ``scaling``
``benchmarks/scaling.json`` and ``benchmarks/scaling.svg``; any other, or a quick one, only what
``--json`` and ``--chart`` name. Leave the machine alone meanwhile: a browser is enough to spoil a
round. ``--threads 2`` measures every row with two threads; the JSON says with how many under
``plan``.

How it measures
---------------
- **Every system lives in a process of its own**, started with the same number of threads in the
  environment (`threads.py`) before anything is imported. Two OpenMP runtimes in one process, or
  an OpenMP pool beside OpenBLAS's, spin against each other and ruin both; never import two
  frameworks in one benchmark.
- **One thread is one core**: a process is pinned to as many cores as it has threads, because a
  library that is told "one thread" may still keep a helper busy beside it (jax does).
- **Rounds are interleaved**: in a round each system gets one slice (a tenth of a second), in an
  order that rotates, so a slow minute of the machine hits all of them. Between its slices a
  process is stopped (SIGSTOP): thread pools that spin while they wait take nothing from others.
- **Disturbed slices are taken again**: a yardstick of plain Python runs before and after each
  slice on its cores (`quiet.py`); on a virtual machine a core can run at half its speed for
  seconds on end. The yardstick knows nothing of what was measured, so it favours nobody.
- A slice resets the model to the same initial weights, warms up unmeasured, and reports its mean
  time. **min, median and spread** are over the rounds; the spread is (p90 - p10) / median. A case
  with a spread over 15 % is measured again, once; the calmest attempt is kept, the
  number of attempts is recorded, and what stays noisy is marked `~`.
- **Ratios** are peer / backlit: the ratio of the medians, and the lowest and highest ratio within
  one round. Above 1 backlit is faster (or smaller).
- **The first call is left out** of all of these and reported beside them: it holds compilation
  (torch.compile, jax.jit) or the loading of compiled code from a cache (Numba). The very first run
  on a machine compiles backlit's kernels; the column then says so, the medians do not change.
- **The same work is proved**: data and initial weights come from one file, and the losses of the
  first 20 steps (for kernels: the results; for chains: the gradients) must agree between all
  systems. The largest difference is printed.
- `cores` in the JSON is processor time over wall time: a system that takes more threads than it
  was given shows there.

What is compared
----------------
`steps`, `replay`, `epochs`, `scaling`
    A whole training step in float32: batch in, cross-entropy, backward, Adam; eight batches in
    turn, labels partly random, so that gradients neither vanish nor become subnormal. "loss read"
    also brings the loss to Python at every step. torch: eager with `zero_grad(set_to_none=True)`,
    with Adam's default and with `fused=True`; torch.compile over the loss and over the
    optimizer's step; jax: one jitted function, Adam written out, buffers donated, waited for at
    the end of the slice. In `epochs` no system goes back to Python between steps if it can: backlit
    in `step.run`, jax in `lax.scan`.
`node`
    What one node of the graph costs, forward, backward and freeing, garbage collection on.
`import`, `script`, `digits`
    Whole processes from the shell's view: start, work, exit; the scripts are in `scripts/`, as a
    user would write them. Peak memory is the kernel's count (`ru_maxrss`). Caches are warm, and
    jax's scripts keep their compiled code on disk as backlit keeps its kernels (that halves their
    time). `digits` trains until 0.96 of a validation set are right: same data, distribution of
    initial weights, batch and rate; the epochs it took are a row of their own.
`estimators`
    `fit` of an MLPClassifier on digits, backlit's beside scikit-learn's: the same first weights,
    batches and epochs, each in float32; a new estimator each time, so recording is in it.
`chain`
    Nine elementwise ops: backlit under `bl.replay` (and eager, a column), torch's own fused
    `F.gelu`, and the written-out formula under torch.compile and jax.jit.
`memory`
    What a step of the largest network needs beyond parameters and optimizer state. A new process
    for each sample trains a smaller network first, so that all code is loaded; then comes the
    resident memory (VmRSS) after free memory was given back; the network is made, the kernel told
    to forget the process's peak (/proc/self/clear_refs), and three steps run: the peak (VmHWM)
    less the memory before, the parameters, Adam's two moments, and what the harness itself holds
    (initial weights, batches). That is the first row, with recording and verification or
    compilation in it; for the second the peak is forgotten again and three more steps run.
`programs`
    backlit alone: how soon a program is ready, whether a step costs the same after 100,000 others,
    `backlit learn moons` with a warm and with an empty cache of kernels. `cases/programs.py` says
    what exactly is timed.
`study`
    backlit alone: replayed steps with and without `bl.watch`, what `bl.trace()` adds to an op, how
    long figures and stepping pages of 500 and 5,000 nodes take to make and how large they are.
`limits`
    What the machine can do: multiply-adds in registers (every thread runs them), the best product
    of two large matrices, a copy in memory. From these `roofline.py` makes the least time that a
    step could take, and the part of that limit which was reached.
`kernels`
    Single operations through each library's public functions, gradients off.

What is not compared
--------------------
GPUs, convolutions, data loading, several machines, precision below float32; large networks only
as one reported row. torch and jax are built for work a thousand times larger than these rows: for
that, take them.

Traps met on the way
--------------------
- jax ignores OMP_NUM_THREADS and has no option for it; its pool reads NPROC.
- `ru_maxrss` of a child starts from its parent's peak: the parent here imports no NumPy while it
  measures.
- A unit that dies leaves moments that decay into subnormal numbers, which cost a processor
  several times as much to add; the reset at each slice keeps them out for every system alike.
- jax compiles a scan anew for each number of epochs: all of them before the first slice.
- An editable install puts an import hook in front of every start of Python; it is paid by all.
"""
