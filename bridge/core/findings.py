"""What was found at each line of a rule: wanted, found, verdict, and how near it came.

A rule's own verdict and its place among the others are in `core/routing.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from bridge.core.conditions import AllOf, AnyOf, At, Condition
from bridge.core.events import Facts
from bridge.core.near import Near, distance, near_miss
from bridge.core.near_paths import path_end
from bridge.core.paths import FactPath, parse_path
from bridge.core.redact import HIDDEN, names_secret
from bridge.core.rules import Predicate, PredicateFailed

Values = tuple[object, ...] | None
"""What a path leads to; None when it leads nowhere."""


class Finding(Struct, frozen=True):
    """What one line wanted, what the event had there, the verdict, and what it nearly met if it failed."""

    path: str
    wanted: str
    found: Values
    matched: bool
    near: Near | None = None


class Alternatives(Struct, frozen=True):
    """The findings of each part of `any:`, and whether some part holds as a whole."""

    parts: tuple[tuple[Found, ...], ...]
    matched: bool


class Evaluated(Struct, frozen=True):
    """What an `if:` came to: true, false, or None with `failed` saying why; and the values it looked at."""

    source: str
    value: bool | None
    failed: str | None = None
    given: tuple[tuple[str, Values], ...] = field(default=())

    @property
    def matched(self) -> bool:
        """Whether it holds."""
        return self.value is True


Found = Finding | Alternatives | Evaluated


def findings_of(condition: Condition, facts: Facts, *, near: bool = True) -> tuple[Found, ...]:
    """Return what each line of a `when:` found, in the order they were written; how `near` costs most."""
    match condition:
        case AllOf(parts=parts):
            return tuple(found for part in parts for found in findings_of(part, facts, near=near))
        case AnyOf(parts=parts):
            inner = tuple(findings_of(part, facts, near=near) for part in parts)
            return (Alternatives(inner, any(all(each.matched for each in part) for part in inner)),)
        case At():
            return (_line(condition, facts, near=near),)
        case _:
            raise TypeError(f"a {type(condition).__name__} is no condition that can be explained")


def evaluate(predicate: Predicate, facts: Facts) -> Evaluated:
    """Return what an `if:` comes to."""
    given = tuple(dict(_given(path, facts) for path in predicate.paths).items())
    try:
        return Evaluated(predicate.source, predicate.holds(facts), None, given)
    except PredicateFailed as error:
        return Evaluated(predicate.source, None, str(error), given)


def sealed(found: Found, hide: Callable[[str], str]) -> Found:
    """Return a finding without what `hide` hides in the rule; of a line that holds such, nor what it met."""
    match found:
        case Alternatives(parts=parts):
            return replace(found, parts=tuple(tuple(sealed(each, hide) for each in part) for part in parts))
        case Evaluated():
            return sealed_if(found, hide)
        case Finding(wanted=wanted, found=values):
            told = hide(wanted)
            kept = None if values is None else (HIDDEN,) * len(values)
            return found if told == wanted else replace(found, wanted=told, found=kept, near=None)


def sealed_if(found: Evaluated, hide: Callable[[str], str]) -> Evaluated:
    """Return what an `if:` came to, its source without what `hide` hides; then its values are hidden too."""
    told = hide(found.source)
    return found if told == found.source else replace(found, source=told, given=())


def misses(findings: Iterable[Found]) -> int:
    """Return how many lines do not hold; an `any:` is one."""
    return sum(not each.matched for each in findings)


def farness(found: Found) -> float:
    """Return how far a line is from holding: 0 when it does, 1 when nothing is near.

    Of `any:`, that is how far its nearest part is.
    """
    if found.matched:
        return 0.0
    match found:
        case Finding(near=near):
            return distance(near)
        case Alternatives(parts=parts):
            return min((min(1.0, sum(map(farness, part))) for part in parts), default=1.0)
        case Evaluated():
            return 1.0


def _line(line: At, facts: Facts, *, near: bool) -> Finding:
    path, values = line.path.text, line.path.values(facts)
    matched = line.test.holds(values)
    missed = _near(line, values, facts) if near and not matched else None
    return Finding(path, line.test.wanted, _shown(path, values), matched, missed)


def _near(line: At, values: list[object] | None, facts: Facts) -> Near | None:
    if values is None:
        return path_end(line.path, facts, line.test.holds)
    return None if names_secret(line.path.text) else near_miss(line.test, values)


def _given(text: str, facts: Facts) -> tuple[str, Values]:
    """Return the name and the values of a path in an expression; `occurred_at.hour` is `occurred_at`."""
    path = parse_path(text)
    above = text.rpartition(".")[0]
    if not isinstance(path, FactPath):
        return _given(above, facts) if above else (text, None)
    return text, _shown(text, path.values(facts))


def _shown(path: str, values: list[object] | None) -> Values:
    """Return values to be shown; those at a path with a secret's name are not."""
    if values is None:
        return None
    return (HIDDEN,) * len(values) if names_secret(path) else tuple(values)
