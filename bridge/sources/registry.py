"""Every platform by its `type:`; the only place that knows them all."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from bridge.sources import eduzz_events
from bridge.sources.base import Source
from bridge.sources.eduzz import EduzzOptions, EduzzSource
from bridge.sources.generic import GenericOptions, GenericSource
from bridge.sources.samples import sample, sample_names

__all__ = ["OPTIONS", "build", "known_events", "known_kinds", "sample", "sample_names"]

OPTIONS: Mapping[str, type[BaseModel]] = {"eduzz": EduzzOptions, "generic": GenericOptions}
"""The options of each type of source, checked when the configuration is loaded."""


def build(name: str, options: BaseModel) -> Source:
    """Return the source called `name`; raises TypeError for options that are no source's."""
    match options:
        case EduzzOptions():
            return EduzzSource(name, options)
        case GenericOptions():
            return GenericSource(name, options)
        case _:
            raise TypeError(f"{type(options).__name__} are not the options of a source")


def known_events() -> Mapping[str, str]:
    """Return the neutral kind of every event that is known by name, by its type."""
    return {name: known.kind for name, known in eduzz_events.EVENTS.items()}


def known_kinds() -> frozenset[str]:
    """Return every neutral kind that a known event can have; a check-in has two, done and undone."""
    return eduzz_events.kinds()
