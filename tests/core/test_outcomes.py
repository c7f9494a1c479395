from __future__ import annotations

import pytest

from bridge.core.outcomes import MOVES, State, sources_of

TABLE = """
from \\ to   pending sending delivered dead expired parked withheld kept merged discarded suppressed
pending      yes     yes     .         .    yes     yes    .        yes  yes    yes       .
sending      yes     yes     yes       yes  yes     yes    yes      yes  .      .         yes
delivered    .       .       .         .    .       .      .        .    .      .         .
dead         yes     .       .         .    .       .      .        .    .      yes       .
expired      yes     .       .         .    .       .      .        .    .      yes       .
parked       yes     .       .         .    .       .      .        .    .      yes       .
withheld     .       .       .         .    .       .      .        .    .      yes       .
kept         yes     .       .         .    .       .      .        .    .      yes       .
merged       .       .       .         .    .       .      .        .    .      .         .
discarded    .       .       .         .    .       .      .        .    .      .         .
suppressed   yes     .       .         .    .       .      .        .    .      yes       .
"""


def expected() -> list[tuple[State, State, bool]]:
    head, *rows = [line.split() for line in TABLE.strip().splitlines()]
    return [
        (State(row[0]), State(target), word == "yes")
        for row in rows
        for target, word in zip(head[3:], row[1:], strict=True)
    ]


@pytest.mark.parametrize(("state", "target", "allowed"), expected())
def test_a_delivery_moves_by_the_table(state: State, target: State, allowed: bool) -> None:
    """The moves as people read them; each has a reason in the pipeline or an operator's command."""
    assert (target in MOVES[state]) == allowed


def test_the_table_is_complete() -> None:
    """Every pair of states is decided."""
    assert {(state, target) for state, target, _ in expected()} == {(a, b) for a in State for b in State}
    assert set(MOVES) == set(State)


@pytest.mark.parametrize("target", list(State))
def test_sources_are_the_moves_read_backwards(target: State) -> None:
    """In the order of declaration, so that the SQL made from them is always the same."""
    sources = sources_of(target)

    assert set(sources) == {state for state in State if target in MOVES[state]}
    assert list(sources) == [state for state in State if state in sources]


def test_what_was_delivered_or_discarded_is_over() -> None:
    """Nothing revives it: a second message would surprise a learner, a discard was a person's decision."""
    assert MOVES[State.DELIVERED] == MOVES[State.DISCARDED] == MOVES[State.MERGED] == frozenset()


def test_every_delivery_can_come_to_an_end() -> None:
    """From each state some path leads to one that is over."""
    over = {state for state in State if not MOVES[state]}
    reaching = set(over)
    for _ in State:
        reaching |= {state for state in State if MOVES[state] & reaching}

    assert reaching == set(State)


def test_only_a_worker_sends() -> None:
    """A delivery is delivered, or given up, from the hands of the worker that holds its lease.

    What waits together expires, or becomes a part of another one, in the hands of whoever holds that one.
    """
    for end in (State.DELIVERED, State.DEAD, State.WITHHELD):
        assert sources_of(end) == (State.SENDING,)
    assert sources_of(State.EXPIRED) == (State.PENDING, State.SENDING)
    assert sources_of(State.MERGED) == (State.PENDING,)
