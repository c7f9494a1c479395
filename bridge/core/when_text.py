"""A compiled `when:` as the data it was compiled from: compiling that again gives the same condition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bridge.core.conditions import AllOf, AnyOf, At, Condition, Each, Exists, Not, SomeValue, Test
from bridge.core.value_tests import Between, Compares, Either, Equals, IsNull, Matches, Text, ValueTest


def when_of(condition: Condition) -> dict[str, object] | None:
    """Return what stands under `when:`, None for nothing."""
    if isinstance(condition, AllOf) and not condition.parts:
        return None
    return _mapping(condition)


def _mapping(condition: Condition) -> dict[str, object]:
    parts = condition.parts if isinstance(condition, AllOf) else (condition,)
    lines = [_line(part) for part in parts]
    together = {key: value for key, value in lines}  # noqa: C416 - as pairs, so that a key may come twice
    if len(together) == len(lines):
        return together
    return {"all": [{key: value} for key, value in lines]}


def _line(condition: Condition) -> tuple[str, object]:
    match condition:
        case At(path=path, test=test):
            return path.text, _test(test)
        case AnyOf(parts=parts):
            return "any", [_mapping(part) for part in parts]
        case AllOf(parts=parts):
            return "all", [_mapping(part) for part in parts]
        case _:
            raise TypeError(f"a {type(condition).__name__} is no condition that can be written")


def _test(test: Test) -> object:
    match test:
        case SomeValue(tests=(Equals(options=options),)):
            return options[0] if len(options) == 1 else list(options)
        case SomeValue(tests=tests):
            return _merged(_value_test(each) for each in tests)
        case Exists(expected=expected):
            return {"exists": expected}
        case Not(test=inner):
            return {"not": _test(inner)}
        case Each(tests=inners, needed=needed):
            return {needed: [_test(inner) for inner in inners]}
        case _:
            raise TypeError(f"a {type(test).__name__} is no test that can be written")


def _value_test(test: ValueTest) -> dict[str, object]:
    match test:
        case Text() | Matches():
            return _text(test, test.operand)
        case Either(tests=(Text() | Matches() as first, *_) as tests):
            return _text(first, [each.operand for each in tests if isinstance(each, Text | Matches)])
        case Compares(operator=operator, written=written):
            return {operator: written}
        case Between(low=low, high=high):
            return {"between": [low.written, high.written]}
        case IsNull(expected=expected):
            return {"null": expected}
        case _:
            raise TypeError(f"a {type(test).__name__} is no test that can be written")


def _text(test: Text | Matches, operand: object) -> dict[str, object]:
    if test.operator == "equals":
        return {"ignore_case": operand}
    return {"ignore_case": {test.operator: operand}} if test.folded else {test.operator: operand}


def _merged(tests: Iterable[Mapping[str, object]]) -> dict[str, object]:
    return {key: value for test in tests for key, value in test.items()}
