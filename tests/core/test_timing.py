"""When a message is due: after its delay, out of quiet hours, before it expires."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bridge.core.events import Facts
from bridge.core.quiet_hours import Hours, QuietHours
from bridge.core.rules import Action
from bridge.core.timing import From, Never, first_due, still_held

NOW = datetime(2026, 5, 4, 22, 0, tzinfo=UTC)
NIGHT = QuietHours(Hours(time(21), time(8)), UTC)
MORNING = datetime(2026, 5, 5, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Silent:
    """Content that renders nothing."""

    def render(self, facts: Facts) -> Mapping[str, object]:
        return {}


def action(
    delay: timedelta | None = None, quiet: QuietHours | None = None, expires: timedelta | None = None
) -> Action:
    return Action(
        rule="r",
        name="email:a",
        channel="a",
        content=Silent(),
        delay=delay,
        quiet_hours=quiet,
        expires=expires,
    )


def test_without_words_about_time_it_is_due_at_once() -> None:
    """Also what happened long ago; whether it has expired is asked when it is sent."""
    assert first_due(action(), NOW - DAY, NOW) == From(NOW)
    assert first_due(action(expires=HOUR), NOW - DAY, NOW) == From(NOW)


def test_a_delay_counts_from_the_event() -> None:
    """An event that arrives late has waited already."""
    assert first_due(action(7 * DAY), NOW - DAY, NOW) == From(NOW + 6 * DAY, "delay of 7 days")
    assert first_due(action(HOUR), NOW - DAY, NOW) == From(NOW)


def test_an_event_from_the_future_does_not_delay() -> None:
    """A platform whose clock is wrong must not put a message off for years."""
    assert first_due(action(HOUR), NOW + 1000 * DAY, NOW) == From(NOW + HOUR, "delay of 1 hour")


def test_quiet_hours_hold_until_they_end() -> None:
    """Those in which it happens, and those in which a delay ends."""
    assert first_due(action(quiet=NIGHT), NOW, NOW) == From(MORNING, "quiet hours 21:00-08:00", joint=True)
    late = first_due(action(DAY, NIGHT), NOW, NOW)
    assert late == From(MORNING + DAY, "delay of 1 day and quiet hours 21:00-08:00", joint=True)
    assert first_due(action(12 * HOUR, NIGHT), NOW, NOW) == From(NOW + 12 * HOUR, "delay of 12 hours")


def test_what_expires_while_it_is_held_is_never_sent() -> None:
    """At the very moment of the expiry it is too late already."""
    why = "its time is over before it may be sent: quiet hours 21:00-08:00"
    assert first_due(action(quiet=NIGHT, expires=HOUR), NOW, NOW) == Never(why)
    assert first_due(action(quiet=NIGHT, expires=10 * HOUR), NOW, NOW) == Never(why)
    assert isinstance(first_due(action(quiet=NIGHT, expires=11 * HOUR), NOW, NOW), From)


def test_quiet_hours_are_asked_again_when_its_turn_has_come() -> None:
    """After a retry or an outage it may be night again; the expiry wins."""
    assert still_held(NIGHT, None, NOW) == From(MORNING, "quiet hours 21:00-08:00", joint=True)
    assert still_held(NIGHT, None, MORNING) == From(MORNING)
    assert still_held(None, None, NOW) == From(NOW)
    assert still_held(None, NOW, NOW) == Never("not sent by 2026-05-04T22:00:00+00:00")
    assert isinstance(still_held(NIGHT, NOW + HOUR, NOW), Never)
    assert still_held(NIGHT, MORNING + HOUR, MORNING) == From(MORNING)


SPANS = st.integers(0, 20 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))


@given(delay=SPANS, ago=SPANS, late=SPANS, expires=st.none() | SPANS.map(lambda span: span + HOUR))
def test_it_is_never_early_never_quiet_never_too_late(
    delay: timedelta, ago: timedelta, late: timedelta, expires: timedelta | None
) -> None:
    """And whoever decides later decides on no earlier moment."""
    words = action(delay, NIGHT, expires)
    found, again = first_due(words, NOW - ago, NOW), first_due(words, NOW - ago, NOW + late)
    if isinstance(found, From):
        assert found.at >= max(NOW, NOW - ago + delay)
        assert not NIGHT.holds(found.at)
        assert found.why is None or expires is None or found.at < NOW - ago + expires
        assert (found.why is None) == (found.at == NOW)
    if isinstance(found, From) and isinstance(again, From):
        assert again.at >= found.at
