"""Where the running configuration comes from: loads its files, says whether they changed, keeps good ones."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from bridge.config import last_good
from bridge.config.files import matching, patterns
from bridge.config.loaded import Broken, Loaded

Signature = frozenset[tuple[str, int, int, int]]
"""Of each file its name, when it was written, its size and its number on the disk."""


class Found(Struct, frozen=True):
    """What was loaded, and the digest of the texts it was loaded from."""

    loaded: Loaded | Broken
    digest: str
    signature: Signature
    """As it was before they were read."""
    not_kept: str | None = None
    """Why the text could not be kept as the last good one."""


class Origin(Struct):
    """The files of a configuration; `read` loads them, and good ones are kept if it `keeps`.

    All methods wait for the disk.
    """

    path: Path
    read: Callable[[], Loaded | Broken]
    keeps: bool = False
    _included: tuple[str, ...] = ()
    _ready: Found | None = None

    def begin(self) -> Found:
        """Load the files ahead of the next `load`, which returns the same."""
        self._ready = self.load()
        return self._ready

    def load(self) -> Found:
        """Load the files; what is good is kept, unless it was changed meanwhile."""
        if self._ready is not None:
            ready, self._ready = self._ready, None
            return ready
        signature, before = self.signature(), _content(self.path)
        loaded = self.read()
        not_kept = None
        if isinstance(loaded, Loaded):
            self._included = loaded.config.include or ()
            signature |= _signature(self._rule_files())
            if self.keeps and before is not None and _content(self.path) == before:
                not_kept = last_good.keep(self.path, before)
        return Found(loaded, self._digest(), signature, not_kept)

    def signature(self) -> Signature:
        """Return what changes when a file is written, replaced, added or removed."""
        return _signature([self.path.parent / ".env", *self._texts()])

    def _digest(self) -> str:
        """Return 16 hex digits for the texts of the files; `.env`, which holds secrets, is none of them."""
        made = hashlib.blake2b(digest_size=8)
        for file in sorted(self._texts()):
            content = _content(file)
            if content is not None:
                made.update(f"{file.name}\0{len(content)}\0".encode("utf-8", "surrogateescape") + content)
        return made.hexdigest()

    def _texts(self) -> Iterator[Path]:
        yield self.path
        yield from self._rule_files()
        for folder, _, names in os.walk(self.path.parent / "templates"):  # one that is gone is empty
            yield from (Path(folder, name) for name in names)

    def _rule_files(self) -> Iterator[Path]:
        for _, pattern in patterns(list(self._included)):
            yield from matching(self.path.parent, pattern)


class Settling:
    """Says when files have changed and then stayed for a look: an editor writes in several steps."""

    def __init__(self, loaded: Signature) -> None:
        self.loaded = loaded
        """How the files were before they were loaded."""
        self._last = loaded

    def has_settled(self, signature: Signature) -> bool:
        """Return whether what is seen now is not what was loaded, and was seen the last time, too."""
        stays, self._last = signature == self._last, signature
        return stays and signature != self.loaded


def _signature(files: Iterable[Path]) -> Signature:
    return frozenset(
        (str(file), status.st_mtime_ns, status.st_size, status.st_ino)
        for file in files
        if (status := _status(file)) is not None
    )


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _status(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None
