"""What the owner is told of trouble, in plain words: what, since when, what waits, what to do."""

from __future__ import annotations

from datetime import datetime, tzinfo

from msgspec import Struct

from bridge.core.notice_words.reasons import in_words
from bridge.core.notice_words.words import COMMANDS, WORDS
from bridge.core.trouble import Trouble

CAUSE_LIMIT = 300
"""Characters of a cause that a notice shows."""
_OF_ATTEMPTS = (Trouble.DEAD, Trouble.PAUSED, Trouble.STOPPED)


class Facts(Struct, frozen=True, kw_only=True):
    """What is known of one trouble: a channel's, a rule's or a source's; `waiting` counts deliveries."""

    trouble: Trouble
    subject: str
    since: datetime
    ended: datetime | None
    count: int
    waiting: int
    why: str


class Notice(Struct, frozen=True):
    """One notice: its title, its paragraphs, and what to type, if anything."""

    title: str
    paragraphs: tuple[str, ...]
    commands: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The whole as text, a command on a line of its own."""
        return "\n\n".join((*self.paragraphs, *self.commands))


def notice(facts: Facts, locale: str, zone: tzinfo) -> Notice:
    """Return what to tell of a trouble's start, or of its end where it has one."""
    language = locale.partition("_")[0]
    words = WORDS.get(language, WORDS["en"])
    title, happened, *sentences = words[facts.trouble, facts.ended is not None]
    since, ended = (
        f"{moment.astimezone(zone):{words_of_time(locale)}}" if moment else ""
        for moment in (facts.since, facts.ended)
    )
    cause = in_words(facts.why, language) if facts.trouble in _OF_ATTEMPTS else facts.why
    why = cause[:CAUSE_LIMIT].rstrip(". \n") or "?"
    values = {
        "subject": facts.subject,
        "since": since,
        "ended": ended,
        "count": facts.count,
        "waiting": facts.waiting,
        "why": why,
    }
    paragraphs = [happened, " ".join(sentences)]
    if why.endswith(("?", "!")):  # which ends the sentence
        paragraphs = [paragraph.replace("{why}.", "{why}") for paragraph in paragraphs]
    said = tuple(paragraph.format_map(values) for paragraph in paragraphs if paragraph)
    commands = tuple(
        each.format_map(values) for each in COMMANDS.get((facts.trouble, facts.ended is not None), ())
    )
    return Notice(title.format_map(values), said, commands)


def words_of_time(locale: str) -> str:
    """Return the pattern of a date with its time."""
    return {"pt": "%d/%m/%Y %H:%M", "es": "%d/%m/%Y %H:%M"}.get(locale.partition("_")[0], "%Y-%m-%d %H:%M")
