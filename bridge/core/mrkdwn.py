"""Reads Slack's mrkdwn: text with marks becomes styled spans, so that people see what Slack would show.

https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace


class Span(Struct, frozen=True, kw_only=True):
    """A piece of text that looks the same from end to end; a link's address stands in `url`."""

    text: str
    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False
    url: str | None = None


_PLAIN = Span(text="")
# A mark opens before something visible and after no letter, and closes the other way round; none spans lines.
_TOKEN = re.compile(
    r"```(?P<block>.+?)```"
    r"|`(?P<code>[^`\n]+)`"
    r"|<(?P<link>[^<>\n]+)>"
    r"|(?<![\w*])\*(?P<bold>[^\s*](?:[^*\n]*[^\s*])?)\*(?![\w*])"
    r"|(?<![\w_])_(?P<italic>[^\s_](?:[^_\n]*[^\s_])?)_(?![\w_])"
    r"|(?<![\w~])~(?P<strike>[^\s~](?:[^~\n]*[^\s~])?)~(?![\w~])",
    re.DOTALL,
)


def spans(mrkdwn: str) -> tuple[Span, ...]:
    """Return the text's spans in order; entities are resolved, links have their label as text."""
    return tuple(_spans(mrkdwn, _PLAIN))


def plain(mrkdwn: str) -> str:
    """Return the text without its marks; a link with a label of its own is followed by its address."""
    return "".join(_with_address(span) for span in spans(mrkdwn))


def _spans(text: str, style: Span) -> Iterator[Span]:
    end = 0
    for found in _TOKEN.finditer(text):
        yield from _text(text[end : found.start()], style)
        yield from _marked(found.lastgroup or "", found[found.lastgroup or 0], style)
        end = found.end()
    yield from _text(text[end:], style)


def _marked(mark: str, inner: str, style: Span) -> Iterator[Span]:
    match mark:
        case "block" | "code":
            yield from _text(inner, replace(style, code=True))
        case "link":
            yield _link(inner, style)
        # Each level takes one mark away, so there are no more levels than marks.
        case "bold":
            yield from _spans(inner, replace(style, bold=True))
        case "italic":
            yield from _spans(inner, replace(style, italic=True))
        case _:
            yield from _spans(inner, replace(style, strike=True))


def _text(text: str, style: Span) -> Iterator[Span]:
    if text:
        yield replace(style, text=html.unescape(text))


def _link(inner: str, style: Span) -> Span:
    """Read `url|label`, `@U123`, `#C123|name`, `!here` or `!date^…|fallback`."""
    target, _, label = (html.unescape(part) for part in inner.partition("|"))
    match target[:1]:
        case "@" | "#":
            return replace(style, text=target[0] + (label or target[1:]))
        case "!":
            return replace(style, text=label or "@" + target[1:].partition("^")[0])
        case _:
            return replace(style, text=label or target.removeprefix("mailto:"), url=target)


def _with_address(span: Span) -> str:
    if span.url is None or span.url.removeprefix("mailto:") == span.text:
        return span.text
    return f"{span.text} ({span.url})"
