"""Writes what happened into a file of stories as its expectations, and leaves every other line as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from difflib import get_close_matches
from typing import Any

import yaml
from msgspec import Struct

from bridge.cli.stories.compare import Pair, contains
from bridge.cli.stories.happened import Happened
from bridge.cli.stories.run import Judged
from bridge.cli.stories.show import when
from bridge.config.yaml_source import parse
from bridge.core.outcomes import State

_WIDTH = 100


class NotWritten(Struct, frozen=True):
    """A story whose place in its file cannot be told, and what to do."""

    why: str


class _Place(Struct, frozen=True):
    """The lines that hold a story's `expect:`, without the last; none yet if both are the same.

    `before` is what stands before the word, such as the dash of the story.
    """

    first: int
    last: int
    before: str


def updated(text: str, stories: Iterable[Judged], zone: tzinfo) -> str | NotWritten:
    """Return a file's text with the expectations of these stories as they went.

    What a person left out of an expectation stays out; of a message that is new everything short is said.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = [line.rstrip("\r\n") for line in text.splitlines(keepends=True)]
    for judged in sorted(stories, key=lambda each: each.story.place, reverse=True):
        place = _place(root, judged.story.place, lines)
        if isinstance(place, NotWritten):
            return place
        lines[place.first : place.last] = _written(_expectations(judged, zone), place)
    made = "".join(f"{line}{ending}" for line in lines)
    if parse(made.encode(), "")[1] or _rest(made) != _rest(text):
        return NotWritten("what stands around `expect:` would change; write each key on a line of its own")
    return made


def _place(root: Any, number: int, lines: Sequence[str]) -> _Place | NotWritten:  # noqa: ANN401  # PyYAML's nodes have no types
    stories = next(value for key, value in root.value if key.value == "stories")
    story = stories.value[number]
    if stories.flow_style or story.flow_style:
        return NotWritten(f"line {story.start_mark.line + 1}: write the story in lines, without {{ }}, first")
    indent = story.start_mark.column
    for key, value in story.value:
        if key.value == "expect":
            first = key.start_mark.line
            return _Place(first, _end(value, lines), lines[first][:indent])
    end = _end(story, lines)
    return _Place(end, end, " " * indent)


def _end(node: Any, lines: Sequence[str]) -> int:  # noqa: ANN401
    """Return the line after a value; PyYAML ends a block only where the next thing begins."""
    last: int = node.end_mark.line + (1 if node.end_mark.column else 0)
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        deepest = node.value[-1]
        return _end(deepest[1] if isinstance(deepest, tuple) else deepest, lines)
    while last > node.start_mark.line + 1 and not lines[min(last, len(lines)) - 1].strip():
        last -= 1
    return min(last, len(lines))


def _written(expectations: Sequence[Mapping[str, object]], place: _Place) -> list[str]:
    """Return the lines of the expectations, without their ends."""
    if not expectations:
        return [f"{place.before}expect: []"]
    indent = len(place.before) + 2
    dumped = yaml.safe_dump(
        [dict(each) for each in expectations],
        allow_unicode=True,
        sort_keys=False,
        width=_WIDTH,
        default_flow_style=False,
    )
    below = [f"{'':{indent}}{line}" if line.strip() else line for line in dumped.splitlines()]
    return [f"{place.before}expect:", *below]


def _expectations(judged: Judged, zone: tzinfo) -> list[dict[str, object]]:
    pairs = [pair for pair in judged.pairs if pair.happened is not None]
    return [_expectation(pair, zone) for pair in sorted(pairs, key=lambda pair: _at(pair.happened))]


def _at(happened: Happened | None) -> float:
    return happened.at.timestamp() if happened else 0.0


def _expectation(pair: Pair, zone: tzinfo) -> dict[str, object]:
    happened, expected = pair.happened, pair.expected
    assert happened is not None  # noqa: S101  # the pairs without were left out
    if expected is None:
        return _new(happened, zone)
    wrong = {each.key for each in pair.differences}
    fresh = {**_new(happened, zone), "text": _texts(expected.texts, happened), "state": str(happened.state)}
    kept = {key: fresh.get(key) if key in wrong else value for key, value in expected.typed.items()}
    return {**kept, "state": str(happened.state)} if "state" in wrong else kept


def _new(happened: Happened, zone: tzinfo) -> dict[str, object]:
    """Return everything short about a message; the text of an e-mail is told by its subject."""
    found: dict[str, object] = {"at": when(happened.at, zone), "channel": happened.channel}
    if happened.to:
        found["to"] = happened.to[0]
    if happened.subject:
        found["subject"] = happened.subject
    elif happened.structure is not None:
        found["json"] = happened.structure
    elif happened.text:
        found["text"] = _first_line(happened.text)
    found["rule"] = happened.rule
    return found if happened.state is State.DELIVERED else {**found, "state": str(happened.state)}


def _texts(wanted: Sequence[str], happened: Happened) -> list[str] | str:
    """Return the texts that are still there, with the line most like each that is not."""
    lines = [line.strip() for line in happened.text.splitlines() if line.strip()]
    found = [
        text if contains(happened.text, text) else next(iter(get_close_matches(text, lines, n=1)), "")
        for text in wanted
    ]
    kept = [text for text in dict.fromkeys(found) if text] or [_first_line(happened.text)]
    return kept if len(kept) > 1 else kept[0]


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _rest(text: str) -> object:
    """Return what a file says apart from its expectations."""
    data = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  # texts only, like SafeLoader without types
    for story in data["stories"]:
        story.pop("expect", None)
    return data
