"""Markdown to HTML, with placeholders for values, and one convention of our own: the button.

`[Continuar](https://… "button")` alone in its paragraph is a button; elsewhere, and in text, it is a link.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from bridge.rendering.moulds import PLACEHOLDER

BUTTON = "button"
# A table, because Outlook ignores the padding of everything else.
_OPEN = '<table class="button" role="presentation" cellpadding="0" cellspacing="0" border="0"><tr><td>'
_CLOSE = "</td></tr></table>\n"
_AROUND_PLACEHOLDERS = re.compile("[^\U000f0000-\U0010ffff]+")
_ADDRESS_CHARACTERS = ":/?#[]@!$&'()*+,;=%-._~"


class Markdown(MarkdownIt):
    """CommonMark with tables and strikethrough, without HTML and without guessing at links."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False, "linkify": False})
        self.enable(["table", "strikethrough"])
        self.core.ruler.push("button", _find_buttons)

    def normalizeLink(self, url: str) -> str:  # noqa: N802  (the parser's name for it)
        """Encode an address, but leave placeholders, which are encoded when they are filled."""
        if not PLACEHOLDER.search(url):
            return super().normalizeLink(url)
        return _AROUND_PLACEHOLDERS.sub(lambda found: quote(found[0], safe=_ADDRESS_CHARACTERS), url)


def _find_buttons(state: StateCore) -> None:
    for opening, inline, closing in zip(state.tokens, state.tokens[1:], state.tokens[2:], strict=False):
        if opening.type == "paragraph_open" and _is_button(inline.children or ()):
            link = (inline.children or [])[0]
            del link.attrs["title"]
            link.attrSet("class", BUTTON)
            for token, html in ((opening, _OPEN), (closing, _CLOSE)):
                token.type, token.content = "html_block", html


def _is_button(children: Sequence[Token]) -> bool:
    if len(children) < 3 or children[0].type != "link_open" or children[-1].type != "link_close":
        return False
    links = sum(token.type == "link_open" for token in children)
    return links == 1 and children[0].attrGet("title") == BUTTON
