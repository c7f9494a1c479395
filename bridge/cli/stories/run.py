"""Plays stories one after the other and judges each: what agrees, what differs, what is missing and why."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from msgspec import Struct, field

from bridge import logs
from bridge.cli.stories.compare import Pair, compare
from bridge.cli.stories.happened import Happened
from bridge.cli.stories.play import Played, played
from bridge.cli.stories.plot import Story
from bridge.cli.stories.why import why_missing
from bridge.config.load import Loaded

_MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of our own is made in it


class Judged(Struct, frozen=True):
    """How a story went.

    `refused` says which requests led to no event, `why` has the explanation of what is missing by the place
    of its pair; `passed` is the story's own time.
    """

    story: Story
    pairs: tuple[Pair, ...]
    happened: tuple[Happened, ...]
    refused: tuple[str, ...]
    passed: timedelta
    why: Mapping[int, list[str]] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether everything is as expected."""
        written = self.story.expected is not None
        return written and not self.refused and all(pair.agrees for pair in self.pairs)


async def judged(stories: Iterable[Story], loaded: Loaded) -> AsyncIterator[Judged]:
    """Play each story in a store of its own, in memory where the system offers that."""
    log = logs.configure(level=logging.ERROR)  # what goes otherwise than expected is told with its story
    folder = str(_MEMORY) if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="bridge-stories-", dir=folder) as name:
        for number, story in enumerate(stories):
            meant = _with_rules_of(story, loaded)
            async with played(story, meant, Path(name, f"{number}.db"), log) as stage:
                yield await _judge(story, stage, meant)


def _with_rules_of(story: Story, loaded: Loaded) -> Loaded:
    """Return the configuration with the story's rules alone: others would share its channels' pace."""
    if story.rules is None:
        return loaded
    return replace(loaded, rules=tuple(rule for rule in loaded.rules if rule.name in story.rules))


async def _judge(story: Story, stage: Played, loaded: Loaded) -> Judged:
    pairs = compare(story.expected or (), stage.happened)
    why = {
        place: await why_missing(pair.expected, stage, loaded)
        for place, pair in enumerate(pairs)
        if pair.expected is not None and pair.happened is None
    }
    return Judged(story, pairs, stage.happened, stage.refused, stage.passed, why)
