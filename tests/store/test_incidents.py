"""What broke, as rows: once for each time, whatever happens in between."""

from __future__ import annotations

from sqlalchemy import Connection

from bridge.core.trouble import Trouble
from bridge.store import incidents
from tests.support.stored import MINUTE, NOW


def broke(connection: Connection, subject: str = "learners", *, after: int = 0, why: str = "busy") -> None:
    incidents.happened(connection, Trouble.PAUSED, subject, now=NOW + after * MINUTE, why=why)


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
    (started,) = incidents.untold(connection, 9)
    assert incidents.told(connection, started, now=NOW)
    assert not incidents.told(connection, started, now=NOW)
    assert incidents.untold(connection, 9) == []
    assert incidents.any_open(connection)

    incidents.ended(connection, Trouble.PAUSED, "learners", now=NOW + MINUTE)
    (ended,) = incidents.untold(connection, 9)
    assert ended.ended_at == NOW + MINUTE
    assert incidents.told(connection, ended, now=NOW + MINUTE)
    assert not incidents.told(connection, ended, now=NOW + MINUTE)
    assert incidents.untold(connection, 9) == incidents.lasting(connection) == []
    assert not incidents.any_open(connection)


def test_the_same_trouble_later_is_another_incident(connection: Connection) -> None:
    """What is over stays over."""
    broke(connection)
    incidents.ended(connection, Trouble.PAUSED, "learners", now=NOW + MINUTE)
    broke(connection, after=2)
    assert [each.ended_at is None for each in incidents.untold(connection, 9)] == [False, True]
    assert len({each.seq for each in incidents.untold(connection, 9)}) == 2


def test_what_was_over_before_anybody_was_told_is_told_once(connection: Connection) -> None:
    """One notice says from when to when."""
    broke(connection)
    incidents.ended(connection, Trouble.PAUSED, "learners", now=NOW + MINUTE)
    (incident,) = incidents.untold(connection, 9)
    assert incidents.told(connection, incident, now=NOW + MINUTE)
    assert incidents.untold(connection, 9) == []


def test_what_became_something_else_is_closed_without_a_word(connection: Connection) -> None:
    """A paused channel that stops is told of as a stopped one."""
    broke(connection)
    incidents.replaced(connection, Trouble.PAUSED, "learners", now=NOW)
    assert not incidents.any_open(connection)


def test_what_gives_no_sign_for_long_is_over(connection: Connection) -> None:
    """Dead deliveries and refused signatures have no end of their own."""
    broke(connection)
    broke(connection, "wins", after=5)
    over = incidents.quieted(connection, Trouble.PAUSED, since=NOW, now=NOW + 9 * MINUTE)
    assert over == ["learners"]
    assert [each.subject for each in incidents.lasting(connection)] == ["wins"]
