"""What a YAML file holds, with the place and the typed text of every value; scalars as in YAML 1.2.

Unlike YAML 1.1, `no`, `off`, `12:30:00` and dates are text, and `017` is seventeen
(https://yaml.org/spec/1.2.2/#103-core-schema).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import assert_never

from msgspec import Struct, field

from bridge.core.problems import Path

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_BASED = re.compile(r"0(?:o[0-7]{1,300}|x[0-9a-fA-F]{1,300})")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"(?P<sign>[-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class ScalarNode(Struct, frozen=True):
    """A single value: its text without quotes, and whether it was plain, which gives its text a type."""

    text: str
    plain: bool
    line: int
    column: int
    size: int = 1
    depth: int = 1


class ListNode(Struct, frozen=True):
    """A list; `size` counts every value below as if aliases were written out."""

    items: tuple[Node, ...]
    line: int
    column: int
    size: int
    depth: int


class MapNode(Struct, frozen=True):
    """A mapping; a value's key has its own place."""

    entries: Mapping[str, tuple[ScalarNode, Node]]
    line: int
    column: int
    size: int
    depth: int


Node = ScalarNode | ListNode | MapNode


class YamlFile(Struct, frozen=True):
    """One file that was read; `broken` are the paths whose value is a stand-in for what nobody understood."""

    name: str
    root: MapNode | ListNode | ScalarNode
    lines: tuple[str, ...]
    broken: frozenset[Path] = field(default_factory=frozenset)

    def node(self, path: Path) -> Node | None:
        """Return what stands at a path, or None when nothing does."""
        node: Node | None = self.root
        for part in path:
            node = _below(node, part)
        return node

    def place(self, path: Path) -> tuple[int, int]:
        """Return line and column of a path: of its key or list item, or of the nearest one above it."""
        node: Node = self.root
        place = (node.line, node.column)
        for part in path:
            found = _below(node, part)
            if found is None:
                break
            key = node.entries[str(part)][0] if isinstance(node, MapNode) else found
            place, node = (key.line, key.column), found
        return place

    def comment_of(self, node: Node | None) -> str | None:
        """Return the comment in the place of a value: `#conquistas` of `channel: #conquistas`."""
        if not isinstance(node, ScalarNode) or node.text or not node.plain or node.line > len(self.lines):
            return None
        rest = self.lines[node.line - 1][node.column - 1 :].strip()
        return rest if rest.startswith("#") else None


def to_data(
    node: Node, scalar: Callable[[ScalarNode], object], made: dict[int, object] | None = None
) -> object:
    """Return lists, dicts and whatever `scalar` makes of single values; an alias is the same object again."""
    made = {} if made is None else made
    if id(node) not in made:
        match node:
            case ScalarNode():
                made[id(node)] = scalar(node)
            case ListNode():
                made[id(node)] = [to_data(item, scalar, made) for item in node.items]
            case MapNode():
                made[id(node)] = {
                    key: to_data(value, scalar, made) for key, (_, value) in node.entries.items()
                }
            case _:
                assert_never(node)
    return made[id(node)]


def walk(node: Node, path: Path = ()) -> Iterator[tuple[Path, ScalarNode]]:
    """Yield every single value below a node with its path; an alias's once for each place."""
    match node:
        case ScalarNode():
            yield path, node
        case ListNode(items=items):
            for index, item in enumerate(items):
                yield from walk(item, (*path, index))
        case MapNode(entries=entries):
            for key, (_, value) in entries.items():
                yield from walk(value, (*path, key))


def resolve(text: str) -> object:
    """Return what a plain scalar is: None, a boolean, a number, or its text."""
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in "0123456789+-.":
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return text if math.isinf(float(text)) else float(text)
    return _special(text)


def _special(text: str) -> object:
    found = _SPECIAL.fullmatch(text)
    if found is None:
        return text
    return float("nan") if found["sign"] is None else float(f"{found['sign']}inf")


def _below(node: Node | None, part: str | int) -> Node | None:
    match node:
        case MapNode(entries=entries):
            return entries[str(part)][1] if str(part) in entries else None
        case ListNode(items=items) if isinstance(part, int) and 0 <= part < len(items):
            return items[part]
        case _:
            return None
