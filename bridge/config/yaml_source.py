"""Reads one YAML file: bytes in, nodes with their places out, or everything that is wrong with the file.

Duplicate keys, tags and keys that are no text are refused. An alias is the same node again, so an alias bomb
costs nothing here and is refused by its written-out size. Built from the parser's events, without recursion.
"""

from __future__ import annotations

import re

import yaml
from msgspec import Struct, field

from bridge.config.located import Located
from bridge.config.yaml_nodes import ListNode, MapNode, Node, ScalarNode, YamlFile
from bridge.config.yaml_words import explained, first_document_only, tag_refused, unseen_indentation
from bridge.core.problems import Path

MAX_BYTES = 1_048_576
"""Of one file."""
MAX_VALUES = 100_000
"""In one file, with aliases written out."""
MAX_DEPTH = 50

Loader = type[yaml.SafeLoader] | type[yaml.CSafeLoader]
FAST_LOADER: Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where PyYAML was built with it, which is about eight times as fast."""
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_BRACKET = re.compile(r"[\[{]|[\]}]")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def parse(data: bytes, name: str, loader: Loader = FAST_LOADER) -> tuple[YamlFile | None, list[Located]]:
    """Return what the file holds and what is wrong with it; never raises.

    With problems the file may still be returned, so that the rest of it can be checked too.
    `loader` is one of PyYAML's classes, of which only the parser is used.
    """
    text = _decode(data, name)
    if isinstance(text, Located):
        return None, [text]
    builder = _Builder(name)
    lines = tuple(text.splitlines())
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        line, column, sentence = explained(error, lines, builder.quoted)
        return None, [*builder.problems, Located(name, line, column, (), sentence)]
    except yaml.YAMLError as error:
        return None, [*builder.problems, Located(name, 0, 0, (), f"cannot be read as YAML: {error}")]
    except _Refused as refused:
        return None, [*builder.problems, refused.problem]
    return _finish(builder, lines)


def _finish(builder: _Builder, lines: tuple[str, ...]) -> tuple[YamlFile | None, list[Located]]:
    root = builder.root
    if root is None or (isinstance(root, ScalarNode) and not root.text and root.plain):
        return None, [*builder.problems, Located(builder.name, 0, 0, (), "the file is empty")]
    return YamlFile(builder.name, root, lines, frozenset(builder.broken)), builder.problems


def _decode(data: bytes, name: str) -> str | Located:
    if len(data) > MAX_BYTES:
        return Located(
            name, 0, 0, (), f"the file has {len(data)} bytes; a configuration has at most {MAX_BYTES}"
        )
    if data.startswith(_UTF16):
        return Located(name, 1, 1, (), "the file is UTF-16; save it as UTF-8")
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(errors="replace")
        return _at(name, before, f"the byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8")
    if found := _UNPRINTABLE.search(text):
        code = f"U+{ord(found[0]):04X}"
        return _at(name, text[: found.start()], f"the control character {code} is not allowed; delete it")
    return _at(name, "", "brackets are nested too deep") if _deep(text) else text


def _at(name: str, before: str, sentence: str) -> Located:
    line = before.count("\n") + 1
    return Located(name, line, len(before) - (before.rfind("\n") + 1) + 1, (), sentence)


def _deep(text: str) -> bool:
    # libyaml takes quadratic time over open brackets (23 s for 100,000), before its first event.
    depth = 0
    for bracket in _BRACKET.finditer(text):
        depth = max(0, depth + (1 if bracket[0] in "[{" else -1))
        if depth > 1000:
            return True
    return False


class _Refused(Exception):
    def __init__(self, problem: Located) -> None:
        super().__init__(problem.sentence)
        self.problem = problem


class _Open(Struct):
    """A list or mapping whose end has not been read yet."""

    path: Path
    line: int
    column: int
    flow: bool
    anchor: str | None
    items: list[Node] | None
    entries: dict[str, tuple[ScalarNode, Node]] = field(default_factory=dict)
    merged: list[tuple[ScalarNode, Node]] = field(default_factory=list)
    key: ScalarNode | None = None
    skip: bool = False
    """The key that was read is refused, so its value is left out."""

    @property
    def wants_key(self) -> bool:
        return self.items is None and self.key is None and not self.skip


class _Builder:
    """Turns events into nodes; `root` is the document when all events were taken."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root: Node | None = None
        self.problems: list[Located] = []
        self.broken: set[Path] = set()
        self.quoted = (0, 0)
        """The first and the last line of the latest text in quotes."""
        self._open: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}
        self._documents = 0
        self._merged = 0

    def take(self, event: yaml.Event) -> None:
        mark = event.start_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise _Refused(Located(self.name, line, column, (), first_document_only()))
            case yaml.ScalarEvent():
                self._scalar(event, line, column)
            case yaml.AliasEvent():
                self._add(self._alias(str(event.anchor), line, column))
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._start(event, line, column)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._end()

    def _scalar(self, event: yaml.ScalarEvent, line: int, column: int) -> None:
        node = ScalarNode(event.value, event.implicit[0], line, column)
        if event.style in ("'", '"') and event.end_mark is not None:
            self.quoted = (line, event.end_mark.line + 1)
        self._check_tag(event.tag, node)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._add(node)

    def _start(self, event: yaml.CollectionStartEvent, line: int, column: int) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise _Refused(
                Located(self.name, line, column, (), f"more than {MAX_DEPTH} levels below each other")
            )
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        items: list[Node] | None = [] if isinstance(event, yaml.SequenceStartEvent) else None
        opened = _Open(self._path(), line, column, bool(event.flow_style), event.anchor, items)
        self._check_tag(event.tag, opened)
        self._open.append(opened)

    def _end(self) -> None:
        closed = self._open.pop()
        node = self._close(closed)
        if node.size > MAX_VALUES:
            sentence = f"more than {MAX_VALUES} values when every alias (*name) is written out"
            raise _Refused(Located(self.name, closed.line, closed.column, closed.path, sentence))
        if node.depth > MAX_DEPTH:
            sentence = (
                f"more than {MAX_DEPTH} levels below each other when every alias (*name) is written out"
            )
            raise _Refused(Located(self.name, closed.line, closed.column, closed.path, sentence))
        if closed.anchor is not None:
            self._anchors[closed.anchor] = node
        self._add(node)

    def _close(self, closed: _Open) -> ListNode | MapNode:
        if closed.items is None:
            for key, value in closed.merged:
                self._merge(closed, key, value)
            below = [value for _, value in closed.entries.values()]
        else:
            below = closed.items
        size = 1 + sum(node.size for node in below)
        depth = 1 + max((node.depth for node in below), default=0)
        if closed.items is None:
            return MapNode(closed.entries, closed.line, closed.column, size, depth)
        return ListNode(tuple(closed.items), closed.line, closed.column, size, depth)

    def _merge(self, into: _Open, key: ScalarNode, value: Node) -> None:
        for source in value.items if isinstance(value, ListNode) else (value,):
            if not isinstance(source, MapNode):
                sentence = "'<<' takes the alias of a mapping, such as <<: *defaults"
                self._problem(key, (*into.path, "<<"), sentence)
                return
            self._merged += len(source.entries)
            if self._merged > MAX_VALUES:
                sentence = f"merge keys (<<) repeat more than {MAX_VALUES} values"
                raise _Refused(Located(self.name, key.line, key.column, into.path, sentence))
            for name, entry in source.entries.items():
                into.entries.setdefault(name, entry)

    def _alias(self, name: str, line: int, column: int) -> Node:
        node = self._anchors.get(name)
        stand_in = ScalarNode("", plain=True, line=line, column=column)
        if node is not None:
            return node
        if name in self._anchors:
            self._problem(stand_in, self._path(), f"'*{name}' contains itself")
        else:
            sentence = f"there is no '&{name}' for '*{name}' to repeat; put text that begins with * in quotes"
            self._problem(stand_in, self._path(), sentence)
        return stand_in

    def _add(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        top = self._open[-1]
        if top.items is not None:
            top.items.append(node)
        elif top.wants_key:
            self._key(top, node)
        elif top.skip:
            top.skip = False
        elif top.key is not None:
            self._value(top, top.key, node)

    def _key(self, top: _Open, node: Node) -> None:
        if isinstance(node, ScalarNode) and node.text:
            top.key = node
            self._check_indentation(node)
            return
        top.skip = True
        place = (node.line, node.column)
        if isinstance(node, MapNode) and top.flow and place == (top.line, top.column + 1):
            sentence = 'YAML reads {{ … }} as a mapping unless it is in quotes: "{{ learner.name }}"'
            self._problem(top, top.path, sentence)
            return
        sentence = "a key must be a single word, not a list or a mapping"
        if isinstance(node, ScalarNode):
            sentence = "a key is missing before ':'"
        self.problems.append(Located(self.name, *place, top.path, sentence))

    def _check_indentation(self, key: ScalarNode) -> None:
        unseen = unseen_indentation([key.text], 1, 1) if key.plain else None
        if unseen is not None:
            place = (key.line, key.column + unseen[1] - 1)
            raise _Refused(Located(self.name, *place, (), unseen[2]))  # what is below what is unknown

    def _value(self, top: _Open, key: ScalarNode, node: Node) -> None:
        top.key = None
        if key.text == "<<" and key.plain:
            top.merged.append((key, node))
        elif key.text in top.entries:
            first = top.entries[key.text][0]
            place = f"{self.name}:{first.line}:{first.column}"
            sentence = f"the key '{key.text}' is written twice; it stands at {place} too"
            self.problems.append(Located(self.name, key.line, key.column, top.path, sentence))
        else:
            top.entries[key.text] = (key, node)

    def _path(self) -> Path:
        """Return the path of the value that comes next."""
        if not self._open:
            return ()
        top = self._open[-1]
        if top.items is not None:
            return (*top.path, len(top.items))
        return (*top.path, top.key.text) if top.key is not None else top.path

    def _check_tag(self, tag: str | None, at: ScalarNode | _Open) -> None:
        if tag is not None and tag != "!":
            self._problem(at, self._path(), tag_refused(tag))

    def _problem(self, at: ScalarNode | _Open, path: Path, sentence: str) -> None:
        self.broken.add(path)
        self.problems.append(Located(self.name, at.line, at.column, path, sentence))
