"""What receiving needs of a configuration: who may call, where to listen and where to store.

Of a broken file it is read section by section, and what cannot be read is taken from the last good one.
A file that is no YAML is taken apart at the keys that stand at the very left.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from bridge.config import reading
from bridge.config.faults import checked
from bridge.config.files import Material, read_dotenv
from bridge.config.interpolate import Interpolator
from bridge.config.reception import Reception, admin_is_guarded
from bridge.config.yaml_nodes import MapNode, YamlFile, to_data, walk
from bridge.config.yaml_source import MAX_BYTES, parse
from bridge.core.problems import Path as KeyPath

SETTINGS = ("store", "listen", "timezone", "locale", "public_url", "admin_url", "admin_password")
_SOURCES = "sources"
_TOP = re.compile(r"^(?=[A-Za-z_\"'])", re.MULTILINE)
_KEY = re.compile(r"[\"']?(?P<key>\w+)[\"']?\s*:")


class Receiving(Struct, frozen=True):
    """A configuration that receives, without channels and rules.

    `kept` are the paths that were taken from the last good one; `lost` are the sources that nobody can say
    anything about, whose events are refused.
    """

    config: Reception
    kept: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def receiving(path: Path, env: Mapping[str, str], good: bytes) -> Receiving | None:
    """Return what the file at `path` says about receiving; None if not even that can be known.

    `good` is the text of the last good configuration. Never raises for anything that is in files.
    """
    text = _bytes(path)
    now = _Part(path, text, env)
    return _Choice(now, now if text == good else _Part(path, good, env)).made()


def _bytes(path: Path) -> bytes:
    found = reading.read(path, MAX_BYTES + 1)
    return b"" if isinstance(found, str) else found


class _Part:
    """What one text says about receiving."""

    def __init__(self, path: Path, text: bytes, env: Mapping[str, str]) -> None:
        self._material = material = Material(path)
        material.dotenv = read_dotenv(path.parent / ".env", material)
        material.interpolator = Interpolator({**material.dotenv.values, **env}, path.parent)
        material.main, self.is_whole = entire_or_parts(text, str(path), (*SETTINGS, _SOURCES))
        if material.main is not None and isinstance(material.main.root, MapNode):
            entries = material.main.root.entries
            wanted = {key: entries[key][1] for key in (*SETTINGS, _SOURCES) if key in entries}
            material.data = {key: to_data(node, material.value) for key, node in wanted.items()}
            self._note_broken(material.main)

    def sources(self) -> dict[str, object]:
        """Return the sources as they are written."""
        found = self._material.data.get(_SOURCES)
        return {str(name): raw for name, raw in found.items()} if isinstance(found, dict) else {}

    def has_sources(self) -> bool:
        """Return whether it says which sources there are."""
        return bool(self.sources())

    def writes(self, setting: str) -> bool:
        """Return whether a setting stands there."""
        return setting in self._material.data

    def says(self, setting: str) -> bool:
        """Return whether a setting stands there, or is left out on purpose; a file may be cut off."""
        return self.writes(setting) or (self.is_whole and self.has_sources())

    def source(self, name: str) -> Reception | None:
        """Return the configuration with one source alone, if that is good."""
        raw = self.sources().get(name)
        return None if raw is None else self._config({_SOURCES: {name: raw}}, (_SOURCES, name))

    def setting(self, setting: str, sources: Reception) -> Reception | None:
        """Return a configuration with one setting, if that is good."""
        if not self.says(setting):
            return None
        data = self._material.data
        given = {setting: data[setting]} if setting in data else {}
        return self._config({**given, _SOURCES: _any_source(sources)}, (setting,))

    def _config(self, data: dict[str, object], needed: KeyPath) -> Reception | None:
        material = self._material
        main = material.main.name if material.main else ""
        if any(file == main and path[: len(needed)] == needed for file, path in material.broken):
            return None
        found = checked(replace(material, data=data), Reception)
        return found if isinstance(found, Reception) else None

    def _note_broken(self, file: YamlFile) -> None:
        """Mark every value that lacks something from outside."""
        material = self._material
        material.broken |= {(file.name, path) for path in file.broken}
        for path, node in walk(file.root):
            filled = material.filled.get(id(node))
            if filled is not None and not filled.is_whole:
                material.broken.add((file.name, path))


class _Choice:
    """Takes from the file what is good, and from the last good one what is not."""

    def __init__(self, now: _Part, before: _Part) -> None:
        self._now = now
        self._before = before
        self._kept: list[str] = []

    def made(self) -> Receiving | None:
        """Return the configuration; None without a source, or where a setting cannot be known."""
        found = {name: self._source(name) for name in self._names()}
        good = [config for config in found.values() if config is not None]
        if not good:
            return None
        sources = good[0].model_copy(
            update={_SOURCES: {name: config.sources[name] for name, config in found.items() if config}}
        )
        settings = {each: self._setting(each, sources) for each in SETTINGS}
        if any(config is None for config in settings.values()):
            return None
        config = sources.model_copy(update={each: getattr(config, each) for each, config in settings.items()})
        if any(admin_is_guarded(config)):
            return None
        lost = tuple(name for name, config in found.items() if config is None)
        return Receiving(config, tuple(self._kept), lost)

    def _names(self) -> Iterable[str]:
        """Return the sources there are: what a file does not name that is cut off may be further down."""
        if self._now.has_sources() and self._now.is_whole:
            return self._now.sources()
        return dict.fromkeys((*self._now.sources(), *self._before.sources()))

    def _source(self, name: str) -> Reception | None:
        now = self._now.source(name)
        if now is not None:
            return now
        before = self._before.source(name)
        if before is not None:
            self._kept.append(f"{_SOURCES}.{name}")
        return before

    def _setting(self, name: str, sources: Reception) -> Reception | None:
        now = self._now.setting(name, sources)
        if now is not None:
            return now
        if self._before.writes(name):
            self._kept.append(name)
        return self._before.setting(name, sources)


def _any_source(config: Reception) -> dict[str, object]:
    return dict(config.sources)


def entire_or_parts(text: bytes, name: str, keys: Collection[str]) -> tuple[YamlFile | None, bool]:
    """Return what can be read of a text, and whether that is all of it.

    Of a text that is no YAML it is what stands at some of these keys, at the very left.
    """
    file, _ = parse(text, name)
    if file is not None:
        return file, isinstance(file.root, MapNode)
    good = [block for block in _blocks(text.decode("utf-8", "replace"), keys) if _is_good(block)]
    return parse("".join(good).encode(), name)[0], False


def _blocks(text: str, keys: Collection[str]) -> list[str]:
    """Return the parts of a text that begin with a wanted key at the very left, of which there is one."""
    blocks = [
        (found["key"], block)
        for block in _TOP.split(text)
        if (found := _KEY.match(block)) is not None and found["key"] in keys
    ]
    all_keys = [key for key, _ in blocks]
    once = (block for key, block in blocks if all_keys.count(key) == 1)
    return [block if block.endswith("\n") else f"{block}\n" for block in once]


def _is_good(block: str) -> bool:
    file, problems = parse(block.encode(), "")
    return file is not None and not problems
