"""Blocks of Slack from a `.json` template: a structure whose texts are written for where they stand.

https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

import yaml
from msgspec import Struct

from bridge.core.messages import Document
from bridge.rendering.check import Flaw
from bridge.rendering.documents import Line, Names, structure
from bridge.rendering.escapes import Form
from bridge.rendering.places import in_address, in_mrkdwn
from bridge.rendering.program import Compiled, Text

Compile = Callable[[Text], Compiled]
_ADDRESSES = frozenset({"url", "image_url", "thumbnail_url", "title_url", "video_url"})
_INERT = "values of an event would be read as Markdown in a `markdown` block; use a `section` with mrkdwn"
_SHAPE = 'holds a list of blocks, or {"text": "…", "blocks": […]} with the text of notifications'


class _Read(Struct, frozen=True):
    """A structure with the line of each of its places, by JSON pointer."""

    value: object
    lines: Mapping[str, int]


class Blocks:
    """A message of blocks."""

    def __init__(self, plan: object, lines: Mapping[str, int], where: str) -> None:
        """`plan` is `{"text": …, "blocks": […]}` with a `Line` for each text that has expressions."""
        self._message = structure(plan)
        self._places = {pointer: f"{where}:{line}" for pointer, line in lines.items()}

    def render(self, names: Names) -> Document:
        """Return the blocks, their places in the file, and the text of notifications, if the file has one."""
        made = self._message.render(names)
        assert isinstance(made, dict)  # noqa: S101 - the plan is ours
        return Document(mrkdwn=str(made.get("text", "")), blocks=tuple(made["blocks"]), places=self._places)


def blocks_of(text: Text, compile_: Compile) -> tuple[Blocks | None, list[Flaw]]:
    """Compile the text of a file; or None, and everything that is wrong with it."""
    read = _read(text)
    if isinstance(read, Flaw):
        return None, [read]
    value = {"blocks": read.value} if isinstance(read.value, list) else read.value
    if not isinstance(value, dict) or not _is_message(value):
        return None, [Flaw(text.line, _SHAPE)]
    under = "/blocks" if isinstance(read.value, list) else ""
    lines = {under + pointer: line for pointer, line in read.lines.items()}
    flaws: list[Flaw] = []
    plan = _Planner(text, lines, compile_, flaws).plan(value, "", {})
    return (None if flaws else Blocks(plan, lines, text.where)), flaws


def _is_message(value: Mapping[str, object]) -> bool:
    blocks = value.get("blocks")
    good = isinstance(blocks, list) and bool(blocks) and all(isinstance(each, dict) for each in blocks)
    return good and value.keys() <= {"text", "blocks"} and isinstance(value.get("text", ""), str)


def _read(text: Text) -> _Read | Flaw:
    try:
        value = json.loads(text.source)
        # JSON is YAML but for tabs; PyYAML says where things stand.
        node = yaml.compose(text.source.replace("\t", " "), Loader=yaml.SafeLoader)
    except json.JSONDecodeError as error:
        return Flaw(text.line + error.lineno - 1, f"is not JSON: {error.msg}, at column {error.colno}")
    except (yaml.YAMLError, RecursionError):
        return Flaw(text.line, "is not JSON, or nested too deeply")
    return _Read(value, dict(_lines(node, "", text.line)))


def _lines(node: yaml.Node | None, pointer: str, first: int) -> Iterator[tuple[str, int]]:
    if node is None:
        return
    yield pointer, first + node.start_mark.line
    if isinstance(node, yaml.MappingNode):
        for key, item in node.value:
            yield from _lines(item, f"{pointer}/{_escaped(str(key.value))}", first)
    elif isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            yield from _lines(item, f"{pointer}/{place}", first)


def _escaped(key: str) -> str:
    """Write a key for a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


class _Planner:
    """Compiles each text in the form of the place where it stands."""

    def __init__(self, text: Text, lines: Mapping[str, int], compile_: Compile, flaws: list[Flaw]) -> None:
        self._text = text
        self._lines = lines
        self._compile = compile_
        self._flaws = flaws

    def plan(self, value: object, pointer: str, owner: Mapping[str, object], key: str = "") -> object:
        """Return a value with a `Line` for each text in it; `owner` is the object that has it as `key`."""
        match value:
            case Mapping():
                return {
                    name: self.plan(item, f"{pointer}/{_escaped(name)}", value, name)
                    for name, item in value.items()
                }
            case list():
                return [self.plan(item, f"{pointer}/{place}", {}) for place, item in enumerate(value)]
            case str() if "{" in value:
                return self._line(value, pointer, owner, key)
            case _:
                return value

    def _line(self, source: str, pointer: str, owner: Mapping[str, object], key: str) -> object:
        line = self._lines.get(pointer, self._text.line)
        compiled = self._compile(Text(source, self._text.where, line, in_file=True))
        self._flaws += (Flaw(line, flaw.sentence) for flaw in compiled.flaws)
        if compiled.program is None:
            return source
        form, place = _form(owner, key)
        if owner.get("type") == "markdown" and key == "text":
            self._flaws.append(Flaw(line, _INERT))
        return Line(compiled.program, form, place)


def _form(owner: Mapping[str, object], key: str) -> tuple[Form, Callable[[str], str]]:
    if key in _ADDRESSES:
        return Form.RAW, in_address
    marked = owner.get("type") == "mrkdwn" or "blocks" in owner
    return (Form.MRKDWN, in_mrkdwn) if key == "text" and marked else (Form.TEXT, str)
