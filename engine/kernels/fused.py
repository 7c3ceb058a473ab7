"""Two or three ops as one kernel, which keeps the numbers between them in registers: in a chain the
time of cheap ops is that of reading and writing scratch. Each is rounded as it is alone, so the
bits are the same. It is a finite set of kernels, each built when a program first has such ops.
"""

from functools import cache

from .build import Kernel, range_kernel

ARITHMETIC = {"add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}"}
"""Ops that can come first, or last."""

FUNCTIONS = {
    "exp": "exp({})", "log": "log({})", "sigmoid": "sigmoid({})", "sqrt": "math.sqrt({})",
    "tanh": "tanh({})",
}  # fmt: skip
"""Ops of one operand that can come last."""


@cache
def fused(last: str, left: str, right: str, still: int) -> Kernel:
    """The kernel of `last(left(a, b), right(c, d))`; where `left` or `right` is "", its operand is
    one as it is. `still` has a bit for each operand that is one number for all elements.

    args: the result, then the operands, at most four.
    """
    operands = ""
    parts = []
    for first in (left, right) if last in ARITHMETIC else (left,):
        names = "abcd"[len(operands) : len(operands) + (2 if first else 1)]
        operands += names
        parts.append(f"({ARITHMETIC[first].format(*names)})" if first else names)
    body = {**ARITHMETIC, **FUNCTIONS}[last].format(*parts)
    lines = ["def kernel(args, begin, end):", "    out = FLOAT(args[0])"]
    lines += [f"    from_{x} = FLOAT(args[{k}])" for k, x in enumerate(operands, 1)]
    lines += [f"    {x} = from_{x}[0]" for k, x in enumerate(operands) if still >> k & 1]
    lines.append("    for i in range(begin, end):")
    lines += [f"        {x} = from_{x}[i]" for k, x in enumerate(operands) if not still >> k & 1]
    lines += [f"        out[i] = {body}", "    return 0"]
    name = f"fused_{last}_{left or 'x'}_{right or 'x'}_{still}"
    return range_kernel(name, "\n".join(lines) + "\n", letters="o" + operands)
