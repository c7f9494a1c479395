"""What telling the owner of trouble needs of a broken configuration: `owner:`, and the channels it names.

Both are read and checked as ever, and so are the templates and the variables they use; whatever else is
wrong does not matter. Where they are broken, too, or cannot be read, those of the last good text are taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from bridge.channels.base import Endpoints
from bridge.config import reading
from bridge.config.cut_off import cut_off
from bridge.config.files import Material, RuleFile, read_dotenv
from bridge.config.interpolate import Interpolator
from bridge.config.load import checked
from bridge.config.loaded import Loaded
from bridge.config.receiving import entire_or_parts
from bridge.config.reception import Reception
from bridge.config.sends import entries, send_kind
from bridge.config.standins import stand_in, use_stand_ins
from bridge.config.yaml_nodes import ListNode, MapNode, Node, YamlFile, to_data, walk
from bridge.config.yaml_source import MAX_BYTES, parse

UNNAMED = "there is no `owner:`"
UNSOUND = "what it says of `owner:` or its channel is broken, too"
_OWNER, _CHANNELS = "owner", "channels"


def telling(
    path: Path,
    env: Mapping[str, str],
    first: Reception,
    good: bytes | None = None,
    sandbox: Endpoints | None = None,
) -> Loaded | str:
    """Return a configuration that tells the owner and does no more, or why the file at `path` makes none.

    It has no rules, the channels of `owner:` alone, and the languages, zones and addresses of `first`, with
    which receiving began. `good` is the text of the last good configuration, which also counts where the file
    is its mere beginning; one that leaves `owner:` out has none. Never raises for anything that is in files.
    """
    content = reading.read(path, MAX_BYTES + 1)
    now = _Text(path, content if isinstance(content, bytes) else b"", env, sandbox)
    if now.is_whole and not now.names_owner and (good is None or cut_off(now.text, good) is None):
        return UNNAMED
    before = None if good in (None, now.text) else _Text(path, good or b"", env, sandbox)
    for each in (now, before):
        found = each.made(first) if each else None
        if found is not None:
            return found
    return UNSOUND


class _Text:
    """What one text says of the owner."""

    def __init__(self, path: Path, text: bytes, env: Mapping[str, str], sandbox: Endpoints | None) -> None:
        self.text = text
        self._sandbox = sandbox
        self._material = material = Material(path)
        material.dotenv = read_dotenv(path.parent / ".env", material)
        material.problems.clear()  # those of lines that nothing here needs; others leave a value broken
        variables = {**material.dotenv.values, **env}
        material.interpolator = Interpolator(variables, path.parent, stand_in if sandbox else None)
        file, self.is_whole = entire_or_parts(text, str(path), (_OWNER, _CHANNELS))
        self._root = file.root if file is not None and isinstance(file.root, MapNode) else None
        self._file = file

    @property
    def names_owner(self) -> bool:
        """Return whether an owner stands there."""
        node = self._entry(_OWNER)
        return node is not None and self._data(node) is not None

    def made(self, first: Reception) -> Loaded | None:
        """Return the configuration that only tells the owner: by every way, or else by one that is good."""
        if self._root is None or not self.names_owner:
            return None
        found = (self._telling_by(owner, first) for owner in _ways(self._root.entries[_OWNER][1]))
        return next((each for each in found if each is not None), None)

    def _telling_by(self, owner: Node, first: Reception) -> Loaded | None:
        file = self._reduced_to(owner)
        if file is None or self._is_misread(file):
            return None
        material = replace(self._material, main=file, rule_files=[RuleFile(file, 0)], broken=set())
        data = to_data(file.root, material.value)
        material.data = {**_settings(first), **(data if isinstance(data, dict) else {})}
        if any(not material.filled[id(node)].is_whole for _, node in walk(file.root)):
            return None
        if self._sandbox is not None:
            use_stand_ins(material, self._sandbox)
        found = checked(material, sandbox=self._sandbox is not None)
        return found if isinstance(found, Loaded) and found.owner is not None else None

    def _reduced_to(self, owner: Node) -> YamlFile | None:
        """Return a file with an owner and the channels that it names, each at its place."""
        root, file = self._root, self._file
        if root is None or file is None:
            return None
        kept = {_OWNER: (root.entries[_OWNER][0], owner)}
        channels = self._entry(_CHANNELS)
        if isinstance(channels, MapNode):
            named = _named(self._data(owner))
            mine = {name: each for name, each in channels.entries.items() if name in named}
            kept[_CHANNELS] = (root.entries[_CHANNELS][0], replace(channels, entries=mine))
        return replace(file, root=replace(root, entries=kept))

    def _is_misread(self, file: YamlFile) -> bool:
        """Return whether something here stands there twice, or nobody understood it."""
        problems = parse(self.text, file.name)[1] if self.is_whole else []
        channels = file.node((_CHANNELS,))
        named = channels.entries if isinstance(channels, MapNode) else ()
        mine = {(_CHANNELS,), *((_CHANNELS, name) for name in named)}
        wrong = {*file.broken, *(problem.path for problem in problems if not problem.warning)}
        return any(path[:1] == (_OWNER,) or path[:2] in mine for path in wrong)

    def _entry(self, key: str) -> Node | None:
        return self._root.entries[key][1] if self._root and key in self._root.entries else None

    def _data(self, node: Node) -> object:
        return to_data(node, self._material.value)


def _ways(owner: Node) -> list[Node]:
    """Return an owner as it stands, and by each of its ways alone, the preferred one first."""
    if not isinstance(owner, MapNode) or "else" not in owner.entries:
        return [owner]
    alone = replace(owner, entries={key: each for key, each in owner.entries.items() if key != "else"})
    instead = owner.entries["else"][1]
    return [owner, alone, *(instead.items if isinstance(instead, ListNode) else [instead])]


def _named(owner: object) -> set[str]:
    """Return the names of the channels by which an owner is told."""
    instead = entries(owner.get("else")) if isinstance(owner, dict) else []
    ways = [each for each in (owner, *instead) if isinstance(each, dict)]
    return {str(each[kind]) for each in ways if (kind := send_kind(each)) is not None}


def _settings(first: Reception) -> dict[str, object]:
    """Return what receiving knows, as a file would say it."""
    said = {name: getattr(first, name) for name in ("locale", "public_url", "admin_url")}
    zone = {"timezone": first.timezone.key}
    return {**zone, **{name: value for name, value in said.items() if value}, "sources": dict(first.sources)}
