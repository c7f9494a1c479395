"""Compares what was expected with what happened: pure, and blind to the order of what happens together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from bridge.cli.stories.happened import Happened
from bridge.cli.stories.plot import Expected

_BLANK = re.compile(r"\s+")


class Different(Struct, frozen=True):
    """One thing about a message that is not as expected: its key, and the text that is not contained."""

    key: str
    wanted: object
    found: object


class Pair(Struct, frozen=True):
    """An expectation with the message it is about; one of the two is None when there is no counterpart."""

    expected: Expected | None
    happened: Happened | None
    differences: tuple[Different, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether the message is as expected."""
        return self.expected is not None and self.happened is not None and not self.differences


def compare(expected: Sequence[Expected], happened: Sequence[Happened]) -> tuple[Pair, ...]:
    """Return every expectation, and every message that matters and was not expected, in order of time.

    As many as possible agree; the others are paired by how much is alike.
    """
    agreed = _matching(expected, happened)
    taken = set(agreed.values())
    pairs = {
        index: Pair(each, happened[agreed[index]]) for index, each in enumerate(expected) if index in agreed
    }
    for index, each in enumerate(expected):
        if index not in pairs:
            near = _nearest(each, {place: it for place, it in enumerate(happened) if place not in taken})
            taken |= {near} if near is not None else set()
            other = None if near is None else happened[near]
            pairs[index] = Pair(each, other, () if other is None else tuple(differences(each, other)))
    told = [pairs[index] for index in range(len(expected))]
    more = [Pair(None, it) for place, it in enumerate(happened) if place not in taken and it.matters]
    return (*told, *more)


def differences(expected: Expected, happened: Happened) -> Iterator[Different]:
    """Yield what is not as expected."""
    if happened.channel != expected.channel:
        yield Different("channel", expected.channel, happened.channel)
    if happened.state is not expected.state:
        yield Different("state", expected.state, happened.state)
    if expected.at is not None and happened.at.replace(microsecond=0) != expected.at:
        yield Different("at", expected.at, happened.at)
    if expected.rule is not None and happened.rule != expected.rule:
        yield Different("rule", expected.rule, happened.rule)
    if expected.to is not None and not _is_for(expected.to, happened):
        yield Different("to", expected.to, ", ".join(happened.to))
    if expected.subject is not None and not contains(happened.subject, expected.subject):
        yield Different("subject", expected.subject, happened.subject)
    for text in expected.texts:
        if not contains(happened.text, text):
            yield Different("text", text, happened.text)
    if expected.structure is not None and not _within(expected.structure, happened.structure):
        yield Different("json", expected.structure, happened.structure)


def contains(text: str, part: str) -> bool:
    """Return whether a part stands in a text, however each is broken into lines."""
    return _plain(part) in _plain(text)


def _matching(expected: Sequence[Expected], happened: Sequence[Happened]) -> dict[int, int]:
    """Return for as many expectations as possible a message that agrees, each message once (Kuhn, 1955)."""
    fitting = [
        [place for place, it in enumerate(happened) if next(differences(each, it), None) is None]
        for each in expected
    ]
    holder: dict[int, int] = {}

    def seat(index: int, tried: set[int]) -> bool:
        free = next((place for place in fitting[index] if place not in holder), None)
        for place in fitting[index] if free is None else [free]:
            if place not in tried:
                tried.add(place)
                if place == free or seat(holder[place], tried):
                    holder[place] = index
                    return True
        return False

    for index in range(len(expected)):
        seat(index, set())
    return {index: place for place, index in holder.items()}


def _nearest(expected: Expected, happened: Mapping[int, Happened]) -> int | None:
    """Return the message that was probably meant: through the same channel, with the least that differs.

    One that differs in more than half of what is said of it is another one.
    """
    apart = {
        place: sum(1 for _ in differences(expected, it))
        for place, it in happened.items()
        if it.channel == expected.channel
    }
    said = (expected.at, expected.to, expected.subject, expected.structure, expected.rule, *expected.texts)
    most = (1 + sum(each is not None for each in said)) // 2
    near = min(apart, key=lambda place: (apart[place], place), default=None)
    return near if near is not None and apart[near] <= most else None


def _is_for(to: str, happened: Happened) -> bool:
    return to.casefold() in {each.casefold() for each in happened.to}


def _plain(text: str) -> str:
    return _BLANK.sub(" ", text).strip()


def _within(wanted: object, found: object) -> bool:
    """Return whether a structure contains another; `5123` is `"5123"`, as everywhere in the configuration."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            key in found and _within(value, found[key]) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(found, list) and len(wanted) == len(found) and all(map(_within, wanted, found))
    return wanted == found or (_is_simple(wanted) and _is_simple(found) and str(wanted) == str(found))


def _is_simple(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
