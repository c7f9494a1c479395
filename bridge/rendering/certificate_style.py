"""How a certificate looks: what its front matter may say beside texts, and the files that it names.

What a front matter says here is the same for every certificate: no Jinja in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from bridge.core.problems import did_you_mean
from bridge.rendering.attachments import read_file
from bridge.rendering.check import Flaw
from bridge.rendering.program import Text

Color = tuple[int, int, int]

TEXTS = ("name", "title", "signature", "role", "footer")
"""What the front matter says in words, with Jinja."""
LOOKS = ("page", "color", "paper", "border", "logo", "background", "signature_image", "font", "font_bold")
KEYS = (*TEXTS, *LOOKS)
PICTURE_BYTES = 1024 * 1024
PICTURE_PIXELS = 12_000_000
"""Of one picture: a page at 300 dots an inch has 8.7 millions."""
FONT_BYTES = 20 * 1024 * 1024
_PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
_FONTS = (".ttf", ".otf")
_COLOR = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "page": ("landscape", "portrait"),
    "border": ("double", "line", "none"),
}


@dataclass(frozen=True, slots=True)
class Style:
    """How a certificate looks; pictures and fonts are the bytes of their files."""

    page: str = "landscape"
    border: str = "double"
    color: Color = (31, 78, 121)
    paper: Color | None = None
    logo: bytes | None = field(default=None, repr=False)
    background: bytes | None = field(default=None, repr=False)
    signature_image: bytes | None = field(default=None, repr=False)
    font: bytes | None = field(default=None, repr=False)
    font_bold: bytes | None = field(default=None, repr=False)


def style_of(front: Mapping[str, Text], files: Path) -> tuple[Style, list[tuple[Text, Flaw]]]:
    """Read what a front matter says of looks, and what is wrong with it; `files` is the folder of files."""
    said: dict[str, object] = {}
    wrong: list[tuple[Text, Flaw]] = []
    for key in LOOKS:
        if (text := front.get(key)) is not None:
            try:
                said[key] = _READERS[key](key, text.source, files)
            except ValueError as error:
                wrong.append((text, Flaw(text.line, f"{key}: {error}")))
    return (Style() if wrong else Style(**said)), wrong  # type: ignore[arg-type]  # each as its reader says


def _choice(key: str, said: str, _files: Path) -> str:
    if said not in _CHOICES[key]:
        meant = did_you_mean(said, _CHOICES[key])
        raise ValueError(f"expected one of {', '.join(_CHOICES[key])}{meant}")
    return said


def _color(_key: str, said: str, _files: Path) -> Color:
    found = _COLOR.fullmatch(said)
    if found is None:
        raise ValueError("expected a colour such as #1f4e79")
    red, green, blue = (int(part, 16) for part in found.groups())
    return red, green, blue


def _picture(_key: str, said: str, files: Path) -> bytes:
    kind = _PICTURES.get(Path(said).suffix.lower())
    if kind is None:
        raise ValueError(f"expected a picture of the folder {files.name}/, .png or .jpg, such as logo.png")
    content = _content(said, files, PICTURE_BYTES)
    _is_picture(content, kind)
    return content


def _is_picture(content: bytes, kind: str) -> None:
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - comes with the extra

    try:
        with Image.open(BytesIO(content), formats=[kind]) as opened:
            width, height = opened.size
            if width * height > PICTURE_PIXELS:
                most = PICTURE_PIXELS // 1_000_000
                raise ValueError(f"has {width} by {height} dots, and at most {most} millions are used")
            opened.load()
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError):
        raise ValueError(f"is no {kind} picture, or a broken one") from None


def _font(_key: str, said: str, files: Path) -> bytes:
    if Path(said).suffix.lower() not in _FONTS:
        raise ValueError(f"expected a font of the folder {files.name}/, .ttf or .otf, such as minha.ttf")
    content = _content(said, files, FONT_BYTES)
    from bridge.rendering.certificate_fonts import face  # noqa: PLC0415 - comes with the extra

    face(content)
    return content


def _content(said: str, files: Path, most: int) -> bytes:
    content = read_file(files, said, most)
    if isinstance(content, str):
        raise ValueError(content)  # noqa: TRY004 - the sentence that says why
    return content


_READERS: Mapping[str, Callable[[str, str, Path], object]] = {
    "page": _choice,
    "border": _choice,
    "color": _color,
    "paper": _color,
    "logo": _picture,
    "background": _picture,
    "signature_image": _picture,
    "font": _font,
    "font_bold": _font,
}
