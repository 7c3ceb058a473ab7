"""Two ops as one kernel, which keeps the number between them in a register: in a chain the time of
cheap ops is that of reading and writing scratch. Both are rounded as they are one by one, so the
bits are the same. There are some 300 such kernels, each built when a program first has such a pair.
"""

from functools import cache

from .build import Kernel, range_kernel

ARITHMETIC = {"add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}"}
FUNCTIONS = {
    "exp": "exp({})", "log": "log({})", "sigmoid": "sigmoid({})", "sqrt": "math.sqrt({})",
    "tanh": "tanh({})",
}  # fmt: skip
"""The ops that can follow: of two operands, and of one."""


@cache
def pair(first: str, second: str, side: int, still: int) -> Kernel:
    """The kernel of `second(first(a, b), c)`, or of `second(c, first(a, b))` for side 1, or of a
    function `second(first(a, b))`. `still` has a bit for each operand that is one number for all
    elements.

    args: the result, a, b, and c if there is one.
    """
    inner = f"({ARITHMETIC[first].format('a', 'b')})"
    if second in FUNCTIONS:
        operands, body = "ab", FUNCTIONS[second].format(inner)
    else:
        operands = "abc"
        body = ARITHMETIC[second].format(*((inner, "c") if side == 0 else ("c", inner)))
    lines = ["def kernel(args, begin, end):", "    out = FLOAT(args[0])"]
    lines += [f"    from_{x} = FLOAT(args[{k}])" for k, x in enumerate(operands, 1)]
    lines += [f"    {x} = from_{x}[0]" for k, x in enumerate(operands) if still >> k & 1]
    lines.append("    for i in range(begin, end):")
    lines += [f"        {x} = from_{x}[i]" for k, x in enumerate(operands) if not still >> k & 1]
    lines += [f"        out[i] = {body}", "    return 0"]
    name = f"pair_{first}_{second}_{side}_{still}"
    return range_kernel(name, "\n".join(lines) + "\n", letters="o" + operands)
