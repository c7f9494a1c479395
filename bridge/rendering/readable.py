"""HTML to text that people read: the text part of an e-mail, and Slack's mrkdwn.

Reads the HTML that Markdown made, or an `.html` template's own, with placeholders in it. Layout tables become
paragraphs, tables of data become rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from textwrap import indent

from msgspec import Struct, field

from bridge.rendering.escapes import WORD_JOINER, Place, mrkdwn, mrkdwn_code
from bridge.rendering.moulds import PLACEHOLDER, moved
from bridge.rendering.words import words

_VOID = words("area base br col embed hr img input link meta source track wbr")
_SKIPPED = words("head script style template title")
_HEADINGS = words("h1 h2 h3 h4 h5 h6")
_BLOCKS = _HEADINGS | words(
    "address article aside blockquote body center div dl dt dd fieldset figure figcaption footer form header "
    "hr html li main nav ol p pre section table tbody td tfoot th thead tr ul"
)
_CLOSED_BY: dict[str, frozenset[str]] = {
    "p": _BLOCKS,
    "li": frozenset(("li",)),
    "td": frozenset(("td", "th", "tr")),
    "th": frozenset(("td", "th", "tr")),
    "tr": frozenset(("tr",)),
}
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\r\n\f]+")
RULE = "---"
CELL = " | "


class Element(Struct):
    """One element: its tag, its attributes, and its children in order."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    @property
    def is_block(self) -> bool:
        """Whether it stands on lines of its own."""
        return self.tag in _BLOCKS

    @property
    def is_shown(self) -> bool:
        """Whether a reader of the HTML would see it."""
        hidden = "hidden" in self.attributes or _HIDDEN.search(self.attributes.get("style", ""))
        return self.tag not in _SKIPPED and not hidden


class _Tree(HTMLParser):
    """Builds the tree, closing what authors leave open."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("body", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        while tag in _CLOSED_BY.get(self._open[-1].tag, ()):
            self._open.pop()
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if any(element.tag == tag for element in self._open[1:]):
            while self._open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


class Marks(Struct, frozen=True):
    """How one kind of text writes what HTML says with tags."""

    words: Callable[[str], str]
    code: Callable[[str], str]
    link: Callable[[str, str], str]
    around: dict[str, str]
    fence: str
    bullet: str


def _text_link(label: str, address: str) -> str:
    bare = address.removeprefix("mailto:").partition("?")[0] if address.startswith("mailto:") else address
    # The same value is another placeholder in an address than in words.
    same = PLACEHOLDER.sub(lambda found: moved(found[0], Place.TEXT), bare) == label
    return bare if same or not label else f"{label} ({bare})"


def _mrkdwn_link(label: str, address: str) -> str:
    target = address.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")
    same = label.replace(WORD_JOINER, "") == target
    return f"<{target}|{label}>" if label and not same else f"<{target}>"


def _same(text: str) -> str:
    return text


TEXT = Marks(_same, _same, _text_link, around={}, fence="", bullet="-")
MRKDWN = Marks(
    mrkdwn,
    mrkdwn_code,
    _mrkdwn_link,
    around={
        **dict.fromkeys(("strong", "b", *_HEADINGS), "*"),
        **dict.fromkeys(("em", "i"), "_"),
        **dict.fromkeys(("s", "del", "strike"), "~"),
        "code": "`",
    },
    fence="```",
    bullet="•",
)


def readable(html: str, marks: Marks) -> str:
    """Return HTML as text with `marks`; blocks are parted by an empty line, a paragraph is one line.

    Lines are not broken at a width: mail programs do that, and a telephone would break them again.
    """
    tree = _Tree()
    tree.feed(html)
    tree.close()
    return _Writer(marks).block(tree.root)


class _Writer:
    """Writes elements with one set of marks."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._around: list[str] = []

    def block(self, element: Element) -> str:
        """Return a block's lines."""
        match element.tag:
            case "hr":
                return RULE
            case "pre":
                return self._preformatted(element)
            case "ul" | "ol":
                return self._list(element)
            case "blockquote":
                return "\n".join(f"> {line}".rstrip() for line in self._inside(element).split("\n"))
            case "table":
                return self._table(element)
            case tag if tag in _HEADINGS:
                return self._marked(element)
        return self._inside(element)

    def _inside(self, element: Element, between: str = "\n\n") -> str:
        """Return what a block holds: runs of words as paragraphs, blocks as they are."""
        parts: list[str] = []
        words: list[str] = []
        for child in element.children:
            if isinstance(child, Element) and child.is_block:
                parts += [_tidy("".join(words)), self.block(child) if child.is_shown else ""]
                words = []
            else:
                words.append(self._inline(child))
        return between.join(filter(None, [*parts, _tidy("".join(words))]))

    def _inline(self, child: Element | str) -> str:
        if isinstance(child, str):
            # Spaces fold before the breaks of <br> come in as real line breaks.
            return self._words(_SPACES.sub(" ", child))
        if not child.is_shown:
            return ""
        if child.tag == "br":
            return "\n"
        if child.tag == "img":
            return self._words(child.attributes.get("alt", ""))
        if child.tag == "a" and child.attributes.get("href"):
            return self._marks.link(self._children(child).strip(), child.attributes["href"])
        return self._marked(child)

    def _marked(self, element: Element) -> str:
        """Return an element's words between its marks, once however often they are nested."""
        mark = self._marks.around.get(element.tag, "")
        if not mark or mark in self._around:
            return self._children(element)
        self._around.append(mark)
        words = self._children(element)
        self._around.pop()
        bare = words.strip()
        return words.replace(bare, f"{mark}{bare}{mark}", 1) if bare else words

    def _children(self, element: Element) -> str:
        return "".join(
            self.block(c) if isinstance(c, Element) and c.is_block else self._inline(c)
            for c in element.children
        )

    def _words(self, text: str) -> str:
        if "`" not in self._around:
            return self._marks.words(text)
        return PLACEHOLDER.sub(lambda found: moved(found[0], Place.CODE), self._marks.code(text))

    def _preformatted(self, element: Element) -> str:
        self._around.append("`")
        lines = "".join(map(self._verbatim, element.children)).strip("\n")
        self._around.pop()
        fence = self._marks.fence
        return f"{fence}\n{lines}\n{fence}" if fence else indent(lines, " " * 4)

    def _verbatim(self, child: Element | str) -> str:
        return self._words(child) if isinstance(child, str) else "".join(map(self._verbatim, child.children))

    def _list(self, element: Element) -> str:
        items = _elements(element)
        start = element.attributes.get("start", "")
        first = int(start) if re.fullmatch("[0-9]{1,9}", start) else 1
        loose = any(isinstance(c, Element) and c.tag == "p" for item in items for c in item.children)
        lines = []
        for number, item in enumerate(items, first):
            mark = f"{number}." if element.tag == "ol" else self._marks.bullet
            inside = self._inside(item, between="\n\n" if loose else "\n")
            lines.append(f"{mark} " + indent(inside, " " * (len(mark) + 1)).lstrip(" "))
        return ("\n\n" if loose else "\n").join(lines)

    def _table(self, element: Element) -> str:
        rows = [text for row in _rows(element) if (text := self._row(row))]
        layout = element.attributes.get("role") == "presentation" or any("\n" in row for row in rows)
        return ("\n\n" if layout else "\n").join(rows)

    def _row(self, element: Element) -> str:
        cells = [text for cell in _elements(element) if (text := self._inside(cell))]
        return ("\n\n" if any("\n" in text for text in cells) else CELL).join(cells)


def _elements(element: Element) -> list[Element]:
    return [child for child in element.children if isinstance(child, Element) and child.is_shown]


def _rows(table: Element) -> list[Element]:
    rows: list[Element] = []
    for child in _elements(table):
        rows += [child] if child.tag == "tr" else _rows(child)
    return rows


def _tidy(words: str) -> str:
    """Return a paragraph's words without spaces around its line breaks and ends."""
    return "\n".join(line.strip() for line in words.strip().split("\n"))
