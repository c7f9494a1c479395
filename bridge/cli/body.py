"""Bodies that `bridge send` changes on the way: `--set path=value`, fresh ids, and back to bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import cast

from msgspec import Struct

from bridge.cli.exits import Failure, misused
from bridge.core.problems import did_you_mean, dotted, nearest

_STEP = re.compile(r"(?P<name>[^.\[\]]+)(?P<marks>(?:\[\d{1,4}\])*)")
_MARK = re.compile(r"\[(\d+)\]")
Steps = tuple[str | int, ...]
SLIP = 0.8
"""How much alike a name that is not there and one that is are when the one is the other, mistyped."""


class Change(Struct, frozen=True):
    """A value to put at a path of the body."""

    steps: Steps
    value: object


class Added(Struct, frozen=True):
    """The first part of a change's path that the body does not have, and what its writer perhaps meant.

    `near` is the whole path with the name that is there, `slip` whether it is mistyped beyond much doubt.
    """

    path: str
    near: str | None = None
    slip: bool = False

    @property
    def hint(self) -> str:
        """The question that goes behind a sentence about it, or an empty text."""
        return f", did you mean '{self.near}'?" if self.near else ""


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
    refusal = _refusal(body, change.steps)
    if refusal:
        raise misused(refusal)
    node: object = body
    for index, step in enumerate(change.steps[:-1]):
        node = _child(node, step, change.steps[: index + 1])
    _put(node, change.steps, change.value)


def added(body: dict[str, object], change: Change) -> Added | None:
    """Return what `apply` will add to a body, None where it adds nothing."""
    if _refusal(body, change.steps):
        return None
    node: object = body
    for index, step in enumerate(change.steps):
        if isinstance(node, dict) and isinstance(step, str) and step in node:
            node = cast("dict[str, object]", node)[step]
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = cast("list[object]", node)[step]
        else:
            return _added(node, change.steps, index)
    return None


def _refusal(body: dict[str, object], steps: Steps) -> str | None:
    """Return why a path cannot begin where it does: what a platform sends of an event is below `data`."""
    first, data = str(steps[0]), body.get("data")
    if first in body or not isinstance(data, dict) or len(steps) == 1:
        return None
    meant = _path_to(data, steps)
    hint = f", did you mean 'data.{meant}'?" if meant else did_you_mean(first, body)
    return f"the body has no '{first}'{hint}; it has {', '.join(body)}"


def _path_to(data: Mapping[str, object], steps: Steps) -> str | None:
    """Return the path below `data` that was meant, its second name put right; None if `data` has no such."""
    below = data.get(str(steps[0]))
    if below is None:
        return None
    wanted = str(steps[1])
    known = nearest(wanted, below) if isinstance(below, Mapping) and wanted not in below else None
    return dotted((steps[0], known or steps[1], *steps[2:]))


def _added(node: object, steps: Steps, index: int) -> Added:
    name, path = steps[index], dotted(steps[: index + 1])
    if not isinstance(node, dict) or not isinstance(name, str):
        return Added(path)
    near = nearest(name, node)
    meant = dotted((*steps[:index], near, *steps[index + 1 :])) if near else None
    return Added(path, meant, slip=nearest(name, node, SLIP) is not None)


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
