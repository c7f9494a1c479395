"""Near misses: what a condition that failed was close to, in plain words.

Works from a finding and the event's facts, so it explains what the matcher saw and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bridge.core.conditions import Finding
from bridge.core.events import Facts
from bridge.core.paths import parse_path
from bridge.core.problems import did_you_mean, dotted
from bridge.core.values import fold, nfc, text_of

CLOSE = 3
"""Texts that differ in at most this many characters are worth pointing out."""
_LONGEST = 200
_WORDS = ("starting with ", "ending with ", "containing ", "like ")
_NAMES_SHOWN = 8


def near_miss(finding: Finding, facts: Facts) -> str | None:
    """Say what a failed line of `when:` nearly met, or where its path ends; None if neither helps."""
    if finding.matched:
        return None
    if finding.found is None:
        return _missing(finding.path, facts)
    if finding.wanted == "absent" or finding.wanted.startswith("not "):
        return None
    for option in finding.wanted.split(" or "):
        for found in finding.found:
            hint = _close(option, found)
            if hint is not None:
                return hint
    return None


def _missing(path: str, facts: Facts) -> str | None:
    """Say at which step a path ends, and what stands there instead."""
    parsed = parse_path(path)
    if isinstance(parsed, str):
        return parsed
    here: list[object] = [facts]
    walked = ""
    for step in parsed.steps:
        there = _after(here, step)
        if not there:
            return _ends(walked, step, _names(here))
        here = there
        walked = dotted((walked, step)) if walked else str(step)
    return None


def _after(nodes: list[object], step: str | int) -> list[object]:
    if isinstance(step, int):
        return [node[step] for node in nodes if isinstance(node, list | tuple) and step < len(node)]
    return [node[step] for node in _spread(nodes) if isinstance(node, Mapping) and step in node]


def _ends(walked: str, step: str | int, names: list[str]) -> str:
    if isinstance(step, int):
        return f"{walked} has no element {step}"
    guess = did_you_mean(step, names)
    if not walked:
        return f"this event has no {step}{guess}"
    if not names:
        return f"{walked} holds no '{step}'"
    shown = ", ".join(names[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")
    return f"{walked} has no '{step}'{guess}; it has {shown}"


def _names(nodes: list[object]) -> list[str]:
    found = (str(name) for node in _spread(nodes) if isinstance(node, Mapping) for name in node)
    return list(dict.fromkeys(found))


def _spread(nodes: list[object]) -> Iterator[object]:
    for node in nodes:
        if isinstance(node, list | tuple):
            yield from _spread(list(node))
        else:
            yield node


def _close(option: str, found: object) -> str | None:
    text = text_of(found)
    if text is None:
        return None
    word = next((word for word in _WORDS if option.startswith(word)), "")
    operand = option.removeprefix(word)
    if (
        not operand
        or operand.endswith("(any case)")
        or re.match(r"(glob|regex|at (least|most)|(less|more) than) ", option)
    ):
        return None
    parts = _parts(text, word, len(operand))
    return _kindred(nfc(operand), parts[0]) or _slip(nfc(operand), parts)


def _parts(text: str, word: str, length: int) -> list[str]:
    """Return the part of a text that an operator compares, and those that a slip may have lengthened."""
    lengths = [length, *(length + more for more in (1, -1, 2, -2) if length + more > 0)]
    if word.startswith("starting"):
        return [text[:each] for each in lengths]
    return [text[-each:] for each in lengths] if word.startswith("ending") else [text]


def _kindred(wanted: str, found: str) -> str | None:
    if wanted.strip() == found.strip():
        return "differs only in spaces around it"
    if wanted.casefold() == found.casefold():
        return "differs only in upper and lower case; ignore_case would match"
    if fold(wanted) == fold(found):
        return "differs only in accents or case; ignore_case would match"
    if " ".join(wanted.split()) == " ".join(found.split()):
        return "differs only in spaces"
    return None


def _slip(wanted: str, parts: list[str]) -> str | None:
    if wanted.isdigit() or min(len(wanted), len(parts[0])) <= CLOSE:
        return None  # another id or a short word is another thing, not a slip
    counts = [count for part in parts if (count := _distance(wanted, part)) is not None]
    return f"differs in {min(counts)} character{'s' if min(counts) > 1 else ''}" if counts else None


def _distance(left: str, right: str) -> int | None:
    """Return the edit distance (Levenshtein) when it is at most `CLOSE`, else None."""
    if abs(len(left) - len(right)) > CLOSE or max(len(left), len(right)) > _LONGEST:
        return None
    row = list(range(len(right) + 1))
    for i, char in enumerate(left, 1):
        previous, row[0] = row[0], i
        for j, other in enumerate(right, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (char != other))
    return row[-1] if row[-1] <= CLOSE else None
