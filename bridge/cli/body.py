"""Bodies that `bridge send` changes on the way: `--set path=value`, fresh ids, and back to bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import cast

from msgspec import Struct

from bridge.cli.exits import Failure, misused
from bridge.core.problems import did_you_mean, dotted

_STEP = re.compile(r"(?P<name>[^.\[\]]+)(?P<marks>(?:\[\d{1,4}\])*)")
_MARK = re.compile(r"\[(\d+)\]")
Steps = tuple[str | int, ...]


class Change(Struct, frozen=True):
    """A value to put at a path of the body."""

    steps: Steps
    value: object


def parse_changes(texts: Sequence[str]) -> list[Change]:
    """Read `path=value` texts; a value that is JSON is that, any other is text."""
    return [_change(text) for text in texts]


def steps_of(path: str) -> Steps:
    """Return the steps of a path such as `data.items[0].name`; none for a text that is no path."""
    steps: list[str | int] = []
    for part in path.split("."):
        found = _STEP.fullmatch(part)
        if found is None:
            return ()
        steps.append(found["name"])
        steps.extend(int(mark) for mark in _MARK.findall(found["marks"]))
    return tuple(steps)


def read_body(body: bytes, origin: str) -> dict[str, object]:
    """Return a body as an object, or fail: only an object can be changed."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Failure(f"{origin} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Failure(f"{origin} is JSON but not an object")
    return value


def write_body(body: dict[str, object]) -> bytes:
    """Return the compact JSON that platforms send."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def apply(body: dict[str, object], change: Change) -> None:
    """Put the value in its place; objects on the way are made, anything else in the way is a failure."""
    first = str(change.steps[0])
    data = body.get("data")
    if first not in body and isinstance(data, dict) and len(change.steps) > 1:
        near = f"data.{dotted(change.steps)}" if first in data else ""
        hint = f", did you mean '{near}'?" if near else did_you_mean(first, body)
        raise misused(f"the body has no '{first}'{hint}; it has {', '.join(body)}")
    node: object = body
    for index, step in enumerate(change.steps[:-1]):
        node = _child(node, step, change.steps[: index + 1])
    _put(node, change.steps, change.value)


def missing(body: dict[str, object], change: Change) -> str | None:
    """Return the first part of a change's path that the body does not have; None when it has them all."""
    node: object = body
    for index, step in enumerate(change.steps):
        if isinstance(node, dict) and isinstance(step, str) and step in node:
            node = cast("dict[str, object]", node)[step]
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = cast("list[object]", node)[step]
        else:
            return dotted(change.steps[: index + 1])
    return None


def _change(text: str) -> Change:
    path, separator, value = text.partition("=")
    steps = steps_of(path.strip())
    if not separator or not steps:
        expected = "expected a path of the body and a value, such as data.learner.name=Maria"
        raise misused(f"--set {text}: {expected}")
    return Change(steps, _value(value))


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _child(node: object, step: str | int, walked: Steps) -> object:
    if isinstance(step, str) and isinstance(node, dict):
        return node.setdefault(step, {})
    if isinstance(step, int) and isinstance(node, list) and step < len(node):
        return cast("list[object]", node)[step]
    raise misused(f"the body cannot hold '{dotted(walked)}': {_what(node, step)}")


def _put(node: object, steps: Steps, value: object) -> None:
    last = steps[-1]
    if isinstance(last, str) and isinstance(node, dict):
        node[last] = value
    elif isinstance(last, int) and isinstance(node, list) and last <= len(node):
        node[last : last + 1] = [value]  # at the end it is one more
    else:
        raise misused(f"the body cannot hold '{dotted(steps)}': {_what(node, last)}")


def _what(node: object, step: str | int) -> str:
    here = "a plain value"
    if isinstance(node, dict):
        here = "an object"
    elif isinstance(node, list):
        here = f"a list of {len(node)}"
    return f"there is {here} where {'a longer list' if isinstance(step, int) else 'an object'} is needed"
