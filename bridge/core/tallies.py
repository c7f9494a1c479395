"""Rules that fire when something has happened so often: `after: {count: 5, within: 30d}`.

Without `within` the count only grows, and is reached once. With it the count also falls: it stands at or
above the number for a stretch of time, then below it, and each stretch fires once. A late event is counted
where it belongs, and fires if it makes a stretch where there was none.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from bridge.core.claims import values_of
from bridge.core.durations import lasting
from bridge.core.events import Event, Facts
from bridge.core.formers import kept_under
from bridge.core.identity import tally_key
from bridge.core.rules import After, Rule

LATEST = timedelta(days=30)
"""How much longer than twice `within` it is remembered what was counted: events arrive days late."""
EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
"""What claims to have happened before is counted from here, so that spans can be taken from every time."""
FOR_EVER = datetime.max.replace(tzinfo=UTC)


class Mark(Struct, frozen=True):
    """An event that counts: when it happened, which it is, and the value that `distinct` counts.

    `entry` and `index` name the event. `began` is when the stretch began for which it fired, if it did.
    """

    at: datetime
    entry: int
    index: int
    value: bytes | None = None
    began: datetime | None = None

    @property
    def counted(self) -> Hashable:
        """What it adds to a count, where that is not there yet."""
        return (self.entry, self.index) if self.value is None else self.value


class Tally(Struct, frozen=True):
    """A mark for a rule's count, and the key of all that it is counted with."""

    rule: str
    key: bytes
    mark: Mark
    after: After


class Uncountable(Struct, frozen=True):
    """A value that `after` needs and the event does not have, so that it is not counted."""

    path: str

    @property
    def why(self) -> str:
        """The reason, as a sentence."""
        return f"after needs '{self.path}', which this event does not have"


class Counted(Struct, frozen=True):
    """What a count has come to with an event: the number as of when it happened, and whether that fires."""

    after: After
    number: int
    fires: bool
    forgotten: bool = False

    @property
    def why(self) -> str:
        """Why it does not fire, as a sentence."""
        after = self.after
        span = f" within {lasting(after.within)}" if after.within else ""
        if self.forgotten:
            return f"after: what was counted{span} with this event is no longer known"
        if self.number >= after.count:
            again = f"; again when it was fewer than {after.count}{span}" if after.within else ""
            return f"after: {after.count} were counted by another event{again}"
        different = f" different values of {after.distinct}" if after.distinct else ""
        return f"after: {self.number} of {after.count}{different}{span}"


def tally_of(
    secret: bytes, rule: Rule, event: Event, facts: Facts, received_at: datetime, entry: int, index: int
) -> Tally | Uncountable | None:
    """Return what an event adds to a rule's count; None without an `after:`. `secret` is the store's.

    `entry` and `index` name the event. One that claims to be from the future counts from when it was
    received.
    """
    after = rule.after
    if after is None:
        return None
    by, values = values_of(after.by, facts), values_of((after.distinct,) if after.distinct else (), facts)
    if isinstance(by, str) or isinstance(values, str):
        return Uncountable(by if isinstance(by, str) else str(values))
    # What is only shown is counted apart, so that a rule that goes live starts anew.
    kept = kept_under(rule.name, rule.was)
    name = f"(shadow) {kept}" if any(action.shadow for action in rule.actions) else kept
    key = tally_key(secret, name, (*after.by, "", after.distinct or "", *by))
    value = tally_key(secret, name, values) if after.distinct else None
    at = max(min(event.occurred_at, received_at), EARLIEST)
    return Tally(rule.name, key, Mark(at, entry, index, value), after)


def began(known: Sequence[Mark], new: Mark, after: After) -> datetime | None:
    """Return when the stretch begins that a new mark makes where there was none; None if it makes none.

    `known` are the marks around it, as far away as `within` reaches both ways; of very many, those nearest.
    """
    if all(mark.at <= new.at and mark.began is None for mark in known):
        return new.at if _gets_there(known, new, after) else None
    before = stretches(known, after.count, after.within)
    fired = [mark.began for mark in known if mark.began is not None]
    for start, end in stretches((*known, new), after.count, after.within):
        is_old = any(other[0] <= end and start <= other[1] for other in before)
        if not is_old and not any(start <= moment <= end for moment in fired):
            return start
    return None


def _gets_there(known: Sequence[Mark], new: Mark, after: After) -> bool:
    """Return whether the newest mark takes the count from below to its number: what most events ask."""
    if number_at((*known, new), new.at, after.within) < after.count:
        return False
    earliest = new.at - after.within if after.within else EARLIEST
    just_before = {mark.counted for mark in known if earliest <= mark.at < new.at}
    return max(len(just_before), number_at(known, new.at, after.within)) < after.count


def stretches(marks: Sequence[Mark], count: int, within: timedelta | None) -> list[tuple[datetime, datetime]]:
    """Return from when to when so many are counted, of which the ends do not count; in order."""
    changes: Counter[datetime] = Counter()
    for start, end in _presences(marks, within):
        changes[start] += 1
        changes[end] -= 1
    found: list[tuple[datetime, datetime]] = []
    level, since = 0, None
    for moment in sorted(changes):
        level += changes[moment]
        if since is None and level >= count:
            since = moment
        elif since is not None and level < count:
            found.append((since, moment))
            since = None
    return found


def number_at(marks: Sequence[Mark], at: datetime, within: timedelta | None) -> int:
    """Return how many are counted at a time."""
    since = at - within if within else EARLIEST - timedelta(days=1)
    return len({mark.counted for mark in marks if since < mark.at <= at})


def adds_nothing(known: Sequence[Mark], new: Mark, within: timedelta | None) -> bool:
    """Return whether a value is counted all the time, from a mark before to one after, for which it would be.

    Such a mark need not be kept, so that a value that comes all day long leaves few rows.
    """
    if new.value is None:
        return False
    same = [mark.at for mark in known if mark.value == new.value]
    if within is None:
        return bool(same)
    before = max((at for at in same if at <= new.at), default=None)
    behind = min((at for at in same if at >= new.at), default=None)
    return before is not None and behind is not None and behind - before <= within


def needless(known: Sequence[Mark], new: Mark, within: timedelta | None) -> list[Mark]:
    """Return the marks that add nothing any more beside a new one; those that fired are kept."""
    if new.value is None or within is None:
        return []
    same = [mark for mark in known if mark.value == new.value]
    left, found = [*same, new], []
    for mark in _neighbours(same, new):
        others = [other for other in left if other != mark]
        if mark.began is None and adds_nothing(others, mark, within):
            left = others  # one may be what makes the other needless
            found.append(mark)
    return found


def _neighbours(same: Sequence[Mark], new: Mark) -> list[Mark]:
    before = max((mark for mark in same if mark.at <= new.at), key=lambda mark: mark.at, default=None)
    behind = min((mark for mark in same if mark.at > new.at), key=lambda mark: mark.at, default=None)
    return [mark for mark in (before, behind) if mark is not None]


def _presences(marks: Sequence[Mark], within: timedelta | None) -> Iterator[tuple[datetime, datetime]]:
    """Yield from when to when each value is counted."""
    times: dict[Hashable, list[datetime]] = defaultdict(list)
    for mark in marks:
        times[mark.counted].append(mark.at)
    for each in times.values():
        start, end = None, EARLIEST
        for at in sorted(each):
            if start is None or at > end:
                if start is not None:
                    yield start, end
                start = at
            end = at + within if within else FOR_EVER
        if start is not None:
            yield start, end
