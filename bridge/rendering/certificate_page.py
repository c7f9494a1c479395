"""Draws a certificate: one page of PDF, the same bytes for the same words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.rendering.certificate_fonts import Fonts
from bridge.rendering.certificate_style import Color, Style
from bridge.rendering.certificate_text import BOLD, Block, Kind
from bridge.rendering.limits import Fault

if TYPE_CHECKING:
    from fpdf import FPDF
    from fpdf.image_datastructures import ImageCache

INK: Color = (38, 42, 50)
FAINT: Color = (110, 116, 128)
_OWN, _USUAL = "own", "usual"
_MM = 25.4 / 72
"""Millimetres of a point."""
_EDGE = 9.0
"""From the page's edge to its border, in mm."""
_SIDE = 30.0
"""From the page's edge to its text."""
_SIZES = {Kind.HEADING: 34.0, Kind.NAME: 42.0, Kind.TEXT: 15.0}
_LINE = {Kind.HEADING: 1.25, Kind.NAME: 1.3, Kind.TEXT: 1.55}
_BELOW = {Kind.HEADING: 9.0, Kind.NAME: 9.0, Kind.TEXT: 4.0}
"""Sizes in points, heights of lines in sizes, and what is free below a part, in mm."""
_SMALLEST_NAME = 18.0
_SCALES = (1.0, 0.92, 0.84, 0.76, 0.68, 0.6)
"""What does not fit on the page is written smaller, down to nine points."""
_PICTURE = 24.0
"""Height of a logo, in mm; a signature has three quarters of it."""
_SIGNATURE = 76.0
"""Length of the line that somebody signs on."""


class Sheet(Struct, frozen=True, kw_only=True):
    """All that stands on a certificate, each text as its fonts can write it; `at` is when it was earned."""

    blocks: Sequence[Block]
    title: str
    lang: str
    at: datetime
    author: str = ""
    signature: str = ""
    role: str = ""
    footer: str = ""

    @property
    def letters(self) -> str:
        """Everything that is written."""
        return "".join((*(block.text for block in self.blocks), self.signature, self.role, self.footer))


def pictures() -> ImageCache:
    """Return what keeps the pictures of certificates that look the same, so that each is unpacked once."""
    from fpdf.image_datastructures import ImageCache  # noqa: PLC0415 - an extra

    return ImageCache()


def drawn(sheet: Sheet, style: Style, fonts: Fonts, kept: ImageCache) -> bytes:
    """Return the PDF; raise `Fault` for what does not fit on one page."""
    from fpdf.fonts import TTFFont  # noqa: PLC0415 - an extra

    pdf = _begun(sheet, style, fonts, kept)
    try:
        _decorate(pdf, style)
        top = _logo(pdf, style)
        bottom = _foot(pdf, sheet, style)
        _body(pdf, sheet.blocks, style, top, bottom)
        return bytes(pdf.output())
    finally:
        for font in pdf.fonts.values():
            if isinstance(font, TTFFont):
                font.close()


def _begun(sheet: Sheet, style: Style, fonts: Fonts, kept: ImageCache) -> FPDF:
    from fpdf import FPDF  # noqa: PLC0415 - an extra

    class Page(FPDF):  # type: ignore[misc, unused-ignore]
        """Takes nothing in a text for markup but `BOLD`."""

        MARKDOWN_BOLD_MARKER = BOLD
        MARKDOWN_MARKERS = (BOLD, BOLD, BOLD, BOLD)
        MARKDOWN_ESCAPE_CHARACTER = "\ufdd2"
        MARKDOWN_LINK_REGEX = re.compile(r"(?!)")

    pdf = Page("landscape" if style.page == "landscape" else "portrait", "mm", "A4")
    pdf.image_cache = kept
    kept.reset_usages()
    pdf.str_alias_nb_pages = ""  # "{nb}" would be the number of pages
    pdf.set_auto_page_break(auto=False)
    pdf.set_margins(_SIDE, _EDGE)
    pdf.c_margin = 0
    pdf.set_creation_date(sheet.at)
    pdf.set_title(sheet.title)
    pdf.set_lang(sheet.lang)
    if sheet.author:
        pdf.set_author(sheet.author)
    _write_with(pdf, fonts, small=fonts.small_enough(sheet.letters.replace(BOLD, "")))
    pdf.add_page()
    return pdf


def _write_with(pdf: FPDF, fonts: Fonts, *, small: bool) -> None:
    for family, faces in ((_OWN, fonts.own or fonts.usual), (_USUAL, fonts.usual)):
        if family == _USUAL and (small or fonts.own is None):
            continue
        for weight, face in faces.items():
            pdf.add_font(family, weight, face.file(small=small))
    if _USUAL in pdf.fonts:
        pdf.set_fallback_fonts([_USUAL], exact_match=False)
    pdf.set_text_shaping(use_shaping_engine=True)


def _decorate(pdf: FPDF, style: Style) -> None:
    """Draw what lies below the text: paper, background, border."""
    if style.paper:
        pdf.set_fill_color(*style.paper)
        pdf.rect(0, 0, pdf.w, pdf.h, style="F")
    if style.background:
        pdf.image(BytesIO(style.background), 0, 0, pdf.w, pdf.h)
    if style.border == "none":
        return
    pdf.set_draw_color(*style.color)
    _frame(pdf, _EDGE, 0.9 if style.border == "double" else 0.5)
    if style.border == "double":
        _frame(pdf, _EDGE + 2.6, 0.25)
        _corners(pdf, style)


def _frame(pdf: FPDF, edge: float, width: float) -> None:
    pdf.set_line_width(width)
    pdf.rect(edge, edge, pdf.w - 2 * edge, pdf.h - 2 * edge)


def _corners(pdf: FPDF, style: Style) -> None:
    """Set a small diamond into each corner of the inner line."""
    pdf.set_fill_color(*(style.paper or (255, 255, 255)))
    pdf.set_line_width(0.35)
    inner = _EDGE + 2.6
    for x in (inner, pdf.w - inner):
        for y in (inner, pdf.h - inner):
            _diamond(pdf, x, y, 2.4, "DF")


def _diamond(pdf: FPDF, x: float, y: float, half: float, how: str) -> None:
    pdf.polygon(((x, y - half), (x + half, y), (x, y + half), (x - half, y)), style=how)


def _logo(pdf: FPDF, style: Style) -> float:
    """Draw the logo, and return where the text may begin."""
    top = _EDGE + 11
    if style.logo is None:
        return top
    _picture(pdf, style.logo, top - 1, _PICTURE)
    return top + _PICTURE + 4


def _picture(pdf: FPDF, content: bytes, y: float, height: float) -> None:
    width = pdf.w - 2 * _SIDE
    pdf.image(BytesIO(content), _SIDE, y, width, height, keep_aspect_ratio=True)


def _foot(pdf: FPDF, sheet: Sheet, style: Style) -> float:
    """Write the footer and the signature, and return where the text must end."""
    bottom = pdf.h - _EDGE - 8
    if sheet.footer:
        bottom -= 4
        _one_line(pdf, sheet.footer, bottom, 8.5, FAINT)
        bottom -= 3
    if not (sheet.signature or sheet.role or style.signature_image):
        return bottom
    if sheet.role:
        bottom -= 5.5
        _one_line(pdf, sheet.role, bottom, 10.5, FAINT)
    if sheet.signature:
        bottom -= 6
        _one_line(pdf, sheet.signature, bottom, 12.5, INK, "B")
    bottom -= 2
    pdf.set_draw_color(*FAINT)
    pdf.set_line_width(0.25)
    pdf.line((pdf.w - _SIGNATURE) / 2, bottom, (pdf.w + _SIGNATURE) / 2, bottom)
    if style.signature_image:
        _picture(pdf, style.signature_image, bottom - _PICTURE * 0.75, _PICTURE * 0.75)
    return bottom - _PICTURE * 0.75


def _one_line(pdf: FPDF, text: str, y: float, size: float, color: Color, weight: str = "") -> None:
    """Write a line in the middle, smaller where it is long."""
    width = pdf.w - 2 * _SIDE
    pdf.set_font(_OWN, weight, size)
    wide = pdf.get_string_width(text)
    if wide > width:
        if size * width / wide < 5:
            raise Fault("has a line below the text, `signature`, `role` or `footer`, that is too long")
        pdf.set_font_size(size * width / wide * 0.99)
    pdf.set_text_color(*color)
    pdf.set_xy(_SIDE, y)
    pdf.cell(width, size * _MM * 1.3, text, align="C")


def _body(pdf: FPDF, blocks: Sequence[Block], style: Style, top: float, bottom: float) -> None:
    """Write the text into the middle of what is free, as large as there is room for."""
    for scale in _SCALES:
        heights = [_height(pdf, block, scale) for block in blocks]
        gaps = [_BELOW[block.kind] * scale for block in blocks]
        whole = sum(heights) + sum(gaps[:-1])
        if whole <= bottom - top:
            break
    else:
        raise Fault("makes more text than fits on one page; say less, or take a smaller logo")
    y = top + (bottom - top - whole) / 2
    for block, height, gap in zip(blocks, heights, gaps, strict=True):
        _prepare(pdf, block, scale, style)
        pdf.set_xy(_SIDE, y)
        _write(pdf, block, dry=False)
        y += height
        _ornament(pdf, block, style, y + gap * 0.42)
        y += gap


def _ornament(pdf: FPDF, block: Block, style: Style, y: float) -> None:
    """Draw a short line with a diamond below a heading, and a long thin one below a name."""
    if block.kind is Kind.TEXT or style.border == "none":
        return
    pdf.set_draw_color(*style.color)
    pdf.set_fill_color(*style.color)
    middle, half = pdf.w / 2, 26.0 if block.kind is Kind.HEADING else 62.0
    pdf.set_line_width(0.3)
    if block.kind is Kind.NAME:
        pdf.line(middle - half, y, middle + half, y)
        return
    pdf.line(middle - half, y, middle - 3.2, y)
    pdf.line(middle + 3.2, y, middle + half, y)
    _diamond(pdf, middle, y, 1.1, "F")


def _height(pdf: FPDF, block: Block, scale: float) -> float:
    _prepare(pdf, block, scale, None)
    return _write(pdf, block, dry=True)


def _prepare(pdf: FPDF, block: Block, scale: float, style: Style | None) -> None:
    """Choose the font of a part, a name's so that it stands on one line if it can."""
    size = _SIZES[block.kind] * scale
    pdf.set_font(_OWN, "" if block.kind is Kind.TEXT else "B", size)
    if block.kind is Kind.NAME:
        wide = max(pdf.get_string_width(line) for line in block.text.replace(BOLD, "").split("\n"))
        room = pdf.w - 2 * _SIDE - 1
        if wide > room:
            pdf.set_font_size(max(size * room / wide, _SMALLEST_NAME * scale))
    if style is not None:
        pdf.set_text_color(*(style.color if block.kind is Kind.HEADING else INK))


def _write(pdf: FPDF, block: Block, *, dry: bool) -> float:
    """Write a part from here on, and return how high it is."""
    text = block.text if block.kind is Kind.TEXT else block.text.replace(BOLD, "")
    line = pdf.font_size_pt * _MM * _LINE[block.kind]
    width = pdf.w - 2 * _SIDE
    height = pdf.multi_cell(width, line, text, align="C", markdown=BOLD in text, dry_run=dry, output="HEIGHT")
    return float(str(height))
