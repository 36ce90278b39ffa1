"""Interval arithmetic: between which values a formula lies when its names lie within ranges.

Each name is taken to vary by itself, so the range of `a - a` is wider than its value: never too
narrow, which is what a bound needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple


class NoRange(ValueError):
    """The formula has no finite range, such as a division by something that may be 0."""


class Span(NamedTuple):
    """All numbers from `low` to `high`."""

    low: float
    high: float

    @classmethod
    def number(cls, value: float) -> Span:
        """One number."""
        return cls(value, value)

    def negated(self) -> Span:
        """With the sign turned."""
        return Span(-self.high, -self.low)


def add(one: Span, other: Span) -> Span:
    """one + other"""
    return Span(one.low + other.low, one.high + other.high)


def subtract(one: Span, other: Span) -> Span:
    """one - other"""
    return add(one, other.negated())


def multiply(one: Span, other: Span) -> Span:
    """one * other: the extremes lie at the ends."""
    return _at_the_ends(lambda x, y: x * y, one, other)


def divide(one: Span, other: Span) -> Span:
    """one / other"""
    if other.low <= 0 <= other.high:
        raise NoRange("it divides by something that may be 0")
    return _at_the_ends(lambda x, y: x / y, one, other)


def power(one: Span, other: Span) -> Span:
    """one ^ other, for a base that is not negative or a whole number as the exponent."""
    exponent = other.low if other.low == other.high else None
    if one.low < 0 and not (exponent is not None and exponent.is_integer()):
        raise NoRange("it raises something that may be negative to a power that may be broken")
    if one.low <= 0 <= one.high and other.low < 0:
        raise NoRange("it divides by something that may be 0")
    found = _at_the_ends(math.pow, one, other)
    passes_zero = one.low < 0 < one.high
    return Span(min(found.low, 0.0), found.high) if passes_zero else found


def smallest(*spans: Span) -> Span:
    """min of any number of values"""
    return Span(min(span.low for span in spans), min(span.high for span in spans))


def largest(*spans: Span) -> Span:
    """max of any number of values"""
    return Span(max(span.low for span in spans), max(span.high for span in spans))


def absolute(one: Span) -> Span:
    """abs of one value"""
    if one.low <= 0 <= one.high:
        return Span(0.0, max(-one.low, one.high))
    return Span(*sorted((abs(one.low), abs(one.high))))


def rising(function: Callable[[float], float], least: float = -math.inf) -> Callable[[Span], Span]:
    """A function that rises everywhere, and below `least` has no value: no verdict comes of it."""

    def of(one: Span) -> Span:
        if one.high < least:
            raise NoRange("it has no value at all")
        return Span(function(max(one.low, least)), function(one.high))

    return of


def logarithm(one: Span) -> Span:
    """log of one value; from 0 on down there is none, and close to 0 no lowest one."""
    if one.low <= 0:
        raise NoRange("it takes the logarithm of something that may be 0")
    return Span(math.log(one.low), math.log(one.high))


def _at_the_ends(function: Callable[[float, float], float], one: Span, other: Span) -> Span:
    found = [function(x, y) for x in one for y in other]
    return Span(min(found), max(found))
