"""The completeness walk: what each primitive in the registry owes to users, pictures, gradients.
A new op is tested by its record alone; what is missing from a record fails here by the op's name.
"""

from typing import Any

import numpy as np
import pytest

from backlit.engine import Tensor, apply, enable_grad, gradcheck, gradients, registry, tensor
from backlit.engine.primitives import Primitive
from backlit.engine.tensors import wrap

from .common import DTYPES, F32, F64

ALL = sorted(registry)
DIFFERENTIABLE = [name for name in ALL if registry[name].rules is not None]
CURVED = [
    name
    for name in DIFFERENTIABLE
    if not isinstance(registry[name].rules, tuple)
    or any(rule is not None for rule in registry[name].rules)  # type: ignore[union-attr]
]
"""Those with a rule; the rest say that their derivative is 0 everywhere."""
WITH_NUMPY = [name for name in ALL if registry[name].numpy is not None]
COMPUTED = [name for name in ALL if not registry[name].in_place]
DRAWS = {"uniform", "normal", "permutation"}


def drawn(record: Primitive, seed: int = 0) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Operands and parameters out of the record's samples."""
    assert record.samples is not None
    given = record.samples(np.random.default_rng(seed))
    params = given.pop() if isinstance(given[-1], dict) else {}
    return [np.asarray(x) for x in given], params


def as_tensor(x: np.ndarray, dtype: np.dtype = F64, requires_grad: bool = False) -> Tensor:
    if x.dtype.kind != "f":
        return tensor(x)
    return tensor(x, dtype=dtype, requires_grad=requires_grad)


@pytest.mark.parametrize("name", ALL)
def test_a_record_says_what_it_is(name: str):
    """Pictures show the symbol, tables the formula, documentation the sentence."""
    record = registry[name]
    assert record.name == name
    for words in (record.symbol, record.formula, record.doc):
        assert words
        assert words == words.strip()
    assert record.doc.endswith(".")


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_rule_comes_with_its_words(name: str):
    """`study` explains each arrow of the graph by the local derivative's text."""
    record = registry[name]
    assert record.samples is not None
    operands, _ = drawn(record)
    assert all(isinstance(text, str) for text in record.local)
    if isinstance(record.rules, tuple):
        assert len(record.local) >= sum(rule is not None for rule in record.rules)
        assert len(record.rules) == len(operands) == len(record.uses)
        for slot, rule in enumerate(record.rules):
            if rule is not None:
                assert record.local[slot]
    else:
        assert len(record.local) == 1  # the same words for each of any number of operands


@pytest.mark.parametrize("name", [n for n in COMPUTED if n not in DRAWS])
def test_what_computes_has_an_oracle_and_samples(name: str):
    assert registry[name].numpy is not None
    assert registry[name].samples is not None


@pytest.mark.parametrize("name", CURVED)
@pytest.mark.parametrize("seed", [0, 1])
def test_gradients_equal_finite_differences(name: str, seed: int):
    record = registry[name]
    operands, params = drawn(record, seed)
    inputs = [as_tensor(x, requires_grad=_asks(record, k, x)) for k, x in enumerate(operands)]
    assert gradcheck(lambda *xs: apply(record, *xs, **params), inputs)


@pytest.mark.parametrize("name", [name for name in CURVED if not registry[name].broadcasts])
def test_rules_give_their_operands_shape_where_nothing_is_broadcast(name: str):
    record = registry[name]
    operands, params = drawn(record)
    inputs = [as_tensor(x, requires_grad=_asks(record, k, x)) for k, x in enumerate(operands)]
    out = apply(record, *inputs, **params)
    g = as_tensor(np.ones(out.shape))
    for slot, x in enumerate(inputs):
        rule = record.rule(slot)
        found = rule(g, out, *inputs, **params) if rule and x.requires_grad else None
        assert found is None or found.shape == x.shape


@pytest.mark.parametrize("name", CURVED)
def test_gradients_of_gradients_equal_finite_differences(name: str):
    """The rule, made of tensor functions, is itself differentiated: for the operands and for g."""
    record = registry[name]
    operands, params = drawn(record)
    asked = [k for k, x in enumerate(operands) if _asks(record, k, x)]
    inputs = [as_tensor(x, requires_grad=k in asked) for k, x in enumerate(operands)]
    rng = np.random.default_rng(1)
    shape = apply(record, *inputs, **params).shape
    upstream = as_tensor(rng.uniform(0.5, 1.5, shape), requires_grad=True)
    weights = [as_tensor(rng.uniform(0.5, 1.5, operands[k].shape)) for k in asked]

    def first(*given: Tensor) -> Tensor:
        with enable_grad():
            xs = [
                x if x.requires_grad or k not in asked else x.detach().requires_grad_()
                for k, x in enumerate(given[:-1])
            ]
            out = apply(record, *xs, **params)
            found = gradients(
                out, [xs[k] for k in asked], given[-1], create_graph=True, allow_unused=True
            )
            parts = [(g * w).sum() for g, w in zip(found, weights, strict=True) if g is not None]
            total = (given[-1] * 0).sum()
            for part in parts:
                total = total + part
            return total

    assert gradcheck(first, [*inputs, upstream], rtol=1e-3, atol=1e-5)


def _asks(record: Primitive, slot: int, x: np.ndarray) -> bool:
    if x.dtype.kind != "f":
        return False
    return not isinstance(record.rules, tuple) or record.rules[slot] is not None


@DTYPES
@pytest.mark.parametrize("name", WITH_NUMPY)
def test_values_equal_numpys(name: str, dtype: np.dtype):
    """Compared in float64 on the numbers that the tensor holds, so that the oracle rounds once."""
    record = registry[name]
    for seed in range(3):
        operands, params = drawn(record, seed)
        inputs = [as_tensor(x, dtype) for x in operands]
        out = apply(record, *inputs, **params)
        assert record.numpy is not None
        exact = record.numpy(
            *[x.numpy().astype(F64) if x.dtype.kind == "f" else x.numpy() for x in inputs],
            **params,
        )
        assert out.shape == np.shape(exact)
        if out.dtype.kind == "f":
            eps = np.finfo(dtype).eps
            np.testing.assert_allclose(out.numpy(), exact, rtol=16 * eps, atol=8 * eps)
        else:
            np.testing.assert_array_equal(out.numpy(), exact)


@DTYPES
@pytest.mark.parametrize("name", WITH_NUMPY)
def test_dtype_in_is_dtype_out(name: str, dtype: np.dtype):
    """float32 stays float32 through values and gradients: nothing becomes float64 by the way."""
    record = registry[name]
    operands, params = drawn(record)
    asked = [k for k, x in enumerate(operands) if record.rules and _asks(record, k, x)]
    inputs = [as_tensor(x, dtype, k in asked) for k, x in enumerate(operands)]
    out = apply(record, *inputs, **params)
    if name not in ("astype", "norm"):  # a norm is float64
        assert out.dtype in (dtype, np.bool_, np.int64)
    if asked:
        found = gradients(out, [inputs[k] for k in asked], np.ones(out.shape), allow_unused=True)
        for k, g in zip(asked, found, strict=True):
            if g is not None:
                assert g.dtype == dtype
                assert g.shape == inputs[k].shape


@pytest.mark.parametrize("name", [n for n in DIFFERENTIABLE if registry[n].uses])
def test_uses_names_all_that_a_rule_reads(name: str):
    """What is not in `uses` may be changed in place before backward: other numbers there, and the
    rule must give the same bits.
    """
    record = registry[name]
    operands, params = drawn(record)
    inputs = [as_tensor(x) for x in operands]
    ans = apply(record, *inputs, **params)
    g = as_tensor(np.random.default_rng(2).uniform(0.5, 1.5, ans.shape))
    for slot, reads in enumerate(record.uses):
        rule = record.rule(slot)
        if rule is None:
            continue
        before = rule(g, ans, *inputs, **params)
        for k in range(-1, len(inputs)):
            if k in reads:
                continue
            changed = [ans, *inputs]
            changed[k + 1] = _scrambled(changed[k + 1])
            after = rule(g, *changed, **params)
            if before is None:
                assert after is None
            else:
                assert after is not None
                np.testing.assert_array_equal(before.numpy(), after.numpy())


def _scrambled(x: Tensor) -> Tensor:
    """Other numbers in the same shape and type."""
    if x.dtype.kind == "f":
        return wrap(np.full(x.shape, np.nan, x.dtype))
    return wrap(np.zeros(x.shape, x.dtype) if x.data.any() else np.ones(x.shape, x.dtype))


def test_names_are_unique_and_the_error_says_so():
    from backlit.engine import primitive

    with pytest.raises(ValueError, match="'exp'"):
        primitive("exp", lambda x: x.data)


@pytest.mark.parametrize("name", [n for n in ALL if registry[n].view])
def test_views_share_memory_and_the_version(name: str):
    record = registry[name]
    operands, params = drawn(record)
    x = as_tensor(operands[0])
    out = apply(record, x, **params)
    assert np.shares_memory(out.data, x.data)
    assert out.cell is x.cell


@pytest.mark.parametrize("name", [n for n in COMPUTED if not registry[n].view and n not in DRAWS])
def test_what_is_not_a_view_is_fresh(name: str):
    """An op that said it computes and gave its operand's memory would change under an update."""
    record = registry[name]
    operands, params = drawn(record)
    inputs = [as_tensor(x) for x in operands]
    out = apply(record, *inputs, **params)
    assert not any(np.shares_memory(out.data, x.data) for x in inputs)


def test_float32_and_float64_are_two_kernels():
    """The types tested above are the two there are."""
    assert {apply(registry["exp"], tensor(1.0, dtype=d)).dtype for d in (F32, F64)} == {F32, F64}
