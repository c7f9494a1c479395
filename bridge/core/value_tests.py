"""The tests of a single value, one class per kind of operator; `core/operators.py` makes them from YAML."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, Literal, Protocol

from msgspec import Struct

from bridge.core.values import fold, moment, number, same, text_of

Ordering = Literal["lt", "lte", "gt", "gte"]
_COMPARE: Mapping[Ordering, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}


class ValueTest(Protocol):
    """A test of one value."""

    @property
    def wanted(self) -> str:
        """What it asks for, in plain words."""
        ...

    def holds(self, value: object) -> bool:
        """Return whether the value passes; a value of the wrong type does not."""
        ...


class Pattern(Protocol):
    """A compiled pattern, of `re` or of RE2."""

    def search(self, text: str, /) -> object:
        """Return a match, or None."""
        ...


class Equals(Struct, frozen=True):
    """Equal to any of the options."""

    options: tuple[object, ...]

    @property
    def wanted(self) -> str:
        """The value, or the values joined by `or`."""
        return " or ".join(written(option) or "an empty text" for option in self.options)

    def holds(self, value: object) -> bool:
        """Return whether the value equals an option."""
        for option in self.options:  # noqa: SIM110  # a generator would double the cost of the commonest test
            if same(value, option):
                return True
        return False


class Text(Struct, frozen=True):
    """A text operator with its operand; `folded` compares without case and accents, and folds the operand."""

    operator: Literal["prefix", "suffix", "contains", "equals"]
    operand: str
    folded: bool = False

    @property
    def wanted(self) -> str:
        """The operator and its operand."""
        words = {"prefix": "starting with", "suffix": "ending with", "contains": "containing"}
        word = words.get(self.operator, "like")
        return f"{word} {self.operand}" + (" (any case)" if self.folded else "")

    def holds(self, value: object) -> bool:
        """Return whether the text of the value passes."""
        text = text_of(value)
        if text is None:
            return False
        operand = self.operand
        if self.folded:
            text, operand = fold(text), fold(operand)
        match self.operator:
            case "prefix":
                return text.startswith(operand)
            case "suffix":
                return text.endswith(operand)
            case "contains":
                return operand in text
            case "equals":
                return text == operand


class Matches(Struct, frozen=True):
    """A glob or a regular expression."""

    operator: Literal["glob", "regex"]
    operand: str
    pattern: Pattern
    folded: bool = False

    @property
    def wanted(self) -> str:
        """The operator and its operand."""
        return f"{self.operator} {self.operand}" + (" (any case)" if self.folded else "")

    def holds(self, value: object) -> bool:
        """Return whether the pattern is found; a glob covers the whole text."""
        text = text_of(value)
        return text is not None and self.pattern.search(fold(text) if self.folded else text) is not None


class Compares(Struct, frozen=True):
    """Less or greater than a number or, with a `zone`, than a time; dates in events begin in that zone."""

    operator: Ordering
    operand: Decimal | datetime
    written: str
    zone: tzinfo | None = None

    @property
    def wanted(self) -> str:
        """The comparison in words."""
        words = {"lt": "less than", "lte": "at most", "gt": "more than", "gte": "at least"}
        return f"{words[self.operator]} {self.written}"

    def holds(self, value: object) -> bool:
        """Return whether the value compares; what is not of the operand's kind does not."""
        found = number(value) if self.zone is None else moment(value, self.zone)
        return found is not None and _COMPARE[self.operator](found, self.operand)


class Between(Struct, frozen=True):
    """Within two bounds, both included."""

    low: Compares
    high: Compares

    @property
    def wanted(self) -> str:
        """The bounds."""
        return f"from {self.low.written} to {self.high.written}"

    def holds(self, value: object) -> bool:
        """Return whether the value lies within the bounds."""
        return self.low.holds(value) and self.high.holds(value)


class IsNull(Struct, frozen=True):
    """Null, or anything but null."""

    expected: bool

    @property
    def wanted(self) -> str:
        """`null` or `not null`."""
        return "null" if self.expected else "not null"

    def holds(self, value: object) -> bool:
        """Return whether the value is as expected."""
        return (value is None) is self.expected


class Either(Struct, frozen=True):
    """Any of several tests."""

    tests: tuple[ValueTest, ...]

    @property
    def wanted(self) -> str:
        """The tests joined by `or`."""
        return " or ".join(test.wanted for test in self.tests)

    def holds(self, value: object) -> bool:
        """Return whether some test passes."""
        return any(test.holds(value) for test in self.tests)


def written(value: object) -> str:
    """Return a single value as YAML writes it, without quotes."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
