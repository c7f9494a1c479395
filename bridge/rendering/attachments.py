"""Files that go with messages, from one folder and from nowhere else; each is read once."""

from __future__ import annotations

import binascii
import mimetypes
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from bridge.core.messages import Attachment
from bridge.core.problems import did_you_mean

FOLDER = "attachments"
"""The folder's name, beside `templates/`."""
MAX_BYTES = 2 * 1024 * 1024
"""Of one file: each delivery keeps a copy of what it sends."""
MAX_NAME = 100
_LINE_BYTES = 57
"""Bytes that make a line of 76 characters."""
_TYPES = mimetypes.MimeTypes()  # Python's own table; what the machine has of its own stays away


class File(Struct, frozen=True):
    """A slot that is the same for every event (`bridge.rendering.documents.Part`)."""

    attachment: Attachment

    def render(self, _names: object) -> Attachment:
        """Return the file."""
        return self.attachment


class Attachments:
    """The files of one folder that messages asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, Attachment | str] = {}

    def get(self, name: str) -> Attachment | str:
        """Return a file by its name, or the sentence that says why there is none."""
        if name not in self._read:
            self._read[name] = _opened(self._folder, name)
        return self._read[name]


def read_file(folder: Path, name: str, most: int = MAX_BYTES) -> bytes | str:
    """Return the content of a file in a folder, not below it, or the sentence that says why there is none."""
    if not name or name.startswith(".") or len(name) > MAX_NAME or not name.isprintable() or "\\" in name:
        return f"names no file of the folder {folder.name}/; write its name and ending, such as guia.pdf"
    if "/" in name:
        return f"is a path; files stand in the folder {folder.name}/ itself, so write their name alone"
    path = folder / name
    try:
        if not path.is_file() or path.resolve().parent != folder.resolve():
            return f"there is no file {path.as_posix()}{did_you_mean(name, _there(folder))}"
        if (size := path.stat().st_size) > most:
            return (
                f"has {size / 1024**2:.1f} MiB, and at most {most / 1024**2:.0f} are sent; link to it instead"
            )
        return path.read_bytes()
    except OSError as error:
        return f"{path.as_posix()} cannot be read: {error.strerror or error}"


def attachment(name: str, kind: str, content: bytes) -> Attachment:
    """Return a file as it goes with a message."""
    return Attachment(name, kind, _encoded(content))


def _opened(folder: Path, name: str) -> Attachment | str:
    content = read_file(folder, name)
    if isinstance(content, str):
        return content
    kind, packing = _TYPES.guess_type(name)
    return attachment(name, kind if kind and not packing else "application/octet-stream", content)


def _there(folder: Path) -> Iterator[str]:
    yield from (path.name for path in folder.glob("*") if path.is_file())


def _encoded(content: bytes) -> bytes:
    lines = (content[start : start + _LINE_BYTES] for start in range(0, len(content), _LINE_BYTES))
    return b"".join(binascii.b2a_base64(line, newline=False) + b"\r\n" for line in lines)
