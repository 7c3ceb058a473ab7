"""exp, expm1, log, log1p, sigmoid and tanh for kernels, without branches or calls, so that LLVM
makes vector code of a loop around them. Each is one formula over `Real`, compiled for two types.

    >>> import numba
    >>> round(numba.njit(lambda x: exp_f64(x))(1.0), 12)
    2.718281828459

A `Real` writes instructions when it is computed with. Kernels call the intrinsics `exp_f32`,
`exp_f64` and so on, which compiled code alone can do; one adds a few ms to the compilation of a
kernel, where a jitted function would add 50.

The largest error in units of the last place, and microseconds for 4,096 values (one core of a
Zen 5 with AVX-512 and, in brackets, AVX2):

    ========  ====================  ====================
              float32               float64
    function  ulp   us              ulp   us
    ========  ====================  ====================
    exp       1.02   .55 (1.05)      .98   1.8 (3.4)
    expm1     1.47   .53 (1.06)     1.82   1.8 (3.6)
    log        .93   .97 (1.82)     1.19   3.8 (7.0)
    log1p     1.46   .96 (1.95)     1.66   3.8 (7.9)
    sigmoid   2.00   .59 (1.24)     2.00   2.0 (4.0)
    tanh      1.94   .60 (1.25)     2.06   2.1 (4.3)
    ========  ====================  ====================

The float32 column was measured over all 2**32 values against NumPy's float64; the float64 one
over 20 million against NumPy's long double. Infinities, NaNs, signed zeros, overflow and gradual
underflow are as IEEE 754 has them, but for `sigmoid`, which gives 0 where the result would be
subnormal. With flush-to-zero and denormals-are-zero set, other results change only where they or
their inputs are subnormal. Every step is a correctly rounded operation, so the bits do not depend
on the vector width or on the processor; without an FMA instruction, fma is a slow library call.

Sources:

- Cody and Waite, Software Manual for the Elementary Functions (1980): x = n ln 2 + r with ln 2 in
  two parts.
- Muller et al., Handbook of Floating-Point Arithmetic (2nd ed., 2018): what fma makes exact in
  that reduction; rounding to an integer by adding 1.5 * 2**mantissa; fitting polynomials.
- Tang, Table-driven implementation of the expm1 function (ACM TOMS 18, 1992): 2**n - 1 is added to
  2**n (e**r - 1) last, so nothing is lost near 0. Here without the table.
- Arm's Optimized Routines, log1p: (1 + x) / 2**e - 1 by one fma from x.

The polynomials were fitted for this file: Remez exchange in 40 to 60 digits, minimising the
relative error of the function itself, then rounded: to float32 one coefficient at a time, fitting
the rest anew, to float64 all at once. They leave, in float32 and float64, 2**-28.2 and 2**-59.6 of
exp (the latter of expm1), 2**-27.7 and 2**-56.1 of log.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

LN2 = math.log(2.0)


@dataclass(frozen=True, eq=False)
class Format:
    """A float type: its bits, and the constants that depend on it."""

    real: Any
    integer: Any
    mantissa: int  # bits stored
    bias: int
    sqrt_half: int  # the bits of sqrt(1/2)
    ln2_low: float  # ln 2 less its value in this type
    exp_poly: tuple[float, ...]  # (e**r - 1 - r) / r**2 for abs(r) <= ln(2) / 2
    log_poly: tuple[float, ...]  # (log(1 + f) - f) / f**2 for sqrt(1/2) <= 1 + f <= sqrt(2)

    @property
    def shift(self) -> float:
        """Adding it to a small number rounds that to an integer, left in the low bits."""
        return 1.5 * 2.0**self.mantissa


FORMATS = {
    types.float32: Format(
        real=ir.FloatType(),
        integer=ir.IntType(32),
        mantissa=23,
        bias=127,
        sqrt_half=0x3F3504F3,
        ln2_low=-1.904654299957768e-09,
        exp_poly=(
            0.49999994,
            0.16666517,
            0.041668102,
            0.0083691655,
            0.0013838003,
        ),
        log_poly=(
            -0.49999988,
            0.33333337,
            -0.2500164,
            0.20001206,
            -0.1660669,
            0.14196149,
            -0.13280532,
            0.12823936,
            -0.0742179,
        ),
    ),
    types.float64: Format(
        real=ir.DoubleType(),
        integer=ir.IntType(64),
        mantissa=52,
        bias=1023,
        sqrt_half=0x3FE6A09E667F3BCD,
        ln2_low=2.3190468138462996e-17,
        exp_poly=(
            0.5,
            0.16666666666666677,
            0.041666666666666505,
            0.008333333333321655,
            0.0013888888888962602,
            0.00019841269886073377,
            2.480158717223576e-05,
            2.755724425426805e-06,
            2.7557402769789884e-07,
            2.5109024436463155e-08,
            2.0875330901843922e-09,
        ),
        log_poly=(
            -0.5,
            0.33333333333333487,
            -0.24999999999998074,
            0.19999999999936569,
            -0.16666666667007082,
            0.14285714294805707,
            -0.12499999977312197,
            0.11111110465958907,
            -0.10000000501402476,
            0.09090935005445708,
            -0.08333344580094652,
            0.07691687608595885,
            -0.0714199218232939,
            0.06675431105171191,
            -0.06270113783148726,
            0.05816189989569482,
            -0.05323882993890152,
            0.05419367676093767,
            -0.06284927262113285,
            0.05699140650849529,
            -0.024231894014334433,
        ),
    ),
}


class Real:
    """A float inside a function being compiled: arithmetic on it appends instructions.

    The other operand is a Real of the same format or a Python number, which becomes a constant of
    that format. A comparison is an LLVM truth value, false if either side is NaN.
    """

    __slots__ = ("builder", "format", "value")

    def __init__(self, builder: Any, form: Format, value: Any):
        self.builder = builder
        self.format = form
        self.value = value

    def of(self, value: Any) -> "Real":
        """A result beside this operand."""
        return Real(self.builder, self.format, value)

    def operand(self, other: "Real | float") -> Any:
        return other.value if isinstance(other, Real) else self.format.real(float(other))

    def __neg__(self) -> "Real":
        return self.of(self.builder.fneg(self.value))

    def __add__(self, other: "Real | float") -> "Real":
        return self.of(self.builder.fadd(self.value, self.operand(other)))

    def __sub__(self, other: "Real | float") -> "Real":
        return self.of(self.builder.fsub(self.value, self.operand(other)))

    def __rsub__(self, other: float) -> "Real":
        return self.of(self.builder.fsub(self.operand(other), self.value))

    def __mul__(self, other: "Real | float") -> "Real":
        return self.of(self.builder.fmul(self.value, self.operand(other)))

    def __truediv__(self, other: "Real | float") -> "Real":
        return self.of(self.builder.fdiv(self.value, self.operand(other)))

    def __rtruediv__(self, other: float) -> "Real":
        return self.of(self.builder.fdiv(self.operand(other), self.value))

    def __lt__(self, other: "Real | float") -> Any:
        return self.builder.fcmp_ordered("<", self.value, self.operand(other))

    def __gt__(self, other: "Real | float") -> Any:
        return self.builder.fcmp_ordered(">", self.value, self.operand(other))

    def __abs__(self) -> "Real":
        fabs = self.builder.module.declare_intrinsic("llvm.fabs", [self.format.real])
        return self.of(self.builder.call(fabs, [self.value]))


def fma(x: Real, y: Real | float, z: Real | float) -> Real:
    """x * y + z, rounded once."""
    return x.of(x.builder.fma(x.value, x.operand(y), x.operand(z)))


def select(condition: Any, x: Real | float, y: Real | float) -> Real:
    """x where the condition holds, else y; both are computed, nothing branches."""
    near = x if isinstance(x, Real) else y
    assert isinstance(near, Real)
    return near.of(near.builder.select(condition, near.operand(x), near.operand(y)))


def copysign(x: Real, y: Real) -> Real:
    """The magnitude of x with the sign of y."""
    real = x.format.real
    kind = ir.FunctionType(real, [real, real])
    function = x.builder.module.declare_intrinsic("llvm.copysign", [real], kind)
    return x.of(x.builder.call(function, [x.value, y.value]))


def horner(x: Real, coefficients: tuple[float, ...]) -> Real:
    """The polynomial with these coefficients, the constant term first."""
    *rest, second, last = coefficients
    total = fma(x, last, second)
    for coefficient in reversed(rest):
        total = fma(total, x, coefficient)
    return total


def power_of_two(shifted: Real) -> Real:
    """2**n, given n + shift + bias: the low bits of that are the exponent field of 2**n."""
    form, b = shifted.format, shifted.builder
    field = b.bitcast(shifted.value, form.integer)
    return shifted.of(b.bitcast(b.shl(field, form.integer(form.mantissa)), form.real))


def scale(x: Real, shifted: Real) -> Real:
    """x * 2**n, given n + shift + 2 * bias.

    The factor comes in two halves, normal numbers both, so the result overflows to inf and
    underflows gradually where 2**n is not itself a normal number.
    """
    form, b = x.format, x.builder
    fields = b.bitcast(shifted.value, form.integer)
    half = b.lshr(fields, form.integer(1))
    for field in (half, b.sub(fields, half)):
        factor = b.bitcast(b.shl(field, form.integer(form.mantissa)), form.real)
        x = x * x.of(factor)
    return x


def split(x: Real) -> tuple[Real, Real, Real]:
    """(m, e, 2**-e) with x = m * 2**e and sqrt(1/2) <= m < sqrt(2), if x is normal and positive."""
    form, b = x.format, x.builder
    one = form.bias << form.mantissa
    width = form.integer(form.mantissa)
    bits = b.bitcast(x.value, form.integer)
    # e + bias: counted from sqrt(1/2), the exponent field steps where m starts anew.
    field = b.lshr(b.sub(bits, form.integer(form.sqrt_half - one)), width)
    power = b.shl(field, width)
    m = b.bitcast(b.add(b.sub(bits, power), form.integer(one)), form.real)
    inverse = b.bitcast(b.sub(form.integer(2 * one), power), form.real)
    # To float by filling in the low bits of 2**mantissa: AVX2 cannot convert 64-bit integers.
    filled = b.or_(field, form.integer((form.bias + form.mantissa) << form.mantissa))
    e = x.of(b.bitcast(filled, form.real)) - (2.0**form.mantissa + form.bias)
    return x.of(m), e, x.of(inverse)


def reduced_expm1(x: Real, shift: float) -> tuple[Real, Real]:
    """(e**r - 1, n + shift) with x = n * ln 2 + r and abs(r) <= ln(2) / 2."""
    form = x.format
    shifted = fma(x, 1 / LN2, shift)
    n = shifted - shift
    # The inner difference is exact: the fma keeps the whole product, and it cancels most of x.
    r = fma(n, -form.ln2_low, fma(n, -LN2, x))
    return fma(r * r, horner(r, form.exp_poly), r), shifted


def exp(x: Real) -> Real:
    """e**x."""
    form = x.format
    # 0 below, inf above; a NaN passes, since it compares false.
    low = -math.ceil((form.bias + form.mantissa) * LN2)
    high = math.ceil((form.bias + 1) * LN2)
    x = select(x < low, low, x)
    x = select(x > high, high, x)
    w, shifted = reduced_expm1(x, form.shift + 2 * form.bias)
    return scale(w + 1, shifted)


def expm1(x: Real) -> Real:
    """e**x - 1, accurate near 0 too."""
    form = x.format
    low = -math.ceil((form.mantissa + 2) * LN2)  # -1 below
    high = math.ceil((form.bias + 1) * LN2)
    y = select(x < low, low, x)
    y = select(y > high, high, y)
    # Half the result from half of 2**n, which would overflow before the result does.
    w, shifted = reduced_expm1(y, form.shift + form.bias - 1)
    s = power_of_two(shifted)
    half = fma(s, w, s - 0.5)
    # Of the smallest numbers the half is subnormal; -0 keeps its sign here.
    return select(abs(x) < 2.0 ** (3 - form.bias), x, half + half)


def tanh(x: Real) -> Real:
    """The hyperbolic tangent."""
    form = x.format
    low = -math.ceil((form.mantissa + 4) * LN2)  # 1 or -1 below
    y = -abs(x + x)
    w, shifted = reduced_expm1(select(y < low, low, y), form.shift + form.bias)
    s = power_of_two(shifted)
    # (1 - e**y) / (1 + e**y); the numerator is as good as expm1, and of the denominator, which is
    # at most 2, no more is lost near 0 than half of its last digit.
    return copysign(fma(s, w, s - 1) / fma(s, w, s + 1), x)


def sigmoid(x: Real) -> Real:
    """1 / (1 + e**-x), with a small relative error at both ends."""
    form = x.format
    high = math.ceil((form.mantissa + 4) * LN2)  # 1 above
    w, shifted = reduced_expm1(-select(x > high, high, x), form.shift + form.bias)
    s = power_of_two(shifted)
    y = 1 / (fma(s, w, 1) + s)
    return select(x < (1 - form.bias) * LN2, 0, y)  # below it would be subnormal


def log_sum(u: Real, f: Real, e: Real) -> Real:
    """log(u), where u = (1 + f) * 2**e if it is positive and finite."""
    form = u.format
    y = fma(f * f, horner(f, form.log_poly), f)
    y = fma(e, LN2, fma(e, form.ln2_low, y))
    y = select(u > 0, y, -math.inf)
    y = select(u < 0, math.nan, y)
    return select(u < math.inf, y, u)  # inf and NaN stay what they are


def log(x: Real) -> Real:
    """The natural logarithm."""
    form = x.format
    subnormal = x < 2.0 ** (1 - form.bias)
    digits = form.mantissa + 1
    m, e, _ = split(select(subnormal, x * 2.0**digits, x))
    return log_sum(x, m - 1, select(subnormal, e - digits, e))


def log1p(x: Real) -> Real:
    """log(1 + x), accurate near 0 too."""
    u = x + 1
    m, e, inverse = split(u)
    # (1 + x) / 2**e - 1, from x, as u has lost its last digits; m will do where x + 1 is x.
    f = select(x < 2.0 ** (x.format.mantissa + 3), fma(x, inverse, inverse - 1), m - 1)
    return copysign(log_sum(u, f, e), x)


def call_of(formula: Callable[..., Real], dtype: Any, *operands: Any) -> Any:
    """What Numba asks of an intrinsic: the signature of the call, and how to compile it."""
    if any(kind != dtype for kind in operands):
        name, found = f"{formula.__name__}_f{dtype.bitwidth}", ", ".join(map(str, operands))
        raise TypingError(
            f"{name} takes {dtype}, not ({found}); in arithmetic with a Python number a float32 "
            "becomes a float64: write the constant as numba.float32(2)"
        )

    def codegen(context, builder, signature, args):
        return formula(*(Real(builder, FORMATS[dtype], value) for value in args)).value

    return dtype(*operands), codegen


def unary(formula: Callable[[Real], Real], dtype: Any) -> Any:
    """The formula as kernels call it, on scalars of `dtype`."""

    def typed(typingctx, x):
        return call_of(formula, dtype, x)

    typed.__name__ = f"{formula.__name__}_f{dtype.bitwidth}"
    typed.__doc__ = formula.__doc__
    return intrinsic(typed)


exp_f32, exp_f64 = unary(exp, types.float32), unary(exp, types.float64)
expm1_f32, expm1_f64 = unary(expm1, types.float32), unary(expm1, types.float64)
log_f32, log_f64 = unary(log, types.float32), unary(log, types.float64)
log1p_f32, log1p_f64 = unary(log1p, types.float32), unary(log1p, types.float64)
sigmoid_f32, sigmoid_f64 = unary(sigmoid, types.float32), unary(sigmoid, types.float64)
tanh_f32, tanh_f64 = unary(tanh, types.float32), unary(tanh, types.float64)


@intrinsic
def fma_f32(typingctx, x, y, z):
    """x * y + z, rounded once."""
    return call_of(fma, types.float32, x, y, z)


@intrinsic
def fma_f64(typingctx, x, y, z):
    """x * y + z, rounded once."""
    return call_of(fma, types.float64, x, y, z)
