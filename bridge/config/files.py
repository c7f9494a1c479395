"""Reads `config.yaml`, the `.env` beside it and the rule files it includes into one tree of plain data.

Every value keeps its place, the text the person typed, and whether it came from outside.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from bridge.config import reading
from bridge.config.dotenv import DotEnv, parse_dotenv
from bridge.config.interpolate import Filled, Interpolator
from bridge.config.located import Located
from bridge.config.yaml_nodes import Node, ScalarNode, YamlFile, resolve, to_data, walk
from bridge.config.yaml_source import MAX_BYTES, parse
from bridge.core.problems import Path as KeyPath
from bridge.core.problems import Problem, describe, did_you_mean
from bridge.core.values import number

Place = tuple[str, KeyPath]
"""A file, and the beginning of a path in it."""
_GLOB = frozenset("*?[")


class RuleFile(Struct, frozen=True):
    """A file that holds rules, of which the first is `rules[first]` of the whole configuration."""

    file: YamlFile
    first: int


class Material(Struct):
    """Everything that was read; `data` is empty when the main file could not be understood at all."""

    path: Path
    data: dict[str, object] = field(default_factory=dict)
    main: YamlFile | None = None
    rule_files: list[RuleFile] = field(default_factory=list)
    problems: list[Located] = field(default_factory=list)
    dotenv: DotEnv = field(default_factory=lambda: DotEnv(".env"))
    interpolator: Interpolator = field(default_factory=lambda: Interpolator({}, Path()))
    filled: dict[int, Filled] = field(default_factory=dict)
    broken: set[tuple[str, KeyPath]] = field(default_factory=set)
    """Files and paths of values that are stand-ins, because what is wrong with them is already known."""
    _places: list[tuple[YamlFile, KeyPath, ScalarNode]] | None = None
    """Every single value, found when first asked for: after that, what was read does not change."""

    def locate(self, problem: Problem) -> Located:
        """Return a problem with its place: a template's own, or that of its path in its file."""
        if problem.file is not None:
            return Located(
                problem.file, problem.line or 0, 0, problem.path, problem.sentence, problem.warning
            )
        file, path = self.home(problem.path)
        line, column = file.place(path) if file else (0, 0)
        shown = path[:-1] if _names_key(problem.sentence, path) else path
        name = file.name if file else str(self.path)
        return Located(name, line, column, shown, problem.sentence, problem.warning)

    def home(self, path: KeyPath) -> tuple[YamlFile | None, KeyPath]:
        """Return the file that holds a path, and the path as that file would call it."""
        if len(path) > 1 and path[0] == "rules" and isinstance(path[1], int):
            for part in reversed(self.rule_files):
                if path[1] >= part.first:
                    return part.file, ("rules", path[1] - part.first, *path[2:])
        return self.main, path

    def node(self, path: KeyPath) -> Node | None:
        """Return what was written at a path."""
        file, local = self.home(path)
        return file.node(local) if file else None

    def is_broken(self, path: KeyPath) -> bool:
        """Return whether a problem of the value at a path, or of one above it, is already known."""
        file, local = self.home(path)
        return file is not None and self.is_broken_in(file, local)

    def is_broken_in(self, file: YamlFile, path: KeyPath) -> bool:
        """Return the same for a path as one file calls it."""
        return any((file.name, path[:length]) in self.broken for length in range(len(path) + 1))

    def is_outside(self, path: KeyPath) -> bool:
        """Return whether the value at a path came from outside, in part or whole, and must not be shown."""
        node = self.node(path)
        return isinstance(node, ScalarNode) and bool(self.filled[id(node)].outside)

    def use_typed_text(self, paths: Iterable[KeyPath]) -> bool:
        """Put the typed text where YAML saw a number or a boolean; return whether there was such a place."""
        texts = {path: text for path in paths if (text := self._plain_text(path)) is not None}
        if texts:
            self.data = copy.deepcopy(self.data)  # what an alias repeats may be text in one place only
        for path, text in texts.items():
            holder: Any = self.data
            for part in path[:-1]:
                holder = holder[part]
            holder[path[-1]] = text
        return bool(texts)

    def as_typed(self, path: KeyPath) -> object:
        """Return the data at a path, with numbers as text where their spelling says more: `010`, `1.10`."""
        node = self.node(path)
        return None if node is None else to_data(node, self._spelled)

    def scalars(self) -> Iterator[tuple[YamlFile, KeyPath, ScalarNode, Filled]]:
        """Yield every single value of every file; to be asked once all of them are read."""
        if self._places is None:
            files = [*([self.main] if self.main else []), *(part.file for part in self.rule_files[1:])]
            self._places = [(file, path, node) for file in files for path, node in walk(file.root)]
        for file, path, node in self._places:
            yield file, path, node, self.filled[id(node)]

    def values_by_place(self) -> dict[Place, set[str]]:
        """Return the values from outside by the rule, source, channel or setting they are used in."""
        found: dict[Place, set[str]] = {}
        for file, path, _, filled in self.scalars():
            if filled.values:
                found.setdefault((file.name, path[:2]), set()).update(filled.values)
                found.setdefault((file.name, path[:1]), set()).update(filled.values)
        return found

    def value(self, node: ScalarNode) -> object:
        """Return what a single value stands for, after its references were replaced."""
        filled = self.filled.get(id(node))
        if filled is None:
            filled = self.filled[id(node)] = self.interpolator.fill(node.text)
        if not node.plain:
            return filled.text
        value = resolve(filled.text)
        # A password may be called null.
        return filled.text if value is None and filled.outside else value

    def _plain_text(self, path: KeyPath) -> str | None:
        node = self.node(path)
        if not isinstance(node, ScalarNode) or not node.plain:
            return None
        return None if self.value(node) is None else self.filled[id(node)].text

    def _spelled(self, node: ScalarNode) -> object:
        value = self.value(node)
        text = self.filled[id(node)].text
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return text if is_number and str(value) != text and number(text) is not None else value


def read(path: Path, env: Mapping[str, str], placeholder: Callable[[str], str] | None = None) -> Material:
    """Return everything that could be read, and every problem on the way; never raises for a file."""
    material = Material(path)
    material.dotenv = read_dotenv(path.parent / ".env", material)
    variables = {**material.dotenv.values, **env}
    material.interpolator = Interpolator(variables, path.parent, placeholder)
    material.main = _parse(path, material)
    if material.main is None:
        return material
    data = _mapping(material.main, material)
    if data is not None:
        material.data = data
        _include(material)
    _check_references(material, env)
    return material


def read_dotenv(path: Path, material: Material) -> DotEnv:
    """Return what a `.env` sets, nothing if there is none; its problems are added to the material's."""
    if not path.is_file():
        return DotEnv(str(path))
    data = reading.read(path, MAX_BYTES + 1)
    if isinstance(data, str):
        material.problems.append(Located(str(path), 0, 0, (), f"the file cannot be read: {data}"))
        return DotEnv(str(path))
    dotenv = parse_dotenv(data, str(path))
    material.problems += dotenv.problems
    return dotenv


def _parse(path: Path, material: Material) -> YamlFile | None:
    data = reading.read(path, MAX_BYTES + 1)
    if isinstance(data, str):
        material.problems.append(Located(str(path), 0, 0, (), f"the file cannot be read: {data}"))
        return None
    file, problems = parse(data, str(path))
    material.problems += problems
    material.broken |= {(str(path), broken) for broken in (file.broken if file else ())}
    return file


def _mapping(file: YamlFile, material: Material) -> dict[str, object] | None:
    data = to_data(file.root, material.value)
    if isinstance(data, dict):
        return data
    sentence = f"expected settings such as `sources:` and `rules:`, not {describe(data)}"
    material.problems.append(Located(file.name, file.root.line, file.root.column, (), sentence))
    return None


def _include(material: Material) -> None:
    """Append the rules of included files to those of the main file."""
    assert material.main is not None  # noqa: S101  # read() returns before
    rules = list(_rules(material.main, material.data, material))
    material.rule_files.append(RuleFile(material.main, 0))
    for found in _included_files(material):
        file = _parse(found, material)
        data = _mapping(file, material) if file else None
        if file and data is not None:
            material.rule_files.append(RuleFile(file, len(rules)))
            rules += _rules(file, data, material)
            _check_is_only_rules(file, data, material)
    material.data = {**material.data, "rules": rules}


def _included_files(material: Material) -> list[Path]:
    folder = material.path.parent
    found: dict[Path, None] = {}
    for path, pattern in patterns(material.data.get("include")):
        node = material.node(path)
        if isinstance(node, ScalarNode) and not material.filled[id(node)].is_whole:
            continue
        matches = matching(folder, pattern)
        if not matches:
            warning = bool(_GLOB & set(pattern))
            verb = "fits" if warning else "is called"
            sentence = f"no file beside {material.path.name} {verb} '{pattern}'"
            material.problems.append(material.locate(Problem(path, sentence, warning=warning)))
        found.update(dict.fromkeys(match for match in matches if match != material.path))
    return list(found)


def patterns(include: object) -> list[tuple[KeyPath, str]]:
    """Return what `include:` names, with the place of each."""
    if isinstance(include, str):
        return [(("include",), include)]
    items = include if isinstance(include, list) else []
    return [(("include", index), item) for index, item in enumerate(items) if isinstance(item, str)]


def matching(folder: Path, pattern: str) -> list[Path]:
    """Return the files that fit a name or a pattern, which begins at the folder."""
    try:
        if not _GLOB & set(pattern):
            return [path for path in (folder / pattern,) if path.is_file()]
        return sorted(path for path in folder.glob(pattern) if path.is_file())
    except (OSError, ValueError, NotImplementedError):
        return []


def _rules(file: YamlFile, data: Mapping[str, object], material: Material) -> list[object]:
    rules = data.get("rules", [])
    if isinstance(rules, list):
        return rules
    if not material.is_broken_in(file, ("rules",)):
        sentence = f"expected a list, not {describe(rules)}; begin each rule with '-'"
        material.problems.append(Located(file.name, *file.place(("rules",)), ("rules",), sentence))
    return []


def _check_is_only_rules(file: YamlFile, data: Mapping[str, object], material: Material) -> None:
    for key in data.keys() - {"rules"}:
        sentence = f"an included file holds only `rules:`, not '{key}'{did_you_mean(key, ('rules',))}"
        material.problems.append(Located(file.name, *file.place((key,)), (), sentence))


def _check_references(material: Material, env: Mapping[str, str]) -> None:
    for file, path, node, filled in material.scalars():
        place = Located(file.name, node.line, node.column, path, "")
        material.problems += (replace(place, sentence=sentence) for sentence in filled.problems)
        for name in filled.missing:
            material.problems += _missing(name, place, material, env)
        if not filled.is_whole:
            material.broken.add((file.name, path))


def _missing(name: str, place: Located, material: Material, env: Mapping[str, str]) -> Iterator[Located]:
    """Yield what is wrong with a variable: at its line in `.env`, or else at the place that asks for it."""
    dotenv = material.dotenv
    if name in dotenv.lines and name not in env:
        sentence = f"{name} has no value; write it after '{name}='"
        yield Located(dotenv.name, dotenv.lines[name], 0, (), sentence)
    elif name not in dotenv.unread:  # whose line is a problem already
        yield replace(place, sentence=material.interpolator.unset(name))


def _names_key(sentence: str, path: KeyPath) -> bool:
    """Return whether a sentence is about the key that ends its path, which then reads better without it."""
    return bool(path) and isinstance(path[-1], str) and sentence.startswith(_about(path[-1]))


def _about(key: str) -> tuple[str, ...]:
    return (f"unknown key '{key}'", f"unknown operator '{key}'")
