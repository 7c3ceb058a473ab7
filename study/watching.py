"""`watch`: silent failures of training speak. While its block runs, a few methods are called
through it; now and then it looks at weights, gradients, updates and activations.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from time import perf_counter
from typing import Self

from ..nn import Module
from ..optim.optimizers import Optimizer
from .diagnosis import diagnose
from .findings import Finding, limits_with
from .looks import Records, parameters_of
from .observing import Observer
from .reading import report


def watch(
    model: Module, optimizer: Optimizer | None = None, limits: Mapping[str, float] | None = None
) -> Watch:
    """Watch a model while it trains: `with watch(model) as seen:` around the loop.

    Afterwards `print(seen)` tells, layer by layer, what was seen, and each finding with the number
    it is judged by: dead and saturated units, gradients that vanish or explode, updates too small
    or too large, the birth of a NaN, a forgotten zero_grad, parameters that never get a gradient
    or that nobody updates. `seen.findings` has the same as records, at any time.

    It works with loops of any kind, `replay` and `Replay.run` among them; it changes no number of
    the run. It looks at the first steps, then ever more rarely, but as often as half a percent of
    the time allows. A replayed step is recorded anew the first time it is met.

    Parameters
    ----------
    model : what trains.
    optimizer : whose parameters are compared with the model's; without it a parameter counts as
        forgotten if it has a gradient and never moves.
    limits : other values for some of `study.findings.LIMITS`, by name.

    >>> import backlit as bl, numpy as np
    >>> from backlit import nn, optim
    >>> model = nn.MLP([2, 16, 2], generator=bl.Generator(0))
    >>> opt = optim.Adam(model.parameters(), lr=0.01)
    >>> x = bl.normal((1000, 2), generator=bl.Generator(1))
    >>> y = bl.tensor((x.numpy()[:, 0] > 0).astype(int))
    >>> with bl.watch(model, opt) as seen:
    ...     for _ in range(50):  # the gradients are never cleared
    ...         nn.functional.cross_entropy(model(x), y).backward()
    ...         opt.step()
    >>> [(finding.level, finding.code) for finding in seen.findings]
    [('error', 'gradients-not-cleared')]
    """
    return Watch(model, optimizer, limits)


class Watch:
    """What `watch` gives: open as a block, full of findings after it."""

    def __init__(
        self, model: Module, optimizer: Optimizer | None, limits: Mapping[str, float] | None
    ):
        if not isinstance(model, Module):
            raise TypeError(
                f"watch: what is watched is a Module, not {type(model).__name__}; write "
                "`with watch(model, optimizer) as seen:`"
            )
        if optimizer is not None and not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"watch: the optimizer is a {type(optimizer).__name__}; write "
                "`with watch(model, optimizer) as seen:`"
            )
        self.limits = limits_with(limits or {})
        self.model, self.optimizer = model, optimizer
        parameters = parameters_of(model)
        flat = {name: p.size == 0 or bool((p.data == p.data.flat[0]).all())
                for name, p in parameters.items()}  # fmt: skip
        self.records = Records(parameters, flat)
        self.seconds = 0.0
        """How long the block has run."""
        self._observer = Observer(model, self.records, self.limits)
        self._hooks: ExitStack | None = None
        self._began = 0.0

    def __enter__(self) -> Self:
        if self._hooks is not None:
            raise RuntimeError("this watch is open already; make another: watch(model)")
        self._hooks = self._observer.hooks()
        self._began = perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        hooks, self._hooks = self._hooks, None
        if hooks is not None:
            hooks.close()
        self._observer.finish()
        self.seconds += perf_counter() - self._began

    @property
    def spent(self) -> float:
        """How many seconds of that were spent on looking."""
        return self._observer.spent

    @property
    def findings(self) -> list[Finding]:
        """What is wrong, the worst first."""
        self._observer.count()
        if self.optimizer is not None:
            known = {id(p) for group in self.optimizer.param_groups for p in group.params}
            names = self.records.parameters.items()
            self.records.optimized = {name for name, p in names if id(p) in known}
        return diagnose(self.records, self.limits)

    def report(self) -> str:
        """The layers and the findings as text."""
        running = perf_counter() - self._began if self._hooks is not None else 0.0
        return report(self.records, self.findings, self.seconds + running, self.spent)

    def __str__(self) -> str:
        return self.report()

    def __repr__(self) -> str:
        found = ", ".join(f"{f.level} {f.code}" for f in self.findings)
        return f"<Watch of {type(self.model).__name__}: {found or 'nothing found'}>"
