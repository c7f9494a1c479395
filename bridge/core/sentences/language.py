"""What a language must provide to tell rules: a table of phrases, and how its words join.

Every phrase with braces is filled by `str.format`; `{course:de}` puts a preposition before a noun, contracted
where the language contracts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

from msgspec import Struct

Pair = tuple[str, str]
"""Two phrases: one and its negation, or one and its plural."""


class Happening(Struct, frozen=True):
    """An event as a clause in three parts: who, does, what; equal beginnings are said once.

    `what` may have one slot: `{course}`, `{module}` or `{lesson}`.
    """

    who: str
    does: str
    what: str = ""


class Thing(Struct, frozen=True, kw_only=True):
    """How to name a course, a module or a lesson: any one, a certain one, one of some."""

    any: str
    the: str
    numbered: str
    one_of: str
    one_of_many: str
    whose: Mapping[str, str]


class Unit(Struct, frozen=True):
    """A unit of time in singular and plural, and "only within the first" of each."""

    one: str
    many: str
    first: str
    firsts: str


class Language(Struct, frozen=True, kw_only=True):
    """The phrases of one language."""

    rule: str
    shadow: str
    optional: str
    given: str
    tail: str
    tail_of_several: str
    and_: str
    or_: str
    nor: str
    of: str
    contractions: Mapping[str, str]

    happenings: Mapping[str, Happening]
    of_type: str
    any_event: str
    event_named: str
    other_events: Pair

    things: Mapping[str, Thing]
    subjects: Mapping[str, str]
    some_of: str
    none_of: str

    tests: Mapping[str, Pair]
    dates: Mapping[str, str]
    moments: Mapping[str, tuple[str, Pair]]
    flags: Mapping[str, tuple[str, Pair]]
    words: Mapping[str, str]
    empty_text: str
    any_case: str
    one_of_values: Pair
    carries: Pair
    expression: str
    if_expression: str
    more_and: Pair
    more_or: Pair
    count_all: Pair
    count_any: Pair

    nothing: str
    email: str
    slack: str
    slack_unknown: str
    slack_person: str
    webhook: str
    elsewhere: str
    more_actions: Pair
    recipients: Mapping[str, str]
    several_recipients: str
    recipient_at: str
    copy: str
    hidden_copy: str
    once: str
    in_thread: str
    edited: str
    after: str
    never_between: str
    unless: str
    unless_given: str
    counted: Pair
    counted_once_each: str
    counted_by: str
    counted_within: str
    pauses: Pair
    limit: Pair
    limit_by: str
    digest: Mapping[str, str]
    digest_on: Mapping[str, str]
    digest_by: str
    otherwise: str
    keys: Mapping[str, str]
    units: Mapping[str, Unit]
    within: str
    date: Callable[[date], str]
    hide: Callable[[str], str] = str
    """Hides secrets in a text, before the text is cut."""

    def noun(self, text: str) -> Noun:
        """Return a noun phrase that can follow a preposition."""
        return Noun(text, self.contractions)

    def all_of(self, texts: Sequence[str]) -> str:
        """Join by commas and the last by "and"."""
        return joined(texts, self.and_)

    def any_of(self, texts: Sequence[str]) -> str:
        """Join by commas and the last by "or", behind a comma where a text has an "or" in it."""
        return joined(texts, f",{self.or_}" if any(self.or_ in text for text in texts) else self.or_)

    def duration(self, span: timedelta) -> str:
        """Return a span of time in whole units: `1 hora e 30 minutos`."""
        return self.all_of(
            [f"{count} {unit.one if count == 1 else unit.many}" for count, unit in self._parts(span)]
        )

    def only_within(self, span: timedelta) -> str:
        """Return the phrase for what counts only so long after the event."""
        parts = self._parts(span)
        if len(parts) != 1:
            return self.within.format(self.duration(span))
        ((count, unit),) = parts
        return unit.first if count == 1 else unit.firsts.format(n=count)

    def _parts(self, span: timedelta) -> list[tuple[int, Unit]]:
        return [(count, self.units[name]) for name, count in _counted(span)]


class Noun(Struct, frozen=True):
    """A noun phrase with its article; formatted as `{noun:de}` it is `do curso`."""

    text: str
    contractions: Mapping[str, str]

    def __format__(self, preposition: str) -> str:
        """Return the phrase behind the preposition, if one is given."""
        if not preposition:
            return self.text
        article, _, rest = self.text.partition(" ")
        contracted = self.contractions.get(f"{preposition} {article}")
        return f"{contracted} {rest}" if contracted else f"{preposition} {self.text}"


def joined(texts: Sequence[str], word: str) -> str:
    """Join texts by commas, the last by a word; no texts are an empty one."""
    return word.join(filter(None, (", ".join(texts[:-1]), *texts[-1:])))


def counted(number: int, phrases: tuple[str, str]) -> str:
    """Return the phrase for one or for several, with the number filled in."""
    return phrases[number != 1].format(n=number)


_SECONDS = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
_HOURS = timedelta(hours=72)
"""Up to here whole hours are not gathered into days: people say 48 hours."""


def _counted(span: timedelta) -> list[tuple[str, int]]:
    left = round(span.total_seconds())
    counts = []
    for name, size in _SECONDS.items():
        if name == "day" and span <= _HOURS:
            continue
        count, left = divmod(left, size)
        counts.append((name, count))
    return [each for each in counts if each[1]] or [("second", 0)]
