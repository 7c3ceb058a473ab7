"""The ops of a page's what-if as JavaScript, read off the engine's records: the kernel's body for
forward, and what the rule of each operand computes when it runs. Nothing is written twice.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from ..engine import Primitive, Tensor, no_grad, registry, tensor
from ..engine.kernels.elementwise import Elementwise
from ..engine.programs.recorder import listening
from ..engine.tensors import F64
from .language import OPERATORS, WORDS
from .model import Graph
from .sources import Tracer

KNOWN = frozenset((*WORDS.values(), *OPERATORS.values(), "neg"))
"""The ops of the small language: graphs of these, in single numbers, can be computed on a page."""

MATH = {"exp": "Math.exp", "log": "Math.log", "log1p": "Math.log1p", "tanh": "Math.tanh",
        "sqrt": "Math.sqrt", "abs": "Math.abs", "sin": "Math.sin", "cos": "Math.cos"}  # fmt: skip
IDENTITY = ("F", "uint8", "flushed")  # types, and what becomes of subnormal numbers
POWER = "((x, y) => x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y)"  # IEEE's
SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.And: "&&", ast.Or: "||",
         ast.Lt: "<", ast.Gt: ">", ast.LtE: "<=", ast.GtE: ">=", ast.Eq: "===", ast.NotEq: "!==",
         ast.USub: "-", ast.Not: "!"}  # fmt: skip


def can_compute(graph: Graph) -> bool:
    """Whether a page of this graph can say what other numbers would give: single numbers, ops of
    the small language, nothing added to gradients from before, and steps that are lr x gradient.

    >>> import backlit as bl
    >>> x = bl.tensor(2.0, requires_grad=True)
    >>> can_compute(bl.draw(x.tanh() * x).graph), can_compute(bl.draw((x + bl.ones(2)).sum()).graph)
    (True, False)
    """
    return (
        not graph.freed
        and all(
            node.value.shape == ()
            and node.value.dtype in ("float32", "float64")
            and (node.is_leaf or node.op in KNOWN)
            for node in graph.nodes
        )
        and not any("prior" in step.numbers for step in graph.steps)
        and all("plain" in step.numbers for step in graph.steps if step.kind == "update")
    )


def page_ops(graph: Graph) -> str:
    """`const ops = {…};` with the ops of the graph by name, each with `forward` and `rules`; null
    where `can_compute` says no.

    >>> import backlit as bl
    >>> x = bl.tensor(2.0, requires_grad=True)
    >>> print(page_ops(bl.draw(x * x).graph), end="")
    const ops = {
    mul: {
    forward: (x, y) => (x * y),
    rules: [
    (g, ans, x, y) => ops.mul.forward(g, y),
    (g, ans, x, y) => ops.mul.forward(g, x),
    ],
    },
    };
    """
    if not can_compute(graph):
        return "const ops = null;\n"
    wanted = {node.op: None for node in graph.nodes if not node.is_leaf}
    lines = []
    for name in _with_inner(wanted):
        lines.append(f"{name}: {_op(registry[name], name in wanted)},\n")
    return "const ops = {\n" + "".join(lines) + "};\n"


def _with_inner(wanted: dict[str, None]) -> Iterator[str]:
    """These ops, and those that their rules are made of."""
    yield from wanted
    yield from sorted({inner for op in wanted for inner in _rules(registry[op])[1]} - {*wanted})


def _op(record: Primitive, with_rules: bool) -> str:
    names = ", ".join("xyz"[: len(_kinds(record))])
    lines = ["{", f"forward: ({names}) => {_forward(record)},"]
    if with_rules:
        lines += ["rules: [", *(f"{rule}," for rule in _rules(record)[0]), "],"]
    return "\n".join([*lines, "}"])


def _kinds(record: Primitive) -> str:
    """The operands of an elementwise op, a letter each."""
    return _runner(record).kinds.partition("->")[0]


def _runner(record: Primitive) -> Elementwise:
    runner = getattr(record.forward, "__self__", None)
    assert isinstance(runner, Elementwise), record.name
    return runner


@cache
def _forward(record: Primitive) -> str:
    """The body of the op's kernel; its formula where the body only names what makes it."""
    lines = _runner(record).kernel.write("f64").splitlines()
    body = next(line.partition("out[i] = ")[2] for line in lines if "out[i] = " in line)
    if body == f"{record.name}(x)" and record.name not in MATH:
        body = record.formula
    return _spell(ast.parse(body, mode="eval").body)


def _spell(part: ast.expr) -> str:
    """A Python expression of single numbers in JavaScript."""
    match part:
        case ast.Name(id=name):
            return name.lower()
        case ast.Constant(value=value):
            return repr(value)
        case ast.IfExp(test=test, body=body, orelse=other):
            return f"({_spell(test)} ? {_spell(body)} : {_spell(other)})"
        case ast.BoolOp(op=sign, values=parts):
            return f"({f' {SIGNS[type(sign)]} '.join(map(_spell, parts))})"
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return f"({_spell(left)} {SIGNS[type(sign)]} {_spell(right)})"
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return f"{POWER}({_spell(left)}, {_spell(right)})"
        case ast.BinOp(left=left, op=sign, right=right):
            return f"({_spell(left)} {SIGNS[type(sign)]} {_spell(right)})"
        case ast.UnaryOp(op=sign, operand=operand):
            return f"({SIGNS[type(sign)]}{_spell(operand)})"
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[operand]):
            inner = _spell(operand)
            return inner if name in IDENTITY else f"{MATH[name]}({inner})"
    raise NotImplementedError(ast.unparse(part))


@cache
def _rules(record: Primitive) -> tuple[list[str], set[str]]:
    """The rule of each operand, and the ops that they are made of: the rules run once, and what
    passes the door becomes text."""
    used: set[str] = set()
    texts = []
    names = ["x", "y", "z"][: len(_kinds(record))]
    given = ", ".join(["g", "ans", *names])
    for slot in range(len(names)):
        rule = record.rule(slot)
        operands = {name: tensor(0.5, dtype=F64) for name in ("g", "ans", *names)}
        tracer = Tracer()
        with listening(tracer), no_grad():
            made = rule(*operands.values()) if rule else None
        text = "0" if made is None else _expression(made, operands, tracer, used)
        texts.append(f"({given}) => {text}")
    return texts, used


def _expression(made: Tensor, operands: dict[str, Tensor], tracer: Tracer, used: set[str]) -> str:
    """What a rule made, as calls of ops: a graph of a few ops, without shared parts to save."""
    for name, operand in operands.items():
        if made is operand:
            return name
    if made not in tracer.made_by:
        return repr(made.item())
    found = tracer.made_by[made]
    used.add(found.primitive.name)
    parts = [_expression(x, operands, tracer, used) for x in found.inputs]
    return f"ops.{found.primitive.name}.forward({', '.join(parts)})"
