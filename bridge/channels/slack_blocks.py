"""Slack's blocks within Slack's limits: text as sections, buttons, and cuts that a reader sees.

https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bridge.channels.base import Limit
from bridge.core.readable import read_chat

TEXT_LIMIT = Limit(
    "characters of text",
    40_000,
    "https://docs.slack.dev/reference/methods/chat.postMessage#truncating-content",
)
"""Beyond this Slack cuts by itself, without a sign; it recommends 4,000."""
SECTION_LIMIT = Limit(
    "characters of a section", 3_000, "https://docs.slack.dev/reference/block-kit/blocks/section-block"
)
BLOCKS_LIMIT = Limit("blocks", 50, "https://docs.slack.dev/reference/block-kit/blocks")
MARKDOWN_LIMIT = Limit(
    "characters of all `markdown` blocks",
    12_000,
    "https://docs.slack.dev/reference/block-kit/blocks/markdown-block",
)
TOTAL_LIMIT = Limit("characters of all blocks", 13_000, "https://github.com/slackapi/bolt-js/issues/2509")
"""Slack states none, and refuses messages from about 13,200 on with `msg_blocks_too_long`."""
BUTTON_LIMIT = Limit(
    "characters on a button", 75, "https://docs.slack.dev/reference/block-kit/block-elements/button-element"
)
HEADER_LIMIT = Limit(
    "characters of a header", 150, "https://docs.slack.dev/reference/block-kit/blocks/header-block"
)
FIELD_LIMIT = Limit(
    "characters of a section's field",
    2_000,
    "https://docs.slack.dev/reference/block-kit/blocks/section-block",
)
LIMITS = (
    TEXT_LIMIT,
    SECTION_LIMIT,
    FIELD_LIMIT,
    HEADER_LIMIT,
    BUTTON_LIMIT,
    BLOCKS_LIMIT,
    MARKDOWN_LIMIT,
    TOTAL_LIMIT,
)
_MARK = "…"
_LONGEST_ENTITY = 5
_LIMIT_OF = {
    "header": HEADER_LIMIT,
    "button": BUTTON_LIMIT,
    "markdown": MARKDOWN_LIMIT,
    "fields": FIELD_LIMIT,
}
_LEFT_OUT = "_… ({} more)_"


def shortened(text: str, limit: int = TEXT_LIMIT.value) -> str:
    """Return the text within a limit, cut with "…" outside of links, mentions and entities."""
    return text if len(text) <= limit else _beginning(text, limit - len(_MARK)) + _MARK


def sections(mrkdwn: str) -> list[dict[str, object]]:
    """Return a text as blocks, parted between lines where it is longer than one of them may be."""
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": part}}
        for part in _parts(mrkdwn, SECTION_LIMIT.value)
    ]


def kept(blocks: Sequence[object], room: int = 0) -> tuple[list[object], tuple[str, ...]]:
    """Return blocks within every limit, leaving `room` for more of them, and what was cut, in words."""
    cutting = _Cutting()
    made = [cutting.block(each) for each in blocks]
    most = BLOCKS_LIMIT.value - room
    if len(made) > most:
        cutting.cuts.append(f"{len(made) - most + 1} of {len(made)} blocks left out")
        note = {"type": "mrkdwn", "text": _LEFT_OUT.format(len(made) - most + 1)}
        made = [*made[: most - 1], {"type": "context", "elements": [note]}]
    return made, tuple(cutting.cuts)


def notification(blocks: Sequence[object]) -> str:
    """Return what notifications show of blocks that have no text beside them."""
    return shortened("\n".join(read_chat({"blocks": list(blocks)}).paragraphs), SECTION_LIMIT.value)


class _Cutting:
    """Cuts the texts of blocks one by one, until nothing more fits into the message."""

    def __init__(self) -> None:
        self.cuts: list[str] = []
        self._left = TOTAL_LIMIT.value
        self._markdown_left = MARKDOWN_LIMIT.value

    def block(self, value: object, kind: str = "") -> object:
        match value:
            case Mapping():
                own = str(value.get("type", ""))
                inside = kind if own in ("mrkdwn", "plain_text") else own
                return {name: self._member(name, item, inside) for name, item in value.items()}
            case list() | tuple():
                return [self.block(item, kind) for item in value]
            case str():
                return value.encode("utf-8", "replace").decode()
            case _:
                return value

    def _member(self, name: str, value: object, kind: str) -> object:
        if isinstance(value, str) and name == "text":
            return self._text(self.block(value), kind)
        return self.block(value, "fields" if name == "fields" else kind)

    def _text(self, found: object, kind: str) -> str:
        text = str(found)
        limit = min(_LIMIT_OF.get(kind, SECTION_LIMIT).value, self._left)
        if kind == "markdown":
            limit = min(limit, self._markdown_left)
        # Slack refuses an empty text, so a text for which there is no room is its mark alone.
        short = shortened(text, max(limit, len(_MARK)))
        self._left = max(0, self._left - len(short))
        if kind == "markdown":
            self._markdown_left = max(0, self._markdown_left - len(short))
        if len(short) < len(text):
            what = {"": "text", "fields": "a field"}.get(kind, f"a {kind}")
            self.cuts.append(f"{what} cut from {len(text):,} to {len(short):,} characters")
        return short


def _parts(text: str, limit: int) -> Iterator[str]:
    while len(text) > limit:
        part = text[:limit]
        line = part.rfind("\n")
        part = text[:line] if line > 0 else _beginning(text, limit)
        part = part or text[:limit]
        if part.strip():
            yield part
        text = text[len(part) :].lstrip("\n")
    if text.strip():
        yield text


def _beginning(text: str, length: int) -> str:
    """Return the first characters of a text, without half of a link, a mention or an entity at the end."""
    text = text[:length]
    opened, closed = text.rfind("<"), text.rfind(">")
    if opened > closed:
        text = text[:opened]
    entity = text.rfind("&", max(0, len(text) - _LONGEST_ENTITY))
    if entity >= 0 and ";" not in text[entity:]:
        text = text[:entity]
    return text.rstrip()
