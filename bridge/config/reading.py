"""Reads the files of a configuration: no more than wanted, and nothing that has no end or waits."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

_STREAMS = ("/dev/", "/proc/")
"""Where whoever names a file means a stream, such as `/dev/stdin`."""


def read(path: Path, most: int) -> bytes | str:
    """Return at most so many bytes of a file, or in a few words why it cannot be read."""
    try:
        if not (path.absolute().as_posix().startswith(_STREAMS) or _is_plain(path)):
            return "it is no file with an end"
        with path.open("rb") as file:
            return file.read(most)
    except (OSError, ValueError) as error:
        return reason(error)


def reason(error: OSError | ValueError) -> str:
    """Return why a file could not be read, in a few words without its content."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "its name is not a path"


def files_below(folder: Path, most: int) -> Iterator[Path]:
    """Yield files in and below a folder, without what editors and systems keep there for themselves."""
    yield from islice(_below(folder), most)


def _below(folder: Path) -> Iterator[Path]:
    for top, folders, names in os.walk(folder):  # one that is gone is empty
        folders[:] = sorted(filter(_is_meant, folders))
        yield from (Path(top, name) for name in sorted(filter(_is_meant, names)))


def _is_meant(name: str) -> bool:
    return not (name.startswith(".") or name.endswith("~"))


def _is_plain(path: Path) -> bool:
    """Return whether it is a file, or a folder, of which opening says so; raises OSError if there is none."""
    mode = path.stat().st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)
