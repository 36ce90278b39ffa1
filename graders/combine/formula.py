"""Formulas: `calculate_output` of a multi grader, over the scores of its parts.

Numbers, names, `+ - * / ^`, signs, parentheses and eight functions: min and max of any number of
values; abs, floor, ceil, exp, sqrt and log (natural) of one. `^` is a power: it binds tighter than
a sign and groups to the right, so -2^2 is -4 and 2^3^2 is 512. Everything else is refused with
its column when the grader is defined. A result that is not a finite number is no verdict.

A formula is read for an arithmetic: that of numbers computes scores, that of spans the range in
which they lie.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from graders.combine import spans
from graders.ungraded import Kind, Ungraded

Scores = Mapping[str, float]
Range = tuple[float, float]
# What a node computes with is a float or a Span, by the arithmetic it was read for.
_Node = Callable[[Mapping[str, Any]], Any]
_Step = tuple[Callable[[Any, Any], Any], _Node]

_DIGITS = tuple("0123456789")
_MAX_LENGTH = 10_000
_MAX_DEPTH = 50
_NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_TOKEN = re.compile(rf"\s*(?:({_NUMBER})|([^\W\d]\w*)|(.))")
_BINDS = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 4}
_SIGN_BINDS = 3


class _Arithmetic(NamedTuple):
    """What the signs and functions of a formula do."""

    number: Callable[[float], Any]
    negated: Callable[[Any], Any]
    infix: Mapping[str, Callable[[Any, Any], Any]]
    many: Mapping[str, Callable[..., Any]]
    one: Mapping[str, Callable[[Any], Any]]


def _divide(left: float, right: float) -> float:
    return left / right


def _floor(value: float) -> float:
    return float(math.floor(value))


def _ceil(value: float) -> float:
    return float(math.ceil(value))


_NUMBERS = _Arithmetic(
    number=float,
    negated=operator.neg,
    infix={
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": _divide,
        "^": math.pow,
    },
    many={"min": min, "max": max},
    one={
        "abs": abs,
        "floor": _floor,
        "ceil": _ceil,
        "exp": math.exp,
        "sqrt": math.sqrt,
        "log": math.log,
    },
)
_SPANS = _Arithmetic(
    number=spans.Span.number,
    negated=spans.Span.negated,
    infix={
        "+": spans.add,
        "-": spans.subtract,
        "*": spans.multiply,
        "/": spans.divide,
        "^": spans.power,
    },
    many={"min": spans.smallest, "max": spans.largest},
    one={
        "abs": spans.absolute,
        "floor": spans.rising(_floor),
        "ceil": spans.rising(_ceil),
        "exp": spans.rising(math.exp),
        "sqrt": spans.rising(math.sqrt, 0.0),
        "log": spans.logarithm,
    },
)


class BadFormula(ValueError):
    """The formula cannot be read. Found when a grader is defined, before anything is graded."""


class Formula:
    """A formula that was read once and is computed many times."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        self.text = text
        self._names = names
        self._compute = _Parser(text, names, _NUMBERS).parse()

    def __call__(self, scores: Scores) -> float:
        """The value over these scores. Raises Ungraded when it is not a finite number."""
        try:
            value = self._compute(scores)
        except (ArithmeticError, ValueError) as error:
            raise self._no_value(scores, str(error)) from None
        if not math.isfinite(value):
            raise self._no_value(scores, f"it is {value}")
        return float(value)

    def range_over(self, ranges: Mapping[str, Range]) -> Range | None:
        """Between which values it lies when each name lies within its range; None for no bounds."""
        compute = _Parser(self.text, self._names, _SPANS).parse()
        try:
            low, high = compute({name: spans.Span(*range_) for name, range_ in ranges.items()})
        except (ArithmeticError, ValueError):
            return None
        return (low, high) if math.isfinite(low) and math.isfinite(high) else None

    def _no_value(self, scores: Scores, why: str) -> Ungraded:
        return Ungraded(Kind.OTHER, f"{self.text!r} has no value over {dict(scores)}: {why}")


class _Parser:
    """Precedence climbing, one function a level of the grammar."""

    def __init__(self, text: str, names: Collection[str], arithmetic: _Arithmetic) -> None:
        if len(text) > _MAX_LENGTH:
            raise BadFormula(
                f"column {_MAX_LENGTH + 1}: the formula has {len(text)} characters, and at most"
                f" {_MAX_LENGTH} are read"
            )
        self.text = text
        self.names = names
        self.arithmetic = arithmetic
        self.depth = 0
        self.at = 0
        self.column = 0
        self.token = ""
        self._next()

    def parse(self) -> _Node:
        node = self._expression(0)
        if self.token:
            raise self._refused("wanted an operator or the end")
        return node

    def _expression(self, minimum: int) -> _Node:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self._refused(f"it is nested more than {_MAX_DEPTH} deep")
        first, rest = self._operand(), list[_Step]()
        while _BINDS.get(self.token, 0) > minimum:
            sign = self.token
            self._next()
            # A power groups to the right: its right side may hold another power.
            right = self._expression(_BINDS[sign] - (sign == "^"))
            rest.append((self.arithmetic.infix[sign], right))
        self.depth -= 1
        return _chain(first, rest)

    def _operand(self) -> _Node:
        token = self.token
        if token in ("+", "-"):
            self._next()
            node = self._expression(_SIGN_BINDS)
            return node if token == "+" else _one(self.arithmetic.negated, node)
        if token == "(":
            return self._between_parentheses()[0]
        if token[:1] in _DIGITS or (token[:1] == "." and len(token) > 1):
            return self._number()
        if token.isidentifier():
            return self._name()
        raise self._refused("wanted a number, a name or '('")

    def _number(self) -> _Node:
        value = float(self.token)
        if not math.isfinite(value):
            raise self._refused("the number is too large")
        self._next()
        number = self.arithmetic.number(value)
        return lambda scores: number

    def _name(self) -> _Node:
        name, column = self.token, self.column
        many, one = self.arithmetic.many, self.arithmetic.one
        is_call = self.text[self.at :].lstrip()[:1] == "("
        if is_call and (name in many or name in one):
            self._next()
            arguments = self._between_parentheses(many=name in many)
            return _call(many[name], arguments) if name in many else _one(one[name], arguments[0])
        if name not in self.names or is_call:
            have = f"have {', '.join(sorted(self.names))}"
            wanted = f"functions {', '.join([*many, *one])}" if is_call else have
            raise BadFormula(f"column {column}: unknown name {name!r} in {self.text!r}; {wanted}")
        self._next()
        return lambda scores: scores[name]

    def _between_parentheses(self, many: bool = False) -> list[_Node]:
        self._next()
        nodes = [self._expression(0)]
        while many and self.token == ",":
            self._next()
            nodes.append(self._expression(0))
        if self.token != ")":
            raise self._refused("wanted ',' or ')'" if many else "wanted ')'")
        self._next()
        return nodes

    def _next(self) -> None:
        match = _TOKEN.match(self.text, self.at)
        if match is None:
            self.token, self.at = "", len(self.text)
            self.column = self.at + 1
            return
        self.token = match[match.lastindex or 0]
        self.column = match.start(match.lastindex or 0) + 1
        self.at = match.end()

    def _refused(self, wanted: str) -> BadFormula:
        came = repr(self.token) if self.token else "the end"
        return BadFormula(f"column {self.column}: {came} came in {self.text[:200]!r}; {wanted}")


def _chain(first: _Node, rest: list[_Step]) -> _Node:
    """Apply the steps from left to right: a loop, so that a long sum does not nest."""
    if not rest:
        return first
    if len(rest) == 1:
        apply, right = rest[0]
        return lambda scores: apply(first(scores), right(scores))

    def compute(scores: Mapping[str, Any]) -> Any:
        value = first(scores)
        for apply, right in rest:
            value = apply(value, right(scores))
        return value

    return compute


def _call(function: Callable[..., Any], nodes: list[_Node]) -> _Node:
    if len(nodes) == 1:
        return nodes[0]
    return lambda scores: function(*[node(scores) for node in nodes])


def _one(function: Callable[[Any], Any], node: _Node) -> _Node:
    return lambda scores: function(node(scores))
