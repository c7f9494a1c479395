"""Notices that the file under a running store was removed or replaced: writes would go where nobody looks."""

from __future__ import annotations

import os
from pathlib import Path

from bridge.store.errors import StoreUnavailable


class Presence:
    """One file, as it was when this was made; a path alone may lead to another one later."""

    def __init__(self, file: Path) -> None:
        self._file = str(file)  # what is asked before every commit need not be a Path
        self._known = _identity(self._file)

    def check(self) -> None:
        """Raise `StoreUnavailable` when the path no longer leads to the file."""
        found = _identity(self._file)
        if found is None or found != self._known:
            raise StoreUnavailable(
                f"the store's file was removed or replaced while the bridge runs: {self._file}; "
                "put the right one there if it is not, then restart the bridge"
            )


def _identity(file: str) -> tuple[int, int] | None:
    try:
        status = os.stat(file)  # noqa: PTH116 - a Path would be taken apart each time
    except OSError:
        return None
    return status.st_dev, status.st_ino
