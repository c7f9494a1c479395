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
_TEMPLATES = "templates"
Stamp = dict[str, tuple[int, int]]
"""Time of change in nanoseconds and size, by file."""


def stamp(config: Path, event: str) -> Stamp:
    """Return what the files of a configuration look like now, with the file of the event if it is one."""
    found: Stamp = {}
    for path in _files(config, event):
        if len(found) >= MOST_FILES:
            break
        try:
            seen = path.stat()
        except OSError:  # gone again, or an editor is about to put it back
            continue
        found[str(path)] = (seen.st_mtime_ns, seen.st_size)
    return found


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


def _files(config: Path, event: str) -> Iterator[Path]:
    yield config
    yield config.parent / ".env"
    yield Path(event)
    # The rule files are asked for anew each time: one that is added counts too.
    yield from (Path(part.file.name) for part in read(config, os.environ).rule_files)
    for folder, below, names in os.walk(config.parent / _TEMPLATES):
        below.sort()
        yield from (Path(folder, name) for name in sorted(names))
