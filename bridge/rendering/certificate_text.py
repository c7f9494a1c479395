"""What a certificate says: Markdown as headings and paragraphs, in which a value is text and nothing else.

A certificate has little: `#` is its heading, `##` the name in large letters, the rest are paragraphs with
**bold** in them. What else Markdown knows has no place on it and is refused rather than printed wrongly.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.rendering.limits import Fault
from bridge.rendering.moulds import PLACEHOLDER, number_of
from bridge.rendering.values import Printed

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

BOLD = "\ufdd0\ufdd1"
"""Begins and ends bold text: two characters that Unicode keeps for a program's own use; no text has them."""
MAX_TEXT = 3_000
"""Characters of one certificate."""
KNOWS = "a certificate has headings (#), a name in large letters (##), paragraphs and **bold**"
_JOINERS = "\u200c\u200d"
"""Unseen characters that some scripts need between their letters."""
_MARKS = re.compile(f"({BOLD}|\n|{PLACEHOLDER.pattern})")
_LONE_JOINERS = re.compile(f"(?:^|(?<= ))[{_JOINERS}]+|[{_JOINERS}]+(?= |$)")
_LEVELS = {"h1": "HEADING", "h2": "NAME"}
_REFUSED = {
    "bullet_list_open": "a list",
    "ordered_list_open": "a list, or a line that begins like one; write 1\\. for 1.",
    "blockquote_open": "a quotation",
    "fence": "code",
    "hr": "a line across",
    "em_open": "italics",
    "code_inline": "code",
    "link_open": "a link",
    "image": "a picture; `logo:` and `background:` of the front matter name those",
}


class Kind(Enum):
    """What a part of a certificate is."""

    HEADING = "heading"
    NAME = "name"
    TEXT = "text"


class Block(Struct, frozen=True):
    """One part of a certificate; `BOLD` stands around what is bold, line breaks are breaks."""

    kind: Kind
    text: str


def blocks_of(markdown: str) -> tuple[Block, ...]:
    """Return the parts of Markdown, placeholders and all; raise `Fault` for what it cannot have."""
    tokens = _parser().parse(markdown)
    return tuple(_blocks(tokens))


def filled(
    blocks: Sequence[Block], values: Sequence[Printed], written: Sequence[str], covers: Callable[[str], bool]
) -> tuple[Block, ...]:
    """Return the parts with the values in them; raise `Fault` for letters that `covers` says no font has."""
    shown = [_shown(value, text, covers) for value, text in zip(values, written, strict=True)]

    def fill(text: str) -> str:
        return PLACEHOLDER.sub(lambda found: shown[number_of(found[0])], text)

    full = [Block(block.kind, _tidy(fill(block.text))) for block in blocks]
    if sum(len(block.text) for block in full) > MAX_TEXT:
        raise Fault(f"makes a certificate of more than {MAX_TEXT:,} characters")
    return tuple(block for block in full if block.text.replace(BOLD, ""))


def written(blocks: Sequence[Block], covers: Callable[[str], bool]) -> tuple[Block, ...]:
    """Return the parts with their author's text as a font can write it; placeholders stay."""
    return tuple(
        Block(
            block.kind,
            "".join(
                part if place % 2 else cleaned(part, covers)
                for place, part in enumerate(_MARKS.split(block.text))
            ),
        )
        for block in blocks
    )


def cleaned(text: str, covers: Callable[[str], bool]) -> str:
    """Return a text of one line as a font can write it; raise `Fault` with the first letter that it cannot.

    Pictures such as emoji that the font lacks are left out: they are no letters. So is what cannot be seen.
    """
    parts: list[str] = []
    for character in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(character)
        if character.isspace() or kind in ("Zl", "Zp"):
            parts.append(" ")
        elif covers(character) and (kind[0] != "C" or character in _JOINERS):
            parts.append(character)
        elif kind not in ("Cc", "Cf", "Cn", "Cs", "So", "Sk") and not "\ufe00" <= character <= "\ufe0f":
            raise Fault(_unwritable(character))
    return _LONE_JOINERS.sub("", "".join(parts))


def _unwritable(character: str) -> str:
    name = unicodedata.name(character, "")
    told = f" ({name.lower()})" if name else ""
    return (
        f"has U+{ord(character):04X}{told}, which the certificate's font cannot write; name one that can "
        "with `font:` in the template's front matter"
    )


def _shown(value: Printed, text: str, covers: Callable[[str], bool]) -> str:
    try:
        return cleaned(text, covers)
    except Fault as fault:
        raise value.fault(fault.why) from None


def _tidy(text: str) -> str:
    """Return text with single spaces, and without those around its line breaks."""
    return "\n".join(" ".join(line.split(" ")) for line in _without_double(text).split("\n")).strip()


def _without_double(text: str) -> str:
    while "  " in text:
        text = text.replace("  ", " ")
    return text.replace(" \n", "\n").replace("\n ", "\n")


def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # noqa: PLC0415 - imported when it is first needed

    # Indented text is no code here: templates are indented between their {% %}.
    return MarkdownIt("commonmark", {"html": False}).disable(["code", "lheading", "reference", "html_block"])


def _blocks(tokens: Sequence[Token]) -> Iterator[Block]:
    kind = Kind.TEXT
    for token in tokens:
        match token.type:
            case "heading_open" if token.tag not in _LEVELS:
                raise Fault(f"has a heading of level {token.tag[1:]}; {KNOWS}")
            case "heading_open":
                kind = Kind[_LEVELS[token.tag]]
            case "paragraph_open":
                kind = Kind.TEXT
            case "inline":
                yield Block(kind, "".join(map(_written, token.children or ())))
            case "heading_close" | "paragraph_close":
                pass
            case _:
                raise Fault(f"has {_REFUSED.get(token.type, 'something else')}; {KNOWS}")


def _written(token: Token) -> str:
    match token.type:
        case "text" | "text_special" | "html_inline":
            return token.content
        case "softbreak":
            return " "
        case "hardbreak":
            return "\n"
        case "strong_open" | "strong_close":
            return BOLD
        case _:
            raise Fault(f"has {_REFUSED.get(token.type, 'something else')}; {KNOWS}")
