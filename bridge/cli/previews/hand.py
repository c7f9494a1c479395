"""What helps to mend a template: its line with those around it, and the values that were at hand there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from bridge.cli.text import one_line
from bridge.core.events import Facts
from bridge.core.paths import FactPath, parse_path
from bridge.core.problems import did_you_mean
from bridge.rendering.mentions import mentions

AROUND = 1
"""Lines shown before and after the one that is meant."""
WIDTH = 100
EXAMPLE = 40
MOST = 6
MEMBERS = 12
_NAMED = re.compile(r"'([a-z_]\w*(?:\.\w+|\[\d+\])*)'")
_SENTENCE = re.compile(r"'(?P<owner>\w+)' (?:has|is one value and has) no '(?P<member>\w+)'")
_TOO_LONG = 1_000_000


def source_of(file: Path) -> str:
    """Return a template's text, or nothing where it cannot be read."""
    try:
        return file.read_text("utf-8") if file.stat().st_size <= _TOO_LONG else ""
    except (OSError, UnicodeDecodeError):
        return ""


def excerpt(source: str, line: int | None, why: str) -> list[str]:
    """Return a line (from 1) of a text with its neighbours and an arrow; nothing if it is not there.

    Of a long line, the part that holds a word which the reason names.
    """
    lines = source.splitlines()
    if line is None or not 1 <= line <= len(lines):
        return []
    shown = range(max(1, line - AROUND), min(len(lines), line + AROUND) + 1)
    width = len(str(shown[-1]))
    made = []
    for number in shown:
        here = number == line
        text = _part(lines[number - 1], why) if here else one_line(lines[number - 1], WIDTH)
        made.append(f"  {'→' if here else ' '} {number:>{width}} │ {text}".rstrip())
    return made


def _part(line: str, why: str) -> str:
    """Return what fits of a line, from a little before the word that a reason names."""
    words = [f"{found['owner']}.{found['member']}" for found in _SENTENCE.finditer(why)]
    words += re.findall(r"'([^']+)'", why)
    place = next((at for word in words if (at := line.find(word)) >= 0), 0)
    start = max(0, min(place - WIDTH // 3, len(line) - WIDTH))
    return one_line(("…" if start else "") + line[start:], WIDTH)


def at_hand(source: str, line: int | None, why: str, facts: Facts) -> list[str]:
    """Return sentences about the values that a line asks for, or that a reason names.

    Of one that is absent: what its group has, with the values, and the name that was probably meant.
    """
    asked = [each for each in mentions(source) if each.line == line]
    needed = dict.fromkeys(_of(why)) or dict.fromkeys(each.path for each in asked if not each.guarded)
    missing = [told for path in needed if (told := _missing(path, facts))]
    if missing:
        return list(dict.fromkeys(missing))[:MOST]
    paths = dict.fromkeys([*needed, *(each.path for each in asked)])
    there = ((path, value) for path in paths for value in (_values(path, facts) or [])[:1])
    return [f"{path} is {_example(value)}" for path, value in there][:MOST]


def _of(why: str) -> Iterator[str]:
    """Yield the paths that a reason names."""
    for found in _SENTENCE.finditer(why):
        yield f"{found['owner']}.{found['member']}"
    yield from (found[1] for found in _NAMED.finditer(why) if "." in found[1])
    absent = re.match(r"'(\w+)' is absent", why) or re.search(r"no event has '(\w+)'", why)
    if absent:
        yield absent[1]


def _missing(path: str, facts: Facts) -> str:
    """Return what to say of a path that leads nowhere; nothing of one that leads to a value."""
    if _values(path, facts) is not None:
        return ""
    steps = re.findall(r"\w+", path)
    here: object = facts
    above = ""
    for step in steps:
        members = _members(here)
        if members is None:
            break
        if isinstance(here, list):
            here = here[int(step)] if step.isdigit() and int(step) < len(here) else None
            above = f"{above}[{step}]"
        elif step in members:
            here, above = members[step], f"{above}.{step}" if above else step
        else:
            return _told(path, above, step, members)
    if not above:
        return f"no event has '{path}'"
    return f"you wrote {path}, but {above} is {_example(here)}"


def _told(path: str, above: str, step: str, members: Mapping[str, object]) -> str:
    meant = did_you_mean(step, members)
    full = meant.replace(" mean '", f" mean '{above}.") if above else meant
    wrote = f"you wrote {path}{full or ', and nothing there is called so'}"
    shown = [f"{name} ({_example(value)})" for name, value in list(members.items())[:MEMBERS]]
    has = ", ".join(shown) + (", …" if len(members) > MEMBERS else "")
    return f"{above or 'this event'} has: {has or 'nothing'}; {wrote}"


def _members(value: object) -> Mapping[str, object] | None:
    if isinstance(value, Mapping):
        return value
    return {} if isinstance(value, list) else None


def _values(path: str, facts: Facts) -> list[object] | None:
    parsed = parse_path(path)
    return parsed.values(facts) if isinstance(parsed, FactPath) else None


def _example(value: object) -> str:
    """Return a value as it is shown beside its name, on one line and short."""
    match value:
        case Mapping():
            return "a group: " + one_line(", ".join(map(str, value)), EXAMPLE) if value else "an empty group"
        case list():
            return f"a list of {len(value)}"
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case _:
            return one_line(str(value), EXAMPLE) or "empty text"
