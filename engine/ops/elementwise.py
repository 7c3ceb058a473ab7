"""Elementwise primitives: one record an op, with its kernel's body, its gradient and its words.

`g` is the upstream gradient, `ans` the result. An upstream gradient of exactly 0 stays 0 at
singular points, through `safe_div` and `safe_mul`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.elementwise import Elementwise
from ..primitives import Primitive, Rule, apply, passes, primitive
from ..tensors import Tensor, constant, match_floats, wrap

Function = Callable[..., Tensor]

REALS, POSITIVE, NONZERO, UNIT, TRUTHS = "reals", "positive", "nonzero", "unit", "truths"


def sample(rng: np.random.Generator, domain: str, shape: tuple[int, ...] = (3, 4)) -> Any:
    """float64 numbers of a domain, away from its borders and from kinks at 0."""
    x = rng.uniform(0.2, 2.0, shape)
    if domain in (REALS, NONZERO):
        return np.where(rng.random(shape) < 0.5, -x, x)
    if domain == UNIT:
        return rng.uniform(-0.9, 0.9, shape)
    if domain == TRUTHS:
        return rng.random(shape) < 0.5
    return x


def elementwise(
    name: str,
    body: str,
    rules: tuple[Rule | None, ...] | Rule | None,
    *,
    domain: str | tuple[str, ...] = REALS,
    kinds: str = "",
    numpy: Callable[..., Any],
    host: Callable[..., Any] | None = None,
    **facts: Any,
) -> Function:
    """Make an elementwise primitive and the function of tensors that applies it.

    `body` computes one element from x (and y, z); `numpy` is the same in NumPy, the oracle of the
    tests and, unless `host` is given, what runs on integers.
    """
    domains = (domain,) if isinstance(domain, str) else domain
    kinds = kinds or "xyz"[: len(domains)] + "->o"
    runner = Elementwise(name, body, kinds, host or numpy, match_floats)
    if callable(rules):
        rules = (rules,)

    def samples(rng: np.random.Generator) -> list[Any]:
        return [sample(rng, d) for d in domains]

    record = primitive(
        name, runner.run, rules=rules, numpy=numpy, samples=samples, broadcasts=len(domains) > 1,
        **facts,
    )  # fmt: skip
    return (unary, binary, general)[min(len(domains), 3) - 1](record)


def unary(record: Primitive) -> Function:
    def function(x: Any) -> Tensor:
        if not isinstance(x, Tensor):
            x = Tensor(x)
        return apply(record, x)

    return _described(function, record)


def binary(record: Primitive) -> Function:
    def function(x: Any, y: Any) -> Tensor:
        if not isinstance(x, Tensor):
            x = constant(x, y) if isinstance(y, Tensor) else Tensor(x)
        if not isinstance(y, Tensor):
            y = constant(y, x)
        return apply(record, x, y)

    return _described(function, record)


def general(record: Primitive) -> Function:
    def function(*operands: Any) -> Tensor:
        like = next((x for x in reversed(operands) if isinstance(x, Tensor)), FLOAT)
        return apply(record, *[constant(x, like) for x in operands])

    return _described(function, record)


FLOAT = wrap(np.zeros((), np.float32))
"""What operands are made like where none of them is a tensor."""


def _described(function: Function, record: Primitive) -> Function:
    function.__name__ = function.__qualname__ = record.name
    function.__doc__ = f"{record.doc or record.formula}\n\n{record.formula}, element by element."
    function.record = record  # type: ignore[attr-defined]
    return function


# -- arithmetic

add = elementwise(
    "add", "x + y", (passes, passes),
    domain=(REALS, REALS), numpy=np.add, symbol="+", formula="x + y", local=("1", "1"),
    doc="The sum.",
)  # fmt: skip

sub = elementwise(
    "sub", "x - y", (passes, lambda g, ans, x, y: -g),
    domain=(REALS, REALS), numpy=np.subtract, symbol="-", formula="x - y", local=("1", "-1"),
    doc="The difference.",
)  # fmt: skip

mul = elementwise(
    "mul", "x * y", (lambda g, ans, x, y: g * y, lambda g, ans, x, y: g * x),
    domain=(REALS, REALS), numpy=np.multiply, symbol="*", formula="x · y", local=("y", "x"),
    doc="The product.",
)  # fmt: skip

safe_mul = elementwise(
    "safe_mul", "F(0) if x == F(0) else x * y",
    (lambda g, ans, x, y: safe_mul(g, y), lambda g, ans, x, y: safe_mul(g, x)),
    domain=(NONZERO, REALS), numpy=lambda x, y: np.where(x == 0, 0, x * y),
    symbol="*", formula="x · y, 0 where x = 0", local=("y", "x"),
    doc="The product, 0 wherever x is 0, even if y is infinite or NaN.",
)  # fmt: skip

safe_div = elementwise(
    "safe_div", "F(0) if x == F(0) else x / y",
    (lambda g, ans, x, y: safe_div(g, y), lambda g, ans, x, y: -safe_div(safe_mul(g, ans), y)),
    domain=(NONZERO, NONZERO), numpy=lambda x, y: np.where(x == 0, 0, x / y),
    symbol="/", formula="x / y, 0 where x = 0", local=("1/y", "-x/y²"),
    doc="The quotient, 0 wherever x is 0, even if y is 0.",
)  # fmt: skip

div = elementwise(
    "div", "x / y",
    (lambda g, ans, x, y: safe_div(g, y), lambda g, ans, x, y: -safe_div(safe_mul(g, ans), y)),
    domain=(REALS, NONZERO), numpy=np.divide, symbol="/", formula="x / y",
    local=("1/y", "-x/y²"), doc="The quotient; true division, as in Python.",
)  # fmt: skip

neg = elementwise(
    "neg", "-x", lambda g, ans, x: -g,
    numpy=np.negative, symbol="-", formula="-x", local=("-1",), doc="The number with its sign "
    "turned.",
)  # fmt: skip

power = elementwise(
    "pow", "x ** y",
    (
        lambda g, ans, x, y: safe_mul(g, safe_mul(y, x ** (y - 1))),
        lambda g, ans, x, y: safe_mul(g, safe_mul(ans, where((x == 0) & (y >= 0), 0, log(x)))),
    ),
    domain=(POSITIVE, REALS), numpy=np.power, symbol="**", formula="x ** y",
    local=("y · x ** (y - 1)", "x ** y · log(x)"),
    kinks="x = 0: the gradient is 0 for y = 0; for the exponent it is 0 where y >= 0",
    doc="x to the power of y.",
)  # fmt: skip

square = elementwise(
    "square", "x * x", lambda g, ans, x: g * (2 * x),
    numpy=np.square, symbol="²", formula="x²", local=("2x",), doc="The square.",
)  # fmt: skip

sqrt = elementwise(
    "sqrt", "math.sqrt(x)", lambda g, ans, x: safe_div(0.5 * g, ans),
    domain=POSITIVE, numpy=np.sqrt, symbol="√", formula="√x", local=("1 / (2√x)",),
    kinks="x = 0: infinite, but 0 where the upstream gradient is 0", doc="The square root.",
)  # fmt: skip

absolute = elementwise(
    "abs", "abs(x)", lambda g, ans, x: g * sign(x),
    numpy=np.abs, symbol="|x|", formula="|x|", local=("sign(x)",), kinks="x = 0: 0",
    doc="The absolute value.",
)  # fmt: skip

sign = elementwise(
    "sign", "F(1) if x > F(0) else (F(-1) if x < F(0) else (x if x != x else F(0)))",
    (lambda g, ans, x: None,),
    numpy=np.sign, formula="sign(x)", local=("0",), doc="-1, 0 or 1.",
)  # fmt: skip

clone = elementwise(
    "clone", "x", passes,
    numpy=np.copy, symbol="copy", formula="x", local=("1",), doc="A copy in memory of its own.",
)  # fmt: skip

# -- functions

exp = elementwise(
    "exp", "exp(x)", lambda g, ans, x: safe_mul(g, ans),
    numpy=np.exp, formula="exp(x)", local=("exp(x)",), doc="e to the power of x.",
)  # fmt: skip

log = elementwise(
    "log", "log(x)", lambda g, ans, x: safe_div(g, x),
    domain=POSITIVE, numpy=np.log, formula="log(x)", local=("1/x",),
    kinks="x = 0: infinite, but 0 where the upstream gradient is 0",
    doc="The natural logarithm.",
)  # fmt: skip

tanh = elementwise(
    "tanh", "tanh(x)", lambda g, ans, x: g * (1 - ans * ans),
    numpy=np.tanh, formula="tanh(x)", local=("1 - tanh²(x)",), doc="The hyperbolic tangent.",
)  # fmt: skip

sigmoid = elementwise(
    "sigmoid", "sigmoid(x)", lambda g, ans, x: g * (ans * sigmoid(-x)),
    numpy=lambda x: 1 / (1 + np.exp(-x)), formula="1 / (1 + exp(-x))",
    local=("s · (1 - s), s = sigmoid(x)",), doc="The logistic function; no overflow at either "
    "end.",
)  # fmt: skip

softplus = elementwise(
    "softplus", "(x if x > F(0) or x != x else F(0)) + log1p(exp(-abs(x)))",
    lambda g, ans, x: g * sigmoid(x),
    numpy=lambda x: np.logaddexp(0, x), formula="log(1 + exp(x))", local=("sigmoid(x)",),
    doc="A smooth max(x, 0), accurate everywhere.",
)  # fmt: skip

relu = elementwise(
    "relu", "x if x > F(0) or x != x else F(0)", lambda g, ans, x: gate(g, ans),
    numpy=lambda x: np.maximum(x, 0), formula="max(x, 0)", local=("1 where x > 0, else 0",),
    kinks="x = 0: 0, as in PyTorch", doc="The rectifier: x where it is positive, else 0.",
)  # fmt: skip

gate = elementwise(
    "gate", "x if y > F(0) else F(0)", (lambda g, ans, x, y: gate(g, y), None),
    domain=(REALS, REALS), numpy=lambda x, y: np.where(y > 0, x, 0.0),
    formula="x where y > 0, else 0", local=("1 where y > 0, else 0", "0"),
    doc="x where y is positive, else 0: what the rectifier does to a gradient.",
)  # fmt: skip

# -- choices

maximum = elementwise(
    "maximum", "flushed(x if x > y or x != x else y)",
    (lambda g, ans, x, y: g * share(x, y), lambda g, ans, x, y: g * share(y, x)),
    domain=(REALS, REALS), numpy=np.maximum, symbol="max", formula="max(x, y)",
    local=("1 where x > y, ½ at ties, else 0", "1 where y > x, ½ at ties, else 0"),
    kinks="x = y: the gradient is split evenly", doc="The larger of two; NaN if either is NaN.",
)  # fmt: skip

minimum = elementwise(
    "minimum", "flushed(x if x < y or x != x else y)",
    (lambda g, ans, x, y: g * share(-x, -y), lambda g, ans, x, y: g * share(-y, -x)),
    domain=(REALS, REALS), numpy=np.minimum, symbol="min", formula="min(x, y)",
    local=("1 where x < y, ½ at ties, else 0", "1 where y < x, ½ at ties, else 0"),
    kinks="x = y: the gradient is split evenly", doc="The smaller of two; NaN if either is NaN.",
)  # fmt: skip

share = elementwise(
    "share",
    "F(0.5) if x == y or (x != x and y != y) else (F(1) if x > y or x != x else F(0))",
    (None, None),
    domain=(REALS, REALS),
    numpy=lambda x, y: np.where(x == y, 0.5, np.where(x > y, 1.0, 0.0)),
    formula="1 where x > y, ½ where x = y, else 0", local=("0", "0"),
    doc="How much of the gradient of max(x, y) x gets.",
)  # fmt: skip

where = elementwise(
    "where", "y if X else z",
    (None, lambda g, ans, c, x, y: where(c, g, 0), lambda g, ans, c, x, y: where(c, 0, g)),
    domain=(TRUTHS, REALS, REALS), kinds="Xyz->o", numpy=np.where,
    formula="x where c, else y", local=("", "1 where c, else 0", "0 where c, else 1"),
    doc="where(c, x, y): x where c is true, else y.",
)  # fmt: skip

# -- truths: constants, no gradient flows

less = elementwise(
    "less", "x < y", None, domain=(REALS, REALS), kinds="xy->T", numpy=np.less, symbol="<",
    formula="x < y", doc="Whether x is less than y.",
)  # fmt: skip

less_equal = elementwise(
    "less_equal", "x <= y", None, domain=(REALS, REALS), kinds="xy->T", numpy=np.less_equal,
    symbol="<=", formula="x ≤ y", doc="Whether x is at most y.",
)  # fmt: skip

greater = elementwise(
    "greater", "x > y", None, domain=(REALS, REALS), kinds="xy->T", numpy=np.greater, symbol=">",
    formula="x > y", doc="Whether x is greater than y.",
)  # fmt: skip

greater_equal = elementwise(
    "greater_equal", "x >= y", None, domain=(REALS, REALS), kinds="xy->T",
    numpy=np.greater_equal, symbol=">=", formula="x ≥ y", doc="Whether x is at least y.",
)  # fmt: skip

equal = elementwise(
    "equal", "x == y", None, domain=(REALS, REALS), kinds="xy->T", numpy=np.equal, symbol="==",
    formula="x = y", doc="Whether x and y are equal.",
)  # fmt: skip

not_equal = elementwise(
    "not_equal", "x != y", None, domain=(REALS, REALS), kinds="xy->T", numpy=np.not_equal,
    symbol="!=", formula="x ≠ y", doc="Whether x and y differ.",
)  # fmt: skip

logical_and = elementwise(
    "logical_and", "X and Y", None, domain=(TRUTHS, TRUTHS), kinds="XY->T",
    numpy=np.logical_and, symbol="&", formula="x ∧ y", doc="Whether both are true.",
)  # fmt: skip

logical_or = elementwise(
    "logical_or", "X or Y", None, domain=(TRUTHS, TRUTHS), kinds="XY->T", numpy=np.logical_or,
    symbol="|", formula="x ∨ y", doc="Whether at least one is true.",
)  # fmt: skip

logical_not = elementwise(
    "logical_not", "not X", None, domain=TRUTHS, kinds="X->T", numpy=np.logical_not,
    symbol="~", formula="¬x", doc="Whether it is false.",
)  # fmt: skip
