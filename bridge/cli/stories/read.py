"""Reads a file of stories: checked against the configuration they are about, or all that is wrong with it."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from bridge.cli.stories.build import Builder
from bridge.cli.stories.model import StoriesConfig
from bridge.cli.stories.plot import Story
from bridge.config.faults import checked
from bridge.config.files import Material
from bridge.config.interpolate import Filled
from bridge.config.load import Loaded
from bridge.config.located import Located, in_order
from bridge.config.sentences import problems_of
from bridge.config.yaml_nodes import to_data, walk
from bridge.config.yaml_source import parse
from bridge.core.problems import Problem, describe


class Stories(Struct, frozen=True):
    """The stories of one file, and what in it may be a slip."""

    file: Path
    stories: tuple[Story, ...]
    warnings: tuple[Located, ...] = ()


def read_stories(path: Path, loaded: Loaded) -> Stories | tuple[Located, ...]:
    """Return the stories of a file, or all that is wrong with it; never raises for what is in files."""
    material = _material(path)
    config, problems = _validate(material) if material.data else (None, [])
    stories: tuple[Story, ...] = ()
    if config is not None:
        builder = Builder(path, loaded, material)
        stories = tuple(builder.story(place, each) for place, each in enumerate(config.stories))
        problems = builder.problems
    found = in_order([*material.problems, *map(material.locate, problems)], [str(path)])
    if config is None or not all(each.warning for each in found):
        return found
    return Stories(path, stories, found)


def _material(path: Path) -> Material:
    """Read a file as it stands: nothing in a story comes from outside."""
    material = Material(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        material.problems.append(Located(str(path), 0, 0, (), f"the file cannot be read: {error.strerror}"))
        return material
    material.main, material.problems = parse(content, str(path))
    if material.main is None or material.problems:
        return material
    material.filled = {id(node): Filled(node.text, node.text) for _, node in walk(material.main.root)}
    data = to_data(material.main.root, material.value)
    if isinstance(data, dict):
        material.data = data
    else:
        sentence = f"expected `stories:` with a list below it, not {describe(data)}"
        material.problems.append(Located(str(path), 1, 1, (), sentence))
    return material


def _validate(material: Material) -> tuple[StoriesConfig | None, list[Problem]]:
    found = checked(material, StoriesConfig)
    if isinstance(found, StoriesConfig):
        return found, []
    return None, problems_of(found, material, lambda _: False, StoriesConfig)
