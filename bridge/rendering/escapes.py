"""How a value is written so that it means nothing but itself where it lands.

A place is what stands around a value: text, part of an address, a whole address, and so on. A form is what
the message is written in: HTML, mrkdwn, text. `ESCAPES[form][place]` writes it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from enum import Enum, IntEnum
from urllib.parse import quote

from bridge.rendering.limits import Fault

Escape = Callable[[str], str]


class Place(IntEnum):
    """What stands around a value."""

    TEXT = 0
    """Words; also an attribute that is no address."""
    PART = 1
    """Inside an address: one component, percent-encoded."""
    WHOLE = 2
    """The beginning of an address, which must then be http or https."""
    MAILBOX = 3
    """Inside a `mailto:` address, where `@` stays."""
    STYLE = 4
    """Inside a `style` attribute: a number, a colour, a word."""
    CODE = 5
    """Between backticks, where nothing but their end has a meaning."""


class Form(Enum):
    """What a message is written in."""

    RAW = "raw"
    """A field as it is: an address, a subject to be encoded later."""
    TEXT = "text"
    """Text for people: a value stays on its line."""
    HTML = "html"
    MRKDWN = "mrkdwn"
    CHAT = "chat"
    """Text for a chat whose marks are its own: Discord, Teams, Google Chat, Telegram."""


# Control characters and line breaks, and the marks that turn the direction of the text after them.
_CONTROLS = "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb"
_HALVES = "\ud800-\udfff"
_BREAKS = re.compile(f"[{_CONTROLS}]+")
_SURROGATES = re.compile(f"[{_HALVES}]")
_UNWANTED = re.compile(f"[{_CONTROLS}{_HALVES}]")
_ADDRESS = re.compile(r"https?://[^/?#\\\s]", re.IGNORECASE)
_ADDRESS_CHARACTERS = ":/?#[]@!$&'()*+,;=%-._~"
_HTML_SPECIAL = re.compile("[&<>\"']")
_NO_STYLE = re.compile(r"[^\w#%., -]")


def folded(text: str) -> str:
    """Return a value on one line: runs of control characters become a space, and nothing at the ends."""
    if text.isprintable() or not _UNWANTED.search(text):
        return text
    return encodable(_BREAKS.sub(" ", text)).strip()


def encodable(text: str) -> str:
    """Return a value that UTF-8 can hold; half characters become the replacement character."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def component(text: str) -> str:
    """Percent-encode a value as one component of an address."""
    return quote(encodable(text), safe="")


def mailbox(text: str) -> str:
    """Percent-encode a value inside `mailto:`; an address of a person keeps its `@` (RFC 6068)."""
    return quote(encodable(text), safe="@")


def address(text: str) -> str:
    """Return a value that is a whole http(s) address; raise `Fault` for any other, such as `javascript:`."""
    clean = text.strip()
    if not _ADDRESS.match(clean):
        raise Fault("is used as an address, and is none that begins with https:// or http://")
    return quote(encodable(clean), safe=_ADDRESS_CHARACTERS)


def style(text: str) -> str:
    """Return a value for a `style` attribute: letters, digits and `# % . , - _`, the rest dropped."""
    return _NO_STYLE.sub("", folded(text))


_LOOKALIKES = str.maketrans("*~`_", "\u2217\u223c\u02cb\uff3f")
_ENTITIES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
_MARKS = re.compile(r"[*~`]|(?<![^\W_])_|_(?![^\W_])")
_CALLS = re.compile(r"(?<!\w)([@#])(?=\w|$)|(?<=[a-z])(:)(?=//)|(?<!\w)(www)(?=\.)|^(>)", re.IGNORECASE)
_MRKDWN_SPECIAL = re.compile("[&<>*_~`@#]")
WORD_JOINER = "\u2060"


def mrkdwn(text: str) -> str:
    """Return text that Slack shows as it is: no mention, link, emphasis, code or quote comes from it.

    `&`, `<`, `>` become entities (https://docs.slack.dev/messaging/formatting-message-text). Slack has no
    escape for its formatting characters, so those that could format become look-alikes: the asterisk and
    tilde operators, the modifier grave accent, the full-width low line; but `_` inside a word stays, where it
    is inert and addresses need it. An invisible word joiner parts `@` from a name and `:` from `//`, which
    Slack would link.
    """
    # Neither a colon nor a full stop means anything elsewhere, and module titles are full of them.
    if not (_MRKDWN_SPECIAL.search(text) or "://" in text or "www." in text.lower()):
        return text
    marked = _MARKS.sub(lambda found: found[0].translate(_LOOKALIKES), text)
    inert = _CALLS.sub(lambda found: WORD_JOINER + found[0] if found[4] else found[0] + WORD_JOINER, marked)
    return inert.translate(_ENTITIES)


def mrkdwn_code(text: str) -> str:
    """Return text for between backticks in Slack's mrkdwn."""
    return text.replace("`", "\u02cb").translate(_ENTITIES)


_CHAT_MARKS = re.compile(r"[*~`|\\]|(?<![^\W_])_|_(?![^\W_])")
_CHAT_LOOKALIKES = str.maketrans("*~`_|\\", "\u2217\u223c\u02cb\uff3f\u01c0\u2216")
_CHAT_CALLS = re.compile(
    r"([<@#\]])(?=\S)|(?<=[a-z])(:)(?=//)|(?<!\w)(www)(?=\.)|(?<!\S)(/)(?=\w)"
    r"|^(>|-|\+|#{1,6}|\d{1,9}[.)])(?=\s|#|$)",
    re.IGNORECASE,
)


def chat(text: str) -> str:
    """Return text that chats show as it is: no mention, link, emphasis, code, list or quote comes from it.

    Each chat has rules of its own for what a backslash escapes, so none is used: marks become look-alikes, as
    in Slack, and an invisible word joiner parts what would call somebody or lead somewhere: `<users/all>`,
    `@everyone`, `[label](address)`, `https://`.
    """
    marked = _CHAT_MARKS.sub(lambda found: found[0].translate(_CHAT_LOOKALIKES), text)
    return _CHAT_CALLS.sub(lambda found: found[0] + WORD_JOINER, marked)


def _then(first: Escape, second: Escape) -> Escape:
    return lambda text: second(first(text))


def _html(text: str) -> str:
    clean = text if text.isprintable() else folded(text)
    return html.escape(clean) if _HTML_SPECIAL.search(clean) else clean


def _entities(text: str) -> str:
    return text.translate(_ENTITIES)


def _same(text: str) -> str:
    return text


def _escapes(text: Escape, code: Escape, around: Escape) -> Mapping[Place, Escape]:
    """Return the escapes of a form; `around` makes an encoded address safe in it."""
    return {
        Place.TEXT: text,
        Place.CODE: code,
        Place.PART: _then(component, around),
        Place.MAILBOX: _then(mailbox, around),
        Place.WHOLE: _then(address, around),
        Place.STYLE: _then(style, around),
    }


ESCAPES: Mapping[Form, Mapping[Place, Escape]] = {
    Form.RAW: _escapes(encodable, encodable, _same),
    Form.TEXT: _escapes(folded, folded, _same),
    Form.HTML: _escapes(_html, _html, html.escape),
    Form.CHAT: _escapes(_then(folded, chat), _then(folded, chat), _same),
    Form.MRKDWN: _escapes(_then(folded, mrkdwn), _then(folded, mrkdwn_code), _entities),
}
