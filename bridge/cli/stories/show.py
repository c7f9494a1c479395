"""A story that failed, for a person: what was expected beside what was got, and why it was not sent."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from datetime import datetime, tzinfo
from difflib import get_close_matches

from bridge.cli.stories.compare import Different, Pair
from bridge.cli.stories.happened import Happened
from bridge.cli.stories.plot import Expected
from bridge.cli.tables import USUAL_WIDTH, terminal_width
from bridge.cli.text import one_line

CHARACTERS = 400
"""As much of a text is shown."""
_CONTAINED = frozenset({"subject", "text", "json"})


def pair_lines(pair: Pair, zone: tzinfo) -> Iterator[str]:
    """Yield an expectation with what came of it, or a message that nobody expected."""
    match pair:
        case Pair(expected=Expected() as expected, happened=Happened() as happened):
            sign = "✓" if pair.agrees else "✗"
            yield one_line(f"  {sign} {_heading(happened, zone)}")
            for each in pair.differences:
                yield from _difference(each, zone)
            if happened.why and not pair.agrees:
                yield from _row("why", "", happened.why)
        case Pair(expected=Expected() as expected):
            yield one_line(f"  ✗ missing: {_wanted(expected, zone)}")
        case Pair(happened=Happened() as happened):
            yield one_line(f"  ✗ not expected: {_heading(happened, zone)}")
            yield from _message(happened)
        case _:
            return


def when(moment: datetime, zone: tzinfo) -> str:
    """Return a time as a story has it: `2026-05-04 09:00:10`."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _heading(happened: Happened, zone: tzinfo) -> str:
    to = f" to {', '.join(happened.to)}" if happened.to else ""
    state = "" if happened.state == "delivered" else f", {happened.state}"
    rule = f"rule {happened.rule}"
    where = f"{happened.kind} via {happened.channel}{to}"
    return f"{when(happened.at, zone)} {where}{state} ({rule}, event {happened.event})"


def _wanted(expected: Expected, zone: tzinfo) -> str:
    parts = [f"{when(expected.at, zone)} " if expected.at else "", f"via {expected.channel}"]
    parts.append(f" to {expected.to}" if expected.to else "")
    parts.append(f", {expected.state}" if expected.state != "delivered" else "")
    parts.append(f", subject '{expected.subject}'" if expected.subject else "")
    parts += [f", text '{text}'" for text in expected.texts[:1]]
    return "".join(parts) + f" (line {expected.line})"


def _message(happened: Happened) -> Iterator[str]:
    for label, text in (("subject", happened.subject), ("text", happened.text), ("why", happened.why)):
        if text:
            yield from _row(label, "", text)


def _difference(each: Different, zone: tzinfo) -> Iterator[str]:
    contains = each.key in _CONTAINED
    yield from _row(each.key, "contains" if contains else "expected", _shown(each.wanted, zone))
    found = _shown(each.found, zone)
    yield from _row("", "got", _near(_shown(each.wanted, zone), found) if each.key == "text" else found)


def _near(wanted: str, found: str) -> str:
    """Return the line of a text that is most like what was to be in it, or the whole text."""
    lines = get_close_matches(wanted, [line.strip() for line in found.splitlines()], n=1)
    return f"… {lines[0]} …" if lines else found


def _shown(value: object, zone: tzinfo) -> str:
    match value:
        case datetime():
            return when(value, zone)
        case "" | None:
            return "nothing"
        case str():
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)


def _row(label: str, word: str, text: str) -> list[str]:
    """Return a text behind its label, in lines that fit the terminal and begin below each other."""
    width = terminal_width() if sys.stdout.isatty() else USUAL_WIDTH
    before = f"{'':6}{label:<9}" + (f"{word:<10}" if word else "")
    return textwrap.wrap(
        one_line(" ".join(text.split()), CHARACTERS),
        max(width, 2 * len(before)),
        initial_indent=before,
        subsequent_indent=" " * len(before),
        break_on_hyphens=False,
    )
