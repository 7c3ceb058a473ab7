"""What an audit finds, check by check, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass

from .text import count_text, shorten


@dataclass(frozen=True)
class Check:
    """One check of one op: of the value (`operand` is "") or of the rule for an operand.

    `verdict` is "right", "wrong", "kink" (a corner or a jump, where the difference means nothing)
    or "not finite". `error` is the difference, relative to the gradient's size.
    """

    op: str
    result: str
    module_path: str
    operand: str
    verdict: str
    error: float
    message: str = ""


@dataclass(frozen=True)
class Audit:
    """What `audit` found: `print` it; `ok`, `first` (the first wrong check) and all `checks`."""

    checks: tuple[Check, ...]

    @property
    def wrong(self) -> tuple[Check, ...]:
        """What does not agree, in the order of forward."""
        return tuple(check for check in self.checks if check.verdict == "wrong")

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong

    @property
    def first(self) -> Check | None:
        """The first wrong check in the order of forward, or None."""
        return next(iter(self.wrong), None)

    def __str__(self) -> str:
        rules = [check for check in self.checks if check.operand]
        ops = len({check.result for check in self.checks})
        count = f"{count_text(ops, 'op')}, {count_text(len(rules), 'rule')} checked"
        lines = []
        for verdict, why in (
            ("kink", "lie at a kink or a jump, where a difference says nothing"),
            ("not finite", "meet NaN or infinity and were left out"),
        ):
            odd = [check for check in self.checks if check.verdict == verdict]
            if odd:
                where = ", ".join(dict.fromkeys(_where(check) for check in odd[:4]))
                more = ", …" if len(odd) > 4 else ""
                lines.append(f"  {len(odd)} {why}: {where}{more}")
        if self.ok:
            right = [check for check in rules if check.verdict == "right"]
            worst = max(right, key=lambda check: check.error, default=None)
            size = f"; the largest difference is {worst.error:.0e}" if worst else ""
            return "\n".join([f"{count}: all agree with finite differences{size}", *lines])
        head = f"{count}: {count_text(len(self.wrong), 'check')} wrong, the first is"
        told = [f"  {check.message}" for check in self.wrong[:8]]
        if len(self.wrong) > 8:
            told.append(f"  … and {len(self.wrong) - 8} more")
        return "\n".join([head, *told, *lines])

    __repr__ = __str__


def _where(check: Check) -> str:
    return f"{check.op} at {shorten(check.result, 28)}"
