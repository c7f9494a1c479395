"""What a condition cannot do without: a test that any matching event passes, by which its rule is filed.

An anchor is necessary, mostly not sufficient: the index finds candidates by it, and the condition judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from msgspec import Struct

from bridge.core.conditions import AllOf, AnyOf, At, Condition, Each, SomeValue, Test
from bridge.core.paths import FactPath
from bridge.core.value_tests import Between, Compares, Either, Equals, Matches, Text, ValueTest
from bridge.core.values import may_spell_number, nfc, number

Key = str | tuple[str, object]
"""A value in the form in which equality is looked up: see `keys_of_value`. A text is its own."""


class OneOf(Struct, frozen=True):
    """The path holds a value with one of these keys."""

    path: FactPath
    keys: tuple[Key, ...]


class Begins(Struct, frozen=True):
    """The path holds a text that begins with one of these."""

    path: FactPath
    prefixes: tuple[str, ...]


class Ends(Struct, frozen=True):
    """The path holds a text that ends with one of these."""

    path: FactPath
    suffixes: tuple[str, ...]


class Within(Struct, frozen=True):
    """The path holds a number from `low` to `high`; None is open. Both ends count, the condition decides."""

    path: FactPath
    low: Decimal | None
    high: Decimal | None


Anchor = OneOf | Begins | Ends | Within
Choice = tuple[Anchor, ...]
"""Anchors of which a matching event meets at least one."""


def anchors_of(condition: Condition) -> list[Choice]:
    """Return the choices for filing a condition; with none it has to be tried on every event."""
    match condition:
        case AllOf(parts=parts):
            return [choice for part in parts for choice in anchors_of(part)]
        case AnyOf(parts=parts):
            return _alternatives([anchors_of(part) for part in parts])
        case At(path=path, test=test):
            return _of_test(path, test)
        case _:
            return []


def is_all(condition: Condition) -> bool:
    """Return whether the anchor of a condition is all of it: what meets it matches, and need not be tried.

    So it is of a single line with a value, or with several of which one is enough.
    """
    match condition:
        case AllOf(parts=(At(test=SomeValue(tests=(Equals(),))),)):
            return True
        case _:
            return False


def keys_of_option(option: object) -> Key:
    """Return the key under which a wanted value is filed; with `keys_of_value` it is what `same` means."""
    if option is None or isinstance(option, bool):
        return ("constant", option)
    if isinstance(option, str):
        return nfc(option)
    return ("number", number(option))


def keys_of_value(value: object) -> Sequence[Key]:
    """Return every key that a found value answers to: a number also answers to texts that spell it."""
    if isinstance(value, str):
        made = number(value) if may_spell_number(value) else None
        return (nfc(value),) if made is None else (nfc(value), ("number", made))
    if value is None or isinstance(value, bool):
        return (("constant", value),)
    made = number(value)
    return () if made is None else (("number", made), ("spelled", made))


def _of_test(path: FactPath, test: Test) -> list[Choice]:
    match test:
        case SomeValue(tests=tests):
            return [(anchor,) for one in tests if (anchor := _anchor(path, one)) is not None]
        case Each(tests=tests, needed="all"):
            return [choice for one in tests for choice in _of_test(path, one)]
        case Each(tests=tests):
            return _alternatives([_of_test(path, one) for one in tests])
        case _:
            return []


def _alternatives(parts: Sequence[list[Choice]]) -> list[Choice]:
    """Alternatives are filed under one choice of each, so every one must have a choice."""
    if not all(parts):
        return []
    return [tuple(anchor for choices in parts for anchor in choices[0])]


def _anchor(path: FactPath, test: ValueTest) -> Anchor | None:
    match test:
        case Equals(options=options):
            return OneOf(path, tuple(_filed(options)))
        case Text(operator="prefix", operand=operand, folded=False):
            return Begins(path, (operand,))
        case Text(operator="suffix", operand=operand, folded=False):
            return Ends(path, (operand,))
        case Matches(operator="glob", operand=operand, folded=False):
            return _glob_anchor(path, operand)
        case Compares(operator=operator, operand=Decimal() as bound):
            return Within(path, bound, None) if operator in ("gt", "gte") else Within(path, None, bound)
        case Between(low=Compares(operand=Decimal() as low), high=Compares(operand=Decimal() as high)):
            return Within(path, low, high)
        case Either(tests=tests):
            return _either_anchor(path, tests)
        case _:
            return None


def _filed(options: Iterable[object]) -> Iterator[Key]:
    for option in options:
        yield keys_of_option(option)
        if isinstance(option, str) and (made := number(option)) is not None:
            yield ("spelled", made)


def _glob_anchor(path: FactPath, glob: str) -> Anchor | None:
    """Return the literal beginning of a glob, or its literal end."""
    first = min((glob.find(char) for char in "*?[" if char in glob), default=len(glob))
    if first == len(glob):
        return OneOf(path, tuple(_filed([glob])))
    if first:
        return Begins(path, (glob[:first],))
    last = max(glob.rfind(char) for char in "*?]")
    return Ends(path, (glob[last + 1 :],)) if last + 1 < len(glob) else None


def _either_anchor(path: FactPath, tests: Sequence[ValueTest]) -> Anchor | None:
    anchors = [_anchor(path, test) for test in tests]
    begins = [anchor.prefixes for anchor in anchors if isinstance(anchor, Begins)]
    if len(begins) == len(anchors):
        return Begins(path, tuple(prefix for prefixes in begins for prefix in prefixes))
    ends = [anchor.suffixes for anchor in anchors if isinstance(anchor, Ends)]
    if len(ends) == len(anchors):
        return Ends(path, tuple(suffix for suffixes in ends for suffix in suffixes))
    return None
