"""When a count is reached: by when things happened, in whatever order they are told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.core.rules import After
from bridge.core.tallies import (
    Counted,
    Mark,
    adds_nothing,
    began,
    needless,
    number_at,
    stretches,
)
from bridge.store.tallies import PER_VALUE
from tests.support.clock import START

DAY = timedelta(days=1)
TEN = 10 * DAY
DAYS = st.integers(0, 40)


def mark(day: float, entry: int = 0, value: str | None = None) -> Mark:
    return Mark(START + day * DAY, entry or int(day * 10) + 1, 0, value.encode() if value else None)


def told(*days: float, count: int = 3, within: timedelta | None = TEN) -> list[float]:
    """Return the days on which a count fires, when these events are told in this order."""
    known: list[Mark] = []
    fired = []
    for number, day in enumerate(days):
        new = mark(day, number + 1)
        start = began(known, new, After(count, within=within))
        if start is not None:
            fired.append(day)
        known.append(replace(new, began=start))
    return fired


@pytest.mark.parametrize(
    ("days", "fires"),
    [
        ((1, 2), ()),
        ((1, 2, 3), (3,)),
        ((1, 2, 3, 4, 5), (3,)),  # while it stays at or above, no more
        ((1, 2, 3, 11), (3,)),  # 1 counts until 11, and 11 takes its place
        ((1, 2, 3, 11.5), (3, 11.5)),  # it was two for half a day
        ((1, 8, 15, 16), (16,)),
        ((1, 5, 3), (3,)),  # late, and it makes the third
        ((1, 2, 3, 0), (3,)),  # late, and it only makes an old stretch longer
        ((20, 21, 22, 1, 2, 3), (22, 3)),  # another stretch, long before
        ((1, 2, 12, 13, 6), (6,)),  # between two pairs it makes three on both sides
        ((5, 5, 5, 5), (5,)),  # platforms tell seconds, in which much may happen
    ],
)
def test_each_stretch_at_or_above_fires_once(days: Sequence[float], fires: Sequence[float]) -> None:
    assert told(*days) == list(fires)


def test_without_within_it_is_reached_once() -> None:
    """In whatever order they come."""
    assert told(1, 90, 40, 2, 300, within=None) == [40]
    assert told(1, 2, count=1, within=None) == [1]


def test_the_first_in_a_while() -> None:
    """A count of one fires after a silence as long as `within`."""
    assert told(1, 5, 16, 17, count=1) == [1, 16]


@given(days=st.lists(DAYS, max_size=14), count=st.integers(1, 5))
def test_in_order_it_fires_when_the_count_gets_there_from_below(days: list[int], count: int) -> None:
    """The number just before each event is below, and with the event it is not."""
    fires = []
    for place, day in enumerate(sorted(days)):
        before = sum(1 for other in sorted(days)[:place] if day - 10 < other)
        touching = sum(1 for other in sorted(days)[:place] if day - 10 <= other < day)
        if before < count <= before + 1 and touching < count:
            fires.append(day)
    assert told(*sorted(days), count=count) == fires


@given(days=st.lists(DAYS, max_size=12), count=st.integers(1, 4), order=st.randoms())
def test_the_stretches_do_not_depend_on_the_order(days: list[int], count: int, order: object) -> None:
    """Whatever is told last, every stretch of time has fired at least once, and no event for two."""
    shuffled = list(days)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    final = stretches([mark(day, number + 1) for number, day in enumerate(days)], count, TEN)
    fired = told(*shuffled, count=count)
    assert len(fired) >= len({start for start, _ in final}) - _bridged(shuffled, count)
    assert bool(fired) == bool(final)


def _bridged(days: Sequence[int], count: int) -> int:
    """Return how many stretches were made by an event that made another one, too."""
    more = 0
    known: list[Mark] = []
    for number, day in enumerate(days):
        before = stretches(known, count, TEN)
        known.append(mark(day, number + 1))
        now = stretches(known, count, TEN)
        fresh = [s for s in now if not any(o[0] <= s[1] and s[0] <= o[1] for o in before)]
        more += max(0, len(fresh) - 1)
    return more


@given(days=st.lists(DAYS, max_size=20), count=st.integers(1, 4))
def test_the_nearest_marks_decide(days: list[int], count: int) -> None:
    """So many before and so many after are enough, however many there are."""
    known = [mark(day, number + 1) for number, day in enumerate(days)]
    new = mark(20.5, 1000)
    around = [each for each in known if abs(each.at - new.at) <= TEN]
    before = sorted((each for each in around if each.at < new.at), key=lambda each: each.at)[-count - 1 :]
    behind = sorted((each for each in around if each.at > new.at), key=lambda each: each.at)[: count + 1]
    after = After(count, within=TEN)
    assert (began([*before, *behind], new, after) is None) == (began(known, new, after) is None)


VALUES = st.lists(st.tuples(DAYS, st.sampled_from("abc")), max_size=20)


@given(events=VALUES, count=st.integers(1, 3))
@example(events=[(day, "a") for day in (0, 13, 14, 12, 11, 4)], count=1)
@example(events=[(day, "a") for day in (0, *range(30, 10, -1))], count=1)
def test_a_mark_that_is_let_go_changes_nothing(events: list[tuple[int, str]], count: int) -> None:
    """With those that are kept the same values are counted at every time, and few of each are kept."""
    everything: list[Mark] = []
    kept: list[Mark] = []
    for number, (day, value) in enumerate(events):
        new = mark(day, number + 1, value)
        after = After(count, "module.id", within=TEN)
        assert (began(kept, new, after) is None) == (began(everything, new, after) is None)
        everything.append(new)
        if not adds_nothing(kept, new, TEN):
            dropped = needless(kept, new, TEN)
            kept = [each for each in kept if each not in dropped] + [new]
    assert stretches(kept, count, TEN) == stretches(everything, count, TEN)
    for first in kept:
        later = [each for each in kept if timedelta() <= each.at - first.at <= TEN]
        assert sum(1 for each in later if each.value == first.value) <= PER_VALUE


def test_different_values_are_counted() -> None:
    """The same one again adds nothing, but counts longer."""
    marks = [mark(1, value="a"), mark(2, value="a"), mark(3, value="b")]
    assert number_at(marks, START + 3 * DAY, TEN) == 2
    assert began(marks, mark(4, value="a"), After(3, "module.id", within=TEN)) is None
    assert began(marks, mark(4, value="c"), After(3, "module.id", within=TEN)) == START + 4 * DAY
    assert began(marks, mark(11.5, value="c"), After(3, "module.id", within=TEN)) == START + 11.5 * DAY
    assert began(marks, mark(12, value="c"), After(3, "module.id", within=TEN)) is None


def test_what_fired_is_remembered_though_its_marks_are_forgotten() -> None:
    """Nothing fires a second time for a stretch of which only that is known."""
    fired = replace(mark(3), began=START + 3 * DAY)
    assert began([fired, mark(2)], mark(1), After(3, within=TEN)) is None


@pytest.mark.parametrize(
    ("counted", "why"),
    [
        (Counted(After(5), 3, fires=False), "after: 3 of 5"),
        (
            Counted(After(5, "module.id", within=30 * DAY), 3, fires=False),
            "after: 3 of 5 different values of module.id within 30 days",
        ),
        (Counted(After(5), 5, fires=False), "after: 5 were counted by another event"),
        (
            Counted(After(5, within=DAY), 7, fires=False),
            "after: 5 were counted by another event; again when it was fewer than 5 within 1 day",
        ),
        (
            Counted(After(5, within=DAY), 1, fires=False, forgotten=True),
            "after: what was counted within 1 day with this event is no longer known",
        ),
    ],
)
def test_why_it_does_not_fire(counted: Counted, why: str) -> None:
    assert counted.why == why
