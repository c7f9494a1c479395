"""Keeps the text of the last good configuration, for a start with a broken one.

The text names its secrets as `${NAME}` and holds none, which `bridge check` sees to. It is kept beside the
configuration, or in the working folder where that may not be written, readable by this user alone.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from bridge.config.yaml_source import MAX_BYTES

_NOTE = "# Kept by the bridge, for a start with a broken file. The last good {}\n"


def keep(path: Path, text: bytes) -> str | None:
    """Keep the text of the configuration at `path`; returns why that cannot be, if so."""
    kept = _head(path) + text
    why = "there is no place"
    for place in _places(path):
        if _read(place) == kept:
            return None
        try:
            _write(place, kept)
        except OSError as error:
            why = f"{place.parent}: {error.strerror or error}"
        else:
            return None
    return why


def recall(path: Path) -> bytes | None:
    """Return the text of the last good configuration of `path`, the newest there is; None without one."""
    head = _head(path)
    found = [place for place in _places(path) if (_read(place) or b"").startswith(head)]
    newest = max(found, key=lambda place: place.stat().st_mtime_ns, default=None)
    kept = _read(newest) if newest else None
    return None if kept is None else kept.removeprefix(head)


def _head(path: Path) -> bytes:
    """Return the first line, which says whose text it is."""
    return _NOTE.format(path.absolute()).encode("utf-8", "surrogateescape")


def _places(path: Path) -> tuple[Path, ...]:
    name = f".{path.name}.good"
    return (path.absolute().with_name(name), Path.cwd() / name)


def _read(place: Path) -> bytes | None:
    with contextlib.suppress(OSError), place.open("rb") as file:
        return file.read(2 * MAX_BYTES)
    return None


def _write(place: Path, content: bytes) -> None:
    """Write a whole file or nothing; a temporary file is readable by its owner alone."""
    with tempfile.NamedTemporaryFile(dir=place.parent, prefix=place.name, delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(place)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
