"""What broke, as rows: once for each time, whatever happens in between."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from bridge.core.trouble import Trouble
from bridge.store import incidents
from bridge.store.incidents import Incident
from tests.support.stored import MINUTE, NOW


def broke(connection: Connection, subject: str = "learners", *, after: int = 0, why: str = "busy") -> None:
    incidents.happened(connection, Trouble.PAUSED, subject, now=NOW + after * MINUTE, why=why)


def untold(connection: Connection, *, after: int = 0) -> list[Incident]:
    return incidents.untold(connection, 9, quiet=timedelta(hours=1), now=NOW + after * MINUTE)


def works(connection: Connection, *, after: int) -> None:
    incidents.ended(connection, Trouble.PAUSED, "learners", now=NOW + after * MINUTE)


def tell(connection: Connection, *, after: int) -> list[bool]:
    """Tell all there is, and return of each whether it is over."""
    found = untold(connection, after=after)
    assert all(incidents.told(connection, each, now=NOW + after * MINUTE) for each in found)
    return [each.ended_at is not None for each in found]


def test_signs_of_one_trouble_are_one_incident(connection: Connection) -> None:
    """They are counted, the last one's cause is kept, and the beginning stays."""
    broke(connection)
    broke(connection, after=1, why="refused")
    broke(connection, "wins")
    first, second = incidents.lasting(connection)
    assert (first.subject, first.count, first.why) == ("learners", 2, "refused")
    assert (first.started_at, first.last_at) == (NOW, NOW + MINUTE)
    assert (second.subject, second.count) == ("wins", 1)


def test_start_and_end_are_told_once_each(connection: Connection) -> None:
    """Whoever comes second to tell finds that it is done."""
    assert not incidents.any_open(connection)
    broke(connection)
    (started,) = untold(connection)
    assert incidents.told(connection, started, now=NOW)
    assert not incidents.told(connection, started, now=NOW)
    assert untold(connection) == []
    assert incidents.any_open(connection)

    incidents.ended(connection, Trouble.PAUSED, "learners", now=NOW + MINUTE)
    (ended,) = untold(connection)
    assert ended.ended_at == NOW + MINUTE
    assert incidents.told(connection, ended, now=NOW + MINUTE)
    assert not incidents.told(connection, ended, now=NOW + MINUTE)
    assert untold(connection) == incidents.lasting(connection) == []
    assert not incidents.any_open(connection)


def test_the_same_trouble_later_is_another_incident(connection: Connection) -> None:
    """What is over stays over."""
    broke(connection)
    incidents.ended(connection, Trouble.PAUSED, "learners", now=NOW + MINUTE)
    broke(connection, after=2)
    assert [each.ended_at is None for each in untold(connection)] == [False, True]
    assert len({each.seq for each in untold(connection)}) == 2


def test_what_comes_and_goes_is_over_when_it_stays_away(connection: Connection) -> None:
    """The first time is told at once, its end as well; the second is one trouble, however often it comes."""
    broke(connection)
    assert tell(connection, after=0) == [False]
    works(connection, after=1)
    assert tell(connection, after=1) == [True]
    for minute in range(2, 90, 2):
        incidents.goes_on(connection, Trouble.PAUSED, "learners")
        broke(connection, after=minute)
        assert tell(connection, after=minute) == ([False] if minute == 2 else [])
        works(connection, after=minute + 1)
        assert tell(connection, after=minute + 1) == []
    assert tell(connection, after=148) == []
    (over,) = untold(connection, after=149)
    assert (over.started_at, over.ended_at) == (NOW + 2 * MINUTE, NOW + 89 * MINUTE)
    assert tell(connection, after=149) == [True]
    broke(connection, after=150)
    assert tell(connection, after=150) == [False]
    works(connection, after=151)
    assert tell(connection, after=151) == [True]


def test_another_channels_trouble_puts_nothing_off(connection: Connection) -> None:
    """Nor does one of long ago, or one of another kind."""
    broke(connection, "wins", after=119)
    incidents.happened(connection, Trouble.STOPPED, "learners", now=NOW + 119 * MINUTE, why="gone")
    broke(connection)
    works(connection, after=1)
    tell(connection, after=119)
    broke(connection, after=121)
    assert tell(connection, after=121) == [False]
    works(connection, after=122)
    assert tell(connection, after=122) == [True]


def test_an_end_that_was_taken_back_is_not_told(connection: Connection) -> None:
    """Another process has seen it a moment before; what is closed stays so, and what began since stands."""
    broke(connection)
    tell(connection, after=0)
    works(connection, after=1)
    (ended,) = untold(connection, after=1)
    incidents.goes_on(connection, Trouble.PAUSED, "learners")
    assert not incidents.told(connection, ended, now=NOW + MINUTE)
    assert [each.seq for each in incidents.lasting(connection)] == [ended.seq]
    works(connection, after=2)
    tell(connection, after=2)
    incidents.goes_on(connection, Trouble.PAUSED, "learners")
    assert not incidents.any_open(connection)
    broke(connection, after=3)
    incidents.goes_on(connection, Trouble.PAUSED, "learners")
    assert len(incidents.lasting(connection)) == 1


def test_what_was_over_before_anybody_was_told_is_told_once(connection: Connection) -> None:
    """One notice says from when to when."""
    broke(connection)
    incidents.ended(connection, Trouble.PAUSED, "learners", now=NOW + MINUTE)
    (incident,) = untold(connection)
    assert incidents.told(connection, incident, now=NOW + MINUTE)
    assert untold(connection) == []


def test_what_became_something_else_is_closed_without_a_word(connection: Connection) -> None:
    """A paused channel that stops is told of as a stopped one."""
    broke(connection)
    incidents.replaced(connection, Trouble.PAUSED, "learners", now=NOW)
    assert not incidents.any_open(connection)


def test_what_became_something_else_has_no_end_to_tell(connection: Connection) -> None:
    """Nobody hears that a channel works again which has stopped since."""
    broke(connection)
    tell(connection, after=0)
    works(connection, after=1)
    incidents.replaced(connection, Trouble.PAUSED, "learners", now=NOW + 2 * MINUTE)
    assert tell(connection, after=99) == []


def test_what_gives_no_sign_for_long_is_over(connection: Connection) -> None:
    """Dead deliveries and refused signatures have no end of their own."""
    broke(connection)
    broke(connection, "wins", after=5)
    over = incidents.quieted(connection, Trouble.PAUSED, since=NOW, now=NOW + 9 * MINUTE)
    assert over == ["learners"]
    assert [each.subject for each in incidents.lasting(connection)] == ["wins"]
