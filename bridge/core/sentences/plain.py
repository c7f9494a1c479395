"""Brings a condition into a plain form that can be told: a `not` stands before one line's tests alone.

The plain form holds on exactly the same events.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.core.conditions import AllOf, AnyOf, At, Condition, Each, Exists, Not, SomeValue, Test
from bridge.core.paths import FactPath

PRESENT, ABSENT = Exists(expected=True), Exists(expected=False)


def plain(condition: Condition) -> Condition:
    """Return `AllOf`, `AnyOf` and lines with `SomeValue`, a `Not` of one, or `Exists`; nothing else."""
    match condition:
        case AllOf(parts):
            return _all(map(plain, parts))
        case AnyOf(parts):
            return _any(map(plain, parts))
        case At(path, test):
            return _tested(path, test)
        case _:
            raise TypeError(f"{type(condition).__name__} is no condition that can be told")


def _tested(path: FactPath, test: Test) -> Condition:
    match test:
        case Not(inner):
            return _denied(path, inner)
        case Each(tests, "all"):
            return _all(_tested(path, each) for each in tests)
        case Each(tests):
            return _any(_tested(path, each) for each in tests)
        case _:
            return At(path, test)


def _denied(path: FactPath, test: Test) -> Condition:
    """Return what holds where the path leads somewhere and the test fails."""
    match test:
        case SomeValue():
            return At(path, Not(test))
        case Exists(expected):
            return _all((At(path, PRESENT), At(path, Exists(not expected))))
        case Not(inner):
            return _all((At(path, PRESENT), _tested(path, inner)))
        case Each(tests, "all"):
            can_fail = [each for each in tests if each != PRESENT]  # for the path does lead somewhere
            return _any(_denied(path, each) for each in can_fail or tests)
        case Each(tests):
            return _all(_denied(path, each) for each in tests)
        case _:
            raise TypeError(f"{type(test).__name__} is no test that can be told")


def _all(parts: Iterable[Condition]) -> Condition:
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, AllOf) else (part,))]
    kept = [part for place, part in enumerate(flat) if not _is_implied(part, flat[:place], flat[place + 1 :])]
    return kept[0] if len(kept) == 1 else AllOf(tuple(kept))


def _any(parts: Iterable[Condition]) -> Condition:
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, AnyOf) else (part,))]
    return flat[0] if len(flat) == 1 else AnyOf(tuple(flat))


def _is_implied(part: Condition, before: list[Condition], after: list[Condition]) -> bool:
    """Return whether a line only says that something is there, as a line beside it says too."""
    if not isinstance(part, At) or part.test != PRESENT:
        return False
    others = [each.test for each in (*before, *after) if isinstance(each, At) and each.path == part.path]
    return part in before or any(not isinstance(test, Exists) for test in others)
