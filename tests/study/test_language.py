"""The small language: it computes what Python computes, and what is outside is named with its
column. Nothing is evaluated.
"""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backlit.engine import GraphError, gradients, registry
from backlit.study.expressions import build
from backlit.study.language import (
    WORDS,
    Call,
    LanguageError,
    Name,
    Number,
    functions,
    parse,
    variables,
)

AT = {"x": 0.7, "y": -1.3, "w": 2.5}
PYTHON = {
    "abs": math.fabs,  # which takes no complex number
    "cos": math.cos,
    "exp": math.exp,
    "log": math.log,
    "max": max,
    "min": min,
    "relu": lambda x: max(x, 0.0),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "sin": math.sin,
    "softplus": lambda x: math.log1p(math.exp(x)),
    "sqrt": math.sqrt,
    "square": lambda x: x * x,
    "tanh": math.tanh,
}


@st.composite
def texts(draw: st.DrawFn, depth: int = 3) -> str:
    """An expression that is Python too, finite at AT; written with and without brackets."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(["x", "y", "w", "2", "0.5", "1e-1", "3."]))
    kind = draw(st.sampled_from(["+", "-", "*", "/", "**", "neg", "()", "call", "call2"]))
    first = draw(texts(depth=depth - 1))
    if kind == "neg":
        return f"-{first}"
    if kind == "()":
        return f"( {first} )"
    if kind == "call":
        return f"{draw(st.sampled_from(['tanh', 'sigmoid', 'abs', 'relu', 'softplus']))}({first})"
    second = draw(texts(depth=depth - 1))
    if kind == "call2":
        return f"{draw(st.sampled_from(['max', 'min']))}({first}, {second})"
    return draw(st.sampled_from(["{}{}{}", "{} {} {}"])).format(first, kind, second)


@settings(max_examples=200, deadline=None)
@given(texts())
def test_it_computes_what_python_computes(text: str):
    """Python's own parser, used here as the oracle, binds and groups in the same way."""
    try:
        expected = float(eval(text, {"__builtins__": {}}, {**PYTHON, **AT}))
    except (ZeroDivisionError, OverflowError, TypeError):  # the last: a complex number
        return
    tree = parse(text)
    if isinstance(tree, Name) or not variables(tree):
        return
    found = build(tree, {name: AT[name] for name in variables(tree)}).item()
    if math.isfinite(expected):
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("word", WORDS)
def test_functions_are_the_engines_records(word: str):
    """What the engine has is there and right; the rest is named as missing."""
    if WORDS[word] not in registry:
        with pytest.raises(LanguageError, match=f"column 1: '{word}' is no function"):
            parse(f"{word}(x)")
        return
    assert functions()[word] is registry[WORDS[word]]
    given_ = (0.7, 0.3)[: len(registry[WORDS[word]].local)]
    names = dict(zip("xy", given_, strict=False))
    found = build(parse(f"{word}({', '.join(names)})"), names)
    assert found.item() == pytest.approx(PYTHON[word](*given_), rel=1e-12)


def test_powers_and_signs_bind_as_in_python():
    assert build(parse("-x**2"), {"x": 3}).item() == -9
    assert build(parse("2**3**x"), {"x": 2}).item() == 512
    assert build(parse("2**-x"), {"x": 2}).item() == 0.25
    assert build(parse("x - 1 - 1"), {"x": 3}).item() == 1
    assert build(parse("x / 2 / 2"), {"x": 8}).item() == 2
    assert parse("-2") == Number(-2.0)
    assert build(parse("max(x, -y)*-1"), {"x": 1, "y": 2}).item() == -1


def test_a_name_is_one_leaf_however_often_it_stands():
    loss = build(parse("x*x + x"), {"x": 3})
    (x,) = {loss.inputs[1], *loss.inputs[0].inputs}
    (dx,) = gradients(loss, x)
    assert dx is not None
    assert dx.item() == 7
    assert x.name == "x"
    assert x.dtype == "float64"


def test_long_sums_do_not_recurse():
    assert build(parse("+".join(["x"] * 1900)), {"x": 1}).item() == 1900
    deep = "(" * 50 + "x" + ")" * 50 + "*2"
    assert build(parse(deep), {"x": 2}).item() == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the expression is empty"),
        (" \n ", "the expression is empty"),
        ("x +", "column 4: the expression ends where a number, a name or a bracket is wanted"),
        ("(x", "column 1: the bracket is never closed"),
        ("tanh(x", "column 1: the bracket of tanh is never closed"),
        ("max(x, (y", "column 8: the bracket is never closed"),
        ("x)", r"column 2: '\)' stands where the expression could end; no bracket is open"),
        ("x y", r"column 3: 'y' stands where .* a product is written with \*"),
        ("2x", r"column 2: 'x' stands where .* a product is written with \*"),
        ("x(y)", "column 1: 'x' is no function of the language"),
        ("x^2", r"column 2: '\^' is not in the language; a power is \*\*"),
        ("x = 2", "column 3: '=' is not in the language; values are given apart"),
        ("tahn(x)", "column 1: 'tahn' is no function of the language; did you mean tanh?"),
        ("tanh", r"column 1: tanh is a function; write tanh\(x\)"),
        ("tanh()", r"column 6: '\)' stands where a number, a name or a bracket is wanted"),
        ("tanh(x, y)", "column 1: tanh takes one operand, here are 2"),
        ("max(x)", "column 1: max takes 2 operands, here are 1"),
        ("x, y", "column 2: ',' stands where the expression could end"),
        ("*x", r"column 1: '\*' stands where"),
        ("x***y", r"column 4: '\*' stands where"),
        ("x//y", "column 3: '/' stands where"),
        ("x.real", "column 2: '.' is not in the language"),
        ("x[0]", r"column 2: '\[' is not in the language"),
        ("x @ y", "column 3: '@' is not in the language"),
        ("x if x else y", "column 3: 'if' stands where"),
        ("lambda: x", "column 7: ':' is not in the language"),
        ("__import__('os').system('true')", 'column 12: "\'" is not in the language'),
        ("x;y", "column 2: ';' is not in the language; one expression"),
        ("x−1", "column 2: '−' is not in the language; write the minus sign of the keyboard"),
        ("ｘ", "column 1: 'ｘ' is not in the language"),
        ("x\x1b[31m", r"column 2: '\\x1b' is not in the language"),
        ("x\ud800", r"column 2: '\\ud800' is not in the language"),
        ("1e999*x", "column 1: '1e999' is too large"),
        ("1..2", r"column 3: '\.2' stands where"),
        ("(" * 100 + "x" + ")" * 100, "column 61: nested deeper than 60 levels"),
        ("-" * 100 + "x", "column 61: nested deeper than 60 levels"),
        ("2**" * 100 + "x", "nested deeper than 60 levels"),
        ("x" * 5000, "the expression has 5,000 characters, more than 4,000"),
    ],
)
def test_what_is_outside_is_named_with_its_column(text: str, message: str):
    with pytest.raises(LanguageError, match=message) as caught:
        parse(text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("x*y", {"x": 1}, "column 3: 'y' has no value; give one, as y=0.5"),
        ("x*2", {"x": 1, "z": 2}, "'z' is not in the expression; its names are x"),
        ("2*3", {}, "no name is in the expression"),
        ("x", {"x": 1}, r"nothing is computed in 'x'; write x\*2"),
        ("x*2", {"x": math.nan}, "'x' is given nan, which is not a finite number"),
        ("x*2", {"x": "1"}, "'x' is given '1'"),
        ("x*2", {"x": None}, "'x' is given None"),
        ("x*2", {"x": 10**400}, "which is not a finite number"),
    ],
)
def test_values_are_checked(text: str, values: dict[str, float], message: str):
    with pytest.raises(LanguageError, match=message):
        build(parse(text), values)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="xy01.+-*/() ,=^tanhmexe\n\x00'é", max_size=30))
def test_any_text_gives_a_tree_or_a_language_error(text: str):
    try:
        tree = parse(text)
    except LanguageError as error:
        said = str(error)
    else:
        assert isinstance(tree, (Call, Name, Number))
        return
    assert said.isprintable()


def test_only_text_is_parsed():
    with pytest.raises(TypeError, match="an expression is text, not int"):
        parse(3)  # type: ignore[arg-type]
    assert issubclass(LanguageError, ValueError)
    assert not issubclass(LanguageError, GraphError)
