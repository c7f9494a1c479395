"""What was expected against what happened: which belong together, and what differs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.cli.stories.compare import compare
from bridge.cli.stories.happened import Happened
from bridge.cli.stories.plot import Expected
from bridge.core.outcomes import State
from tests.support.clock import START

MAIL = Happened(
    at=START,
    channel="learners",
    kind="email",
    rule="parabens",
    state=State.DELIVERED,
    event=1,
    to=("maria@aluna.example",),
    subject="Parabéns, Maria!",
    text="Você concluiu\nFunções, do curso\nPython.",
)
HOOK = replace(
    MAIL, channel="crm", kind="webhook", to=(), subject="", structure={"a": {"id": "5123", "b": [1, "2"]}}
)
SAID: dict[str, Any] = {
    "at": START,
    "to": "Maria@aluna.example",
    "subject": "Maria",
    "texts": ("concluiu Funções,", "Python"),
    "rule": "parabens",
}


def expected(channel: str = "learners", **more: Any) -> Expected:
    return Expected(line=1, channel=channel, **more)


def test_a_message_that_is_as_expected_agrees() -> None:
    """Subject and text are contained, however broken into lines; a recipient's case means nothing."""
    [pair] = compare([expected(**SAID)], [MAIL])
    assert pair.agrees


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("at", START + timedelta(seconds=1)),
        ("to", "joao@aluno.example"),
        ("subject", "João"),
        ("text", "Laços"),
        ("rule", "boas-vindas"),
        ("state", State.DEAD),
    ],
)
def test_each_thing_that_differs_is_told(key: str, wanted: object) -> None:
    """One thing that is wrong keeps the pair together, and is the one that is named."""
    name, value = ("texts", (wanted,)) if key == "text" else (key, wanted)
    [pair] = compare([expected(**{**SAID, name: value})], [MAIL])
    assert not pair.agrees
    assert [(each.key, each.wanted) for each in pair.differences] == [(key, wanted)]


@pytest.mark.parametrize(
    ("wanted", "agrees"),
    [
        ({"a": {"id": 5123}}, True),
        ({"a": {"b": [1, 2]}}, True),
        ({}, True),
        ({"a": {"b": [1]}}, False),
        ({"a": {"id": None}}, False),
        ({"c": 1}, False),
        ([], False),
    ],
)
def test_json_is_compared_as_far_as_it_is_told(wanted: object, agrees: bool) -> None:
    """Members that are not told may be there; a list is told whole; numbers and texts compare by value."""
    [pair] = compare([expected("crm", structure=wanted)], [HOOK])
    assert pair.agrees is agrees


def test_what_was_not_expected_is_told() -> None:
    """Two messages where one was expected are one too many; and none where one was expected is missing."""
    twice = compare([expected()], [MAIL, MAIL])
    assert [(pair.expected is None, pair.agrees) for pair in twice] == [(False, True), (True, False)]
    [missing] = compare([expected()], [])
    assert (missing.happened, missing.agrees) == (None, False)


@pytest.mark.parametrize("state", State)
def test_only_what_matters_has_to_be_told(state: State) -> None:
    """What was sent and what waits for a person; what the rules left out goes without saying."""
    pairs = compare([], [replace(MAIL, state=state)])
    assert bool(pairs) is (state in {State.DELIVERED, State.DEAD, State.PARKED, State.KEPT})


def test_a_vague_expectation_takes_no_message_from_an_exact_one() -> None:
    """As many as possible agree, whichever stands first."""
    other = replace(MAIL, to=("joao@aluno.example",))
    assert all(pair.agrees for pair in compare([expected(), expected(to=MAIL.to[0])], [MAIL, other]))


def test_another_message_is_not_taken_for_a_wrong_one() -> None:
    """A message with little in common is unexpected, and the expected one is missing."""
    wanted = expected(to="joao@aluno.example", subject="Bem-vindo", texts=("chegou",))
    missing, other = compare([wanted], [MAIL])
    assert (missing.happened, other.expected) == (None, None)


@given(st.lists(st.sampled_from([0, 1, 2]), max_size=8), st.randoms())
def test_the_order_of_expectations_means_nothing(minutes: list[int], random: object) -> None:
    """What happened agrees with its own description in any order."""
    told = [replace(MAIL, at=START + timedelta(minutes=each)) for each in minutes]
    wanted = [expected(at=each.at) for each in told]
    random.shuffle(wanted)  # type: ignore[attr-defined]
    assert all(pair.agrees for pair in compare(wanted, told))
