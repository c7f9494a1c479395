"""Writes pictures of messages into a folder: each at a telephone's and at a desk's width, light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bridge.cli.exits import Failure
from bridge.cli.previews.chromium import Browser, Shot
from bridge.cli.previews.made import Preview
from bridge.cli.previews.page import PHONE, picture_page

DESK = 1024
SHOTS = (
    Shot("phone-light", PHONE, "light", phone=True, scale=2),
    Shot("phone-dark", PHONE, "dark", phone=True, scale=2),
    Shot("desk-light", DESK, "light"),
    Shot("desk-dark", DESK, "dark"),
)


def write_pictures(previews: Sequence[Preview], folder: Path, taking: Browser) -> list[Path]:
    """Write the pictures of every message that people see, and return their paths."""
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each in previews:
            page = picture_page(each)
            for shot in SHOTS if page else ():
                path = folder / f"{each.file_name}-{shot.name}.png"
                path.write_bytes(taking.take(page or "", shot))
                written.append(path)
    except OSError as error:
        raise Failure(f"cannot write {error.filename or folder}: {error.strerror}") from None
    return written
