"""Keeps the text of the last good configuration, for a start with a broken one.

The text names its secrets as `${NAME}` and holds none, which `bridge check` sees to. It is kept beside the
configuration, or in the working folder where that may not be written, readable by this user alone.
"""

from __future__ import annotations

import contextlib
import glob
import os
import tempfile
from pathlib import Path

from bridge.config import reading
from bridge.config.yaml_source import MAX_BYTES

_NOTE = "# Kept by the bridge, for a start with a broken file. The last good {}\n"
_UNFINISHED_S = 60
"""What is older than a finished file by so much is left from a process that ended while it wrote."""


def keep(path: Path, text: bytes) -> str | None:
    """Keep the text of the configuration at `path`; returns why that cannot be, if so."""
    kept = _head(path) + text
    why = "there is no place"
    places = _places(path)
    for number, place in enumerate(places):
        try:
            if _read(place) != kept:
                _write(place, kept)
        except OSError as error:
            why = f"{place.parent}: {error.strerror or error}"
            continue
        _forget(path, places[number + 1 :])
        return None
    return why


def recall(path: Path) -> bytes | None:
    """Return the text of the last good configuration of `path`, the newest there is; None without one."""
    head = _head(path)
    beside, *others = _places(path)
    places = (beside, *filter(_is_ours, others))
    found = [place for place in places if (_read(place) or b"").startswith(head)]
    newest = max(found, key=_age, default=None)
    kept = _read(newest) if newest else None
    return None if kept is None else kept.removeprefix(head)


def _head(path: Path) -> bytes:
    """Return the first line, which says whose text it is."""
    return _NOTE.format(path.absolute()).encode("utf-8", "surrogateescape")


def _places(path: Path) -> tuple[Path, ...]:
    """Return where it may be, the place beside the configuration first."""
    name = f".{path.name}.good"
    beside, here = path.absolute().with_name(name), Path.cwd() / name
    return (beside,) if beside == here else (beside, here)


def _is_ours(place: Path) -> bool:
    """Return whether nobody else wrote a file: whoever may write here need not be one who may configure."""
    try:
        return place.stat().st_uid in (os.geteuid(), 0)
    except OSError:
        return True  # there is none


def _age(place: Path) -> int:
    try:
        return place.stat().st_mtime_ns
    except OSError:
        return 0


def _read(place: Path) -> bytes | None:
    found = reading.read(place, 2 * MAX_BYTES)
    return found if isinstance(found, bytes) else None


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
    _tidy(place)


def _tidy(place: Path) -> None:
    """Remove what processes left beside a file that ended while they wrote."""
    finished = _age(place)
    for left in place.parent.glob(f"{glob.escape(place.name)}?*"):
        if _age(left) < finished - _UNFINISHED_S * 10**9:
            with contextlib.suppress(OSError):
                left.unlink()


def _forget(path: Path, places: tuple[Path, ...]) -> None:
    """Remove older texts from places that are not needed any more."""
    for place in places:
        if (_read(place) or b"").startswith(_head(path)):
            with contextlib.suppress(OSError):
                place.unlink()
