"""Where the running configuration comes from: loads its files, says whether they changed, keeps good ones."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.config import last_good, reading
from bridge.config.cut_off import cut_off
from bridge.config.files import matching
from bridge.config.loaded import Broken, Loaded, Reads
from bridge.config.located import Located
from bridge.config.yaml_source import MAX_BYTES

if TYPE_CHECKING:
    from bridge.config.reception import Reception

MOST_FILES = 10_000
"""So many files of a folder are looked at."""
FOLDERS = ("templates", "attachments")
"""The folders beside the configuration, of which the first one's files are texts of it."""
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

    Of broken ones, `tells` makes what tells the owner, of what receiving began with and the last good text.
    All methods wait for the disk.
    """

    path: Path
    read: Callable[[], Loaded | Broken]
    keeps: bool = False
    tells: Callable[[Reception, bytes | None], Loaded | str] | None = None
    _reads: Reads = Reads()
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
        known, before, text = set(self._files()), self.signature(), self._text()
        loaded = self.read()
        self._reads = loaded.reads
        files = set(self._files())
        names = {str(file) for file in files}
        signature = frozenset(each for each in before if each[0] in names) | _signature(files - known)
        not_kept = None
        if isinstance(loaded, Loaded) and self.keeps and text is not None and self._text() == text:
            loaded = self._unless_cut_off(loaded, text)
            not_kept = last_good.keep(self.path, text) if isinstance(loaded, Loaded) else None
        return Found(loaded, self._digest(), signature, not_kept)

    def telling(self, first: Reception) -> Loaded | str:
        """Return what tells the owner while the files are broken, and does no more; or why nothing can."""
        if self.tells is None:
            return "nothing is known of `owner:`"
        return self.tells(first, last_good.recall(self.path) if self.keeps else None)

    def signature(self) -> Signature:
        """Return what changes when a file is written, replaced, added or removed."""
        return _signature(self._files())

    def _unless_cut_off(self, loaded: Loaded, text: bytes) -> Loaded | Broken:
        """Return what was loaded, or what is wrong with the text if it is the rest of the last good one."""
        good = last_good.recall(self.path)
        why = None if good is None else cut_off(text, good)
        return Broken((Located(str(self.path), 0, 0, (), why),), loaded.reads) if why else loaded

    def _digest(self) -> str:
        """Return 16 hex digits for the texts of the files; what holds secrets is none of them."""
        made = hashlib.blake2b(digest_size=8)
        for file in sorted(self._texts()):
            content = reading.read(file, MAX_BYTES + 1)  # whatever is larger is broken
            if isinstance(content, bytes):
                made.update(f"{file.name}\0{len(content)}\0".encode("utf-8", "surrogateescape") + content)
        return made.hexdigest()

    def _files(self) -> Iterator[Path]:
        yield self.path.parent / ".env"
        yield from self._reads.secrets
        for folder in FOLDERS[1:]:
            yield from reading.files_below(self.path.parent / folder, MOST_FILES)
        yield from self._texts()

    def _texts(self) -> Iterator[Path]:
        yield self.path
        for pattern in self._reads.include:
            yield from matching(self.path.parent, pattern)
        yield from reading.files_below(self.path.parent / FOLDERS[0], MOST_FILES)

    def _text(self) -> bytes | None:
        content = reading.read(self.path, MAX_BYTES + 1)
        return content if isinstance(content, bytes) else None


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


def _status(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except (OSError, ValueError):
        return None
