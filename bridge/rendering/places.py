"""Finds what stands around each placeholder, and moves it to its place: text, address, style.

Works on the author's text alone, so it cannot be misled by a value.
"""

from __future__ import annotations

import re

from bridge.rendering.escapes import Place
from bridge.rendering.moulds import PLACEHOLDER, moved, number_of


class Misplaced(Exception):
    """A value stands where no escape makes it safe. `number` says which one."""

    def __init__(self, placeholder: str, why: str) -> None:
        super().__init__(why)
        self.number = number_of(placeholder)
        self.why = why


_MARKUP = re.compile(
    r"(?P<comment><!--.*?(?:-->|\Z))"
    r"|(?P<raw><(?P<name>style|script|xmp|iframe|noembed|noframes|plaintext|template|svg|math)\b.*?(?:</(?P=name)\s*>|\Z))"
    r"""|(?P<tag></?[a-z!?](?:"[^"]*"|'[^']*'|[^'">])*(?:>|\Z))""",
    re.IGNORECASE | re.DOTALL,
)
_ATTRIBUTE = re.compile(r"""(?P<name>[^\s=>"'/]+)(?P<equals>\s*=\s*)(?P<quoted>"[^"]*"|'[^']*')""")
_ADDRESSES = frozenset(("href", "src", "action", "background", "cite", "poster", "longdesc"))
_UNSAFE = frozenset(("srcset", "srcdoc", "formaction", "ping", "http-equiv"))
_BARE = re.compile(r"https?://[^\s<>)\]]+", re.IGNORECASE)
_LINK = re.compile(r"<(?P<address>[^<>|\s]+)(?P<rest>\|[^<>\n]*)?>")


def in_html(html: str) -> str:
    """Return HTML with each placeholder at its place; raise `Misplaced` where it has none."""
    return _MARKUP.sub(_in_markup, html)


def in_address(address: str) -> str:
    """Return an address with each placeholder as a component of it, or as its beginning."""
    if not PLACEHOLDER.search(address):
        return address
    inner = Place.MAILBOX if address.lower().startswith("mailto:") else Place.PART
    first = moved(address[0], Place.WHOLE) if PLACEHOLDER.match(address) else address[0]
    return first + _all_moved(address[1:], inner)


def in_mrkdwn(text: str) -> str:
    """Return Slack text with the placeholders of its `<address|label>` links at their places."""
    return _LINK.sub(lambda found: f"<{in_address(found['address'])}{found['rest'] or ''}>", text)


def in_text(text: str) -> str:
    """Return plain text with the placeholders of the addresses in it at their places."""
    return _BARE.sub(lambda found: in_address(found[0]), text)


def _all_moved(text: str, place: Place) -> str:
    return PLACEHOLDER.sub(lambda found: moved(found[0], place), text)


def _in_markup(found: re.Match[str]) -> str:
    if not PLACEHOLDER.search(found[0]):
        return found[0]
    if found["tag"]:
        placed = _ATTRIBUTE.sub(_in_attribute, found[0])
        _refuse(
            _ATTRIBUTE.sub("", found[0]), "stands inside a tag; values belong in quoted attributes or in text"
        )
        return placed
    where = "a comment" if found["comment"] else f"<{found['name'].lower()}>"
    _refuse(found[0], f"stands inside {where}, where nothing makes it safe")
    return found[0]


def _in_attribute(found: re.Match[str]) -> str:
    name, value = found["name"].lower(), found["quoted"]
    _refuse(found["name"], "stands inside a tag; values belong in quoted attributes or in text")
    if name.startswith("on") or name in _UNSAFE:
        _refuse(value, f"stands inside the attribute '{name}', where nothing makes it safe")
    if name in _ADDRESSES:
        placed = value[0] + in_address(value[1:-1]) + value[-1] if len(value) > 2 else value
        return f"{found['name']}{found['equals']}{placed}"
    if name == "style":
        return f"{found['name']}{found['equals']}{_all_moved(value, Place.STYLE)}"
    return found[0]


def _refuse(text: str, why: str) -> None:
    placeholder = PLACEHOLDER.search(text)
    if placeholder:
        raise Misplaced(placeholder[0], why)
