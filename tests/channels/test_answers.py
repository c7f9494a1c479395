"""Statuses, waits and texts of answers: laws that hold for any of them."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from bridge.channels.answers import (
    LONGEST_WAIT,
    Answer,
    failure,
    outcome_of,
    readable,
    retry_after,
    secrets_of,
)
from bridge.core.outcomes import ANSWER_LIMIT, Reason, Rejected, Retry
from tests.support.clock import START

anything = st.text(st.characters(), max_size=200)


@given(st.integers(0, 1000), st.none() | anything, anything)
def test_every_answer_has_an_outcome(status: int, wait: str | None, text: str) -> None:
    """Whatever a server makes up."""
    assert outcome_of(Answer(status, wait, text), START).status == status


def test_a_destination_that_is_gone_takes_nothing_at_all() -> None:
    """410 is about the address, and any other refusal about the message."""
    assert outcome_of(Answer(410), START) == Rejected(
        Reason.CLIENT, 410, "the destination is gone for good", gone=True
    )
    others = (outcome_of(Answer(status), START) for status in range(400, 500) if status != 410)
    assert not any(getattr(each, "gone", False) for each in others)


@given(
    anything | st.integers().map(str) | st.datetimes().map(lambda date: date.strftime("%a, %d %b %Y %T GMT"))
)
@example("Mon, 01 Jan 0001 00:00:00 +1400")
@example("Fri, 31 Dec 9999 23:59:59 -1400")
def test_a_wait_is_never_negative_and_never_beyond_reason(value: str) -> None:
    """It can be added to any date of our time."""
    wait = retry_after(value, START)
    assert wait is None or timedelta(0) <= wait <= LONGEST_WAIT


@given(st.binary(max_size=3000) | st.text(st.characters(), max_size=3000))
@example("\ud800")
@example(b"\xff\xfe" * 2000)
def test_any_answer_can_be_kept(body: bytes | str) -> None:
    """One line of valid text, no longer than the limit."""
    text = readable(body)
    assert len(text) <= ANSWER_LIMIT
    assert len(text.splitlines()) <= 1
    text.encode()


@given(
    st.text("ab/+&", min_size=4, max_size=20), st.text("ab/+& ", max_size=20), st.text("ab/+& ", max_size=600)
)
def test_a_secret_is_hidden_wherever_it_stands(secret: str, before: str, after: str) -> None:
    """Also at the place where the text is cut."""
    assert secret not in readable(before + secret + after, (secret,))


def test_an_address_has_parts_that_are_keys() -> None:
    """The whole, the password, and what is long."""
    hidden = set(
        secrets_of("https://maria:segredo@crm.example/hooks/0123456789abcdef?key=0123456789abcdefg&page=1")
    )
    assert {"segredo", "0123456789abcdef", "0123456789abcdefg"} < hidden
    assert "hooks" not in hidden
    assert "1" not in hidden


def test_errors_speak_without_their_own_words() -> None:
    """What an exception says may hold an address or a header."""
    for error in (
        OSError("secret"),
        ValueError("secret"),
        OSError(113, "No route to host"),
        TimeoutError("secret"),
    ):
        outcome = failure(error)
        assert isinstance(outcome, Retry | Rejected)
        assert "secret" not in repr(outcome)
