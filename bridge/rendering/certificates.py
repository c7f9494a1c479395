"""Certificates: a template of the folder, made into one page of PDF for each event."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

from msgspec import Struct

from bridge.core.messages import Attachment
from bridge.rendering import files
from bridge.rendering.attachments import MAX_BYTES, MAX_NAME, attachment
from bridge.rendering.certificate_fonts import Fonts, fonts_of
from bridge.rendering.certificate_page import Sheet, drawn, pictures
from bridge.rendering.certificate_style import KEYS, TEXTS, Style, style_of
from bridge.rendering.certificate_text import BOLD, Block, Kind, blocks_of, cleaned, filled, written
from bridge.rendering.check import Flaw, Vocabulary
from bridge.rendering.documents import Line, Names
from bridge.rendering.escapes import Form
from bridge.rendering.files import MARKDOWN, Source
from bridge.rendering.library import Result, Wrong, outline
from bridge.rendering.limits import Fault
from bridge.rendering.moulds import Moulds, texts, way
from bridge.rendering.program import Compiled, Compiler, Failed, Program, Text
from bridge.rendering.values import Printed

MISSING = (
    "makes a PDF, which needs an extra; install it with `pip install 'course-bridge[pdf]'`, or leave out "
    "`certificate:`"
)
_LIBRARIES = ("fpdf", "pymupdf_fonts", "uharfbuzz")
_PDF = "application/pdf"
_ENDING = ".pdf"
_ONE_AT_A_TIME = Lock()
"""Certificates share their pictures and the files of their fonts, and are made in more than one thread."""
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+')
"""What some system takes for more than a letter of a file's name."""


class Certificates:
    """Compiles certificates by the name of their template, each once."""

    def __init__(
        self, folder: Path, attached: Path, compiler: Compiler, lang: str, names: Vocabulary
    ) -> None:
        """`folder` holds the templates, `attached` the pictures and fonts; `names` is what texts may use."""
        self._folder = folder
        self._attached = attached
        self._compiler = compiler
        self._lang = lang
        self._names = names
        self._known: dict[str, Result[Certificate]] = {}

    def get(self, name: str) -> Result[Certificate]:
        """Return the certificate of a template file, or what is wrong with it."""
        if name not in self._known:
            self._known[name] = self._opened(name)
        return self._known[name]

    def _opened(self, name: str) -> Result[Certificate]:
        if not all(map(find_spec, _LIBRARIES)):
            return Result(None, [Wrong(MISSING)])
        found = files.find(self._folder, name, (MARKDOWN,))
        source = files.read(found, known=KEYS) if isinstance(found, Path) else found
        return Result(None, [Wrong(source)]) if isinstance(source, str) else self._of(name, source)

    def _of(self, name: str, source: Source) -> Result[Certificate]:
        wrong = [Wrong(flaw.sentence, source.body, flaw.line) for flaw in source.flaws]
        lines: dict[str, Line] = {}
        for key in TEXTS:
            if (text := source.front.get(key)) is not None:
                compiled = self._compiler.compile(text, self._names)
                wrong += [Wrong(flaw.sentence, text, flaw.line) for flaw in compiled.flaws]
                if compiled.program:
                    lines[key] = Line(compiled.program, Form.TEXT, str)
        style, flaws = style_of(source.front, self._attached)
        wrong += [Wrong(flaw.sentence, text, flaw.line) for text, flaw in flaws]
        fonts = fonts_of(style.font, style.font_bold)
        body = self._compiler.compile(source.body, self._names)
        flaws_of_body = [*body.flaws, *_unwritable(body, source.body, fonts.covers)]
        wrong += [Wrong(flaw.sentence, source.body, flaw.line) for flaw in flaws_of_body]
        if wrong or body.program is None:
            return Result(None, wrong)
        return Result(Certificate(Plan(name, body.program, lines, style, fonts, self._lang)))


class Plan(Struct, frozen=True):
    """What a certificate is made by: its compiled texts, and how it looks."""

    template: str
    body: Program
    lines: Mapping[str, Line]
    style: Style
    fonts: Fonts
    lang: str


class Certificate:
    """A compiled certificate (`bridge.rendering.documents.Part`)."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._moulds = Moulds(lambda markdown: written(blocks_of(str(markdown)), plan.fonts.covers))
        self._pictures = pictures()

    def render(self, names: Names) -> Attachment:
        """Return the PDF for an event, the same bytes whenever it is made; raise `Failed`."""
        plan = self._plan
        said = {key: line.render(names) for key, line in plan.lines.items()}
        values: list[Printed] = []
        pieces = plan.body.run(names)
        try:
            blocks = self._moulds.get(way(pieces, values))
            full = filled(blocks, values, texts(values), plan.fonts.covers)
            content = self._drawn(full, said, names)
        except Fault as error:
            raise Failed(plan.body.failure(error)) from None
        return attachment(_file_name(said.get("name", ""), plan.template), _PDF, content)

    def _drawn(self, blocks: tuple[Block, ...], said: Mapping[str, str], names: Names) -> bytes:
        if not blocks:
            raise Fault("makes an empty certificate")
        plan, covers = self._plan, self._plan.fonts.covers
        sheet = Sheet(
            blocks=blocks,
            title=cleaned(said.get("title", ""), _anything).strip() or _title(blocks),
            lang=plan.lang,
            at=_moment(names),
            author=cleaned(_author(names), _anything).strip(),
            signature=cleaned(said.get("signature", ""), covers).strip(),
            role=cleaned(said.get("role", ""), covers).strip(),
            footer=cleaned(said.get("footer", ""), covers).strip(),
        )
        content = self._page(sheet)
        if len(content) > MAX_BYTES:
            raise Fault(f"makes a PDF of {len(content) / 1024**2:.1f} MiB; take smaller pictures")
        return content

    def _page(self, sheet: Sheet) -> bytes:
        try:
            with _ONE_AT_A_TIME:
                return drawn(sheet, self._plan.style, self._plan.fonts, self._pictures)
        except Fault:
            raise
        except OSError as error:
            raise Fault(f"needs room for temporary files: {error.strerror or error}") from None
        except Exception as error:  # noqa: BLE001 - whatever a font or a picture does to the libraries
            raise Fault(f"cannot be drawn with these fonts and pictures ({type(error).__name__})") from None


def _unwritable(compiled: Compiled, text: Text, covers: Callable[[str], bool]) -> list[Flaw]:
    """Find what a certificate cannot have in its author's text, by reading all branches one after another."""
    if compiled.tree is None:
        return []
    try:
        written(blocks_of("".join(outline(compiled.tree, []))), covers)
    except Fault as fault:
        return [Flaw(text.line, fault.why)]
    return []


def _anything(_character: str) -> bool:
    """Cover every letter: what a PDF says of itself is shown in the reader's own fonts."""
    return True


def _title(blocks: tuple[Block, ...]) -> str:
    heading = next((block for block in blocks if block.kind is Kind.HEADING), blocks[0])
    return " ".join(heading.text.replace(BOLD, "").split())


def _moment(names: Names) -> datetime:
    at = names.get("occurred_at")
    return at.astimezone(UTC) if isinstance(at, datetime) else datetime(1970, 1, 1, tzinfo=UTC)


def _author(names: Names) -> str:
    producer = names.get("producer")
    return str(producer.get("name") or "")[:MAX_NAME] if isinstance(producer, Mapping) else ""


def _file_name(said: str, template: str) -> str:
    """Return the name of the file, safe on every system; the template's where nothing is left of it."""
    bare = " ".join(_NOT_IN_NAMES.sub(" ", said).split()).strip(". ")
    stem = bare.removesuffix(_ENDING).rstrip(". ")[: MAX_NAME - len(_ENDING)] or template
    return stem + _ENDING
