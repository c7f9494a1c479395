"""Waits for a change of the files that a preview is made of, by looking at them several times a second.

A configuration is a handful of files, so looking costs less than a library that is told by the system, and
works in containers and on network drives, where the system tells nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from bridge.config.files import read

LOOK_S = 0.2
MOST_FILES = 5_000
_FOLDERS = ("templates", "attachments")
Stamp = dict[str, tuple[int, int]]
"""Time of change in nanoseconds and size, by file."""


class Watched:
    """The files of a configuration, with that of the event if it is one."""

    def __init__(self, config: Path, event: str) -> None:
        self._config = config
        self._event = event
        self._patterns: tuple[tuple[int, int] | None, list[str]] = (None, [])

    def stamp(self) -> Stamp:
        """Return what the files look like now."""
        found: Stamp = {}
        for path in self._files():
            if len(found) >= MOST_FILES:
                break
            seen = _seen(path)
            if seen is not None:
                found[str(path)] = seen
        return found

    def _files(self) -> Iterator[Path]:
        yield self._config
        yield self._config.parent / ".env"
        yield Path(self._event)
        for pattern in self._included():
            yield from _matches(self._config.parent, pattern)
        for each in _FOLDERS:
            for folder, below, names in os.walk(self._config.parent / each):
                below.sort()
                yield from (Path(folder, name) for name in sorted(names))

    def _included(self) -> list[str]:
        """Return the patterns of `include:`, read anew only when the configuration has changed."""
        now = _seen(self._config)
        if now != self._patterns[0]:
            include = read(self._config, os.environ).data.get("include")
            patterns = include if isinstance(include, list) else [include]
            self._patterns = (now, [each for each in patterns if isinstance(each, str)])
        return self._patterns[1]


def changed(before: Stamp, look: Callable[[], Stamp], wait: Callable[[float], None]) -> Stamp:
    """Return the new stamp once something is another and stays so: editors write in several steps."""
    while True:
        wait(LOOK_S)
        now = look()
        if now == before:
            continue
        settled = False
        while not settled:
            wait(LOOK_S)
            later = look()
            settled, now = later == now, later
        return now


def _matches(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except (OSError, ValueError, NotImplementedError):  # no pattern for files, which reading them tells
        return []


def _seen(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):  # gone again, or an editor is about to put it back
        return None
    return found.st_mtime_ns, found.st_size
