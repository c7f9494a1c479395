"""The sample bodies that come with the bridge: a folder per platform, a file per event, people invented."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable

_SUFFIX = ".json"


def sample(name: str) -> bytes | None:
    """Return the sample body of an event by its type, such as `nutror.module_completed`, or None."""
    return next((file.read_bytes() for file in _files() if file.name == name + _SUFFIX), None)


def sample_names() -> tuple[str, ...]:
    """Return the types of which there is a sample, sorted."""
    return tuple(sorted(file.name.removesuffix(_SUFFIX) for file in _files()))


def _files() -> list[Traversable]:
    platforms = (files("bridge.sources") / "samples").iterdir()
    return [file for platform in platforms if platform.is_dir() for file in platform.iterdir()]
