"""Fonts of certificates: the one that comes with the extra, and those of the operator.

Only the letters that a certificate uses are put into it. Taking them out of a whole font costs a tenth of a
second, and out of one with European letters alone a fifth of that, so such a small font is made of each at
first, and used for as long as no other letters are asked for.
"""

from __future__ import annotations

import atexit
import hashlib
import struct
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from msgspec import Struct

_EUROPEAN = (
    *(range(0x20, 0x7F), range(0xA0, 0x250), range(0x1E00, 0x1F00)),  # Latin
    *(range(0x370, 0x400), range(0x400, 0x530)),  # Greek, Cyrillic
    *(range(0x2010, 0x2040), range(0x20AC, 0x20AD), range(0x2116, 0x2123)),  # dashes, quotes, €, №, ™
)


@dataclass(frozen=True, slots=True)
class Face:
    """One font, whole and small, and the letters of each; `name` is that of its files, with their ending."""

    name: str
    whole: bytes = field(repr=False)
    small: bytes = field(repr=False)
    letters: frozenset[int] = field(repr=False)
    small_letters: frozenset[int] = field(repr=False)

    def file(self, *, small: bool) -> Path:
        """Return the file of the font, written anew where it is gone: systems tidy their temporary files."""
        path = Path(_folder(), f"small-{self.name}" if small else self.name)
        if not path.is_file():
            path.write_bytes(self.small if small else self.whole)
        return path


class Fonts(Struct, frozen=True):
    """What a certificate is written with: for `""` and `"B"`, bold, a face; what `own` lacks, `usual` has."""

    usual: Mapping[str, Face]
    own: Mapping[str, Face] | None = None

    def covers(self, character: str) -> bool:
        """Return whether a letter can be written, also in bold."""
        faces = [self.usual, *([self.own] if self.own else [])]
        return any(all(ord(character) in face.letters for face in each.values()) for each in faces)

    def small_enough(self, text: str) -> bool:
        """Return whether the small fonts have every letter of a text."""
        faces = (self.own or self.usual).values()
        return all(ord(letter) in face.small_letters for letter in set(text) for face in faces)


def fonts_of(font: bytes | None, bold: bytes | None) -> Fonts:
    """Return the fonts of a certificate: those that come with the extra, and before them the operator's."""
    from pymupdf_fonts import myfont  # noqa: PLC0415 - an extra

    usual = {"": face(myfont("figo")), "B": face(myfont("figbo"))}
    plain = font or bold
    return Fonts(usual, {"": face(plain), "B": face(bold or plain)} if plain else None)


def face(content: bytes) -> Face:
    """Return a font's files, made once in a run; raise ValueError with a sentence for what is no font."""
    digest = hashlib.sha256(content).hexdigest()
    if digest not in _FACES:
        _FACES[digest] = _made(content, digest)
    return _FACES[digest]


_FACES: dict[str, Face] = {}


def _made(content: bytes, digest: str) -> Face:
    from fontTools.ttLib import TTFont, TTLibError  # noqa: PLC0415 - comes with the extra

    try:
        with TTFont(BytesIO(content), lazy=True) as font:
            letters = frozenset(font.getBestCmap() or ())
            variable = "fvar" in font
        small = b"" if variable else _small(content, letters)
    except (TTLibError, OSError, AssertionError, KeyError, IndexError, AttributeError, struct.error):
        raise ValueError("is no font that can be used, or a broken one") from None
    if variable:
        raise ValueError("is a font of many weights in one (variable); take a file of one weight")
    ending = ".otf" if content.startswith(b"OTTO") else ".ttf"
    return Face(f"{digest}{ending}", content, small, letters, letters & _european())


def _small(content: bytes, letters: frozenset[int]) -> bytes:
    """Return a font with the European letters of another, and what moves them closer."""
    from fontTools.subset import Options, Subsetter  # noqa: PLC0415 - comes with the extra
    from fontTools.ttLib import TTFont  # noqa: PLC0415

    options: Any = Options()
    options.layout_features, options.hinting, options.notdef_outline = ["kern"], False, True
    with TTFont(BytesIO(content), lazy=True, recalcTimestamp=False) as font:
        for table in {"GSUB", "GDEF"}.intersection(font.keys()):
            del font[table]  # what joins letters of other scripts; reading it takes a second
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=letters & _european())
        subsetter.subset(font)
        made = BytesIO()
        font.save(made)
    return made.getvalue()


def _folder() -> str:
    """Return the folder for the libraries that read fonts from files only; gone when the program ends."""
    if not _FOLDERS or not Path(_FOLDERS[-1].name).is_dir():
        _FOLDERS.append(tempfile.TemporaryDirectory(prefix="bridge-fonts-", ignore_cleanup_errors=True))
        atexit.register(_FOLDERS[-1].cleanup)
    return _FOLDERS[-1].name


_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []


@cache
def _european() -> frozenset[int]:
    return frozenset(letter for letters in _EUROPEAN for letter in letters)
