"""A Slack message as HTML that looks about as Slack shows it: mrkdwn, blocks, buttons; nothing is fetched.

Slack's own rendering is not public. Its rules: https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping

_DEPTH = 12
_HOLD = "\ue000{}\ue001"
_HELD = re.compile("\ue000(\\d+)\ue001")
_SPECIAL = re.compile(r"<([^<>\n]+)>")
_EDGE = r"(?<![\w*_~`\\])"
_MARKS = (
    (re.compile(_EDGE + r"\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])"), "b"),
    (re.compile(_EDGE + r"_(?=\S)([^_\n]+?)(?<=\S)_(?![\w_])"), "i"),
    (re.compile(_EDGE + r"~(?=\S)([^~\n]+?)(?<=\S)~(?![\w~])"), "s"),
)
_EMOJI_WORDS = """
    tada 🎉 trophy 🏆 raised_hand ✋ wave 👋 star ⭐ star2 🌟 fire 🔥 rocket 🚀
    warning ⚠️ mega 📣 books 📚 mortar_board 🎓 muscle 💪 clap 👏 heart ❤️ eyes 👀
    bell 🔔 email ✉️ envelope ✉️ seedling 🌱 white_check_mark ✅ x ❌
    hourglass ⌛ calendar 📅 speech_balloon 💬 sparkles ✨ dart 🎯 bulb 💡 medal 🏅
    smile 😄 thinking_face 🤔 zzz 💤 sleeping 😴 point_right 👉 pray 🙏
    chart_with_upwards_trend 📈 bar_chart 📊 hatching_chick 🐣 footprints 👣
    +1 👍 sos 🆘 checkered_flag 🏁 broken_heart 💔 newspaper 📰 no_entry ⛔ link 🔗
    athletic_shoe 👟
"""
_EMOJI = dict(zip(_EMOJI_WORDS.split()[::2], _EMOJI_WORDS.split()[1::2], strict=True))
"""The short codes that messages of schools use most; the others are shown as they are written."""
_SHORTCODE = re.compile(r":([a-z0-9_+'-]+):")


def slack_html(body: Mapping[str, object]) -> str:
    """Return the inside of a message: its blocks, or its text where there are none."""
    blocks = body.get("blocks")
    shown = "".join(_blocks(blocks, _DEPTH))
    attached = "".join(
        f'<div class="attached">{slack_html(each)}</div>'
        for each in _list(body.get("attachments"))
        if isinstance(each, dict)
    )
    if not shown and not attached:
        shown = f'<div class="section">{mrkdwn_html(str(body.get("text") or ""))}</div>'
    return shown + attached


def mrkdwn_html(text: str) -> str:
    """Return mrkdwn as HTML; whatever stands in it, only the tags written here come out."""
    held: list[str] = []

    def hold(made: str) -> str:
        held.append(made)
        return _HOLD.format(len(held) - 1)

    text = text.replace("\ue000", "").replace("\ue001", "")
    text = re.sub(r"```\n?(.*?)\n?```", lambda m: hold(f"<pre>{_words(m[1])}</pre>"), text, flags=re.DOTALL)
    text = re.sub(r"`([^`\n]+)`", lambda m: hold(f"<code>{_words(m[1])}</code>"), text)
    text = _SPECIAL.sub(lambda m: hold(_special(m[1])), text)
    text = _words(text)
    for pattern, tag in _MARKS:
        text = pattern.sub(rf"<{tag}>\1</{tag}>", text)
    text = _SHORTCODE.sub(lambda m: _EMOJI.get(m[1], m[0]), text)
    return _HELD.sub(lambda m: held[int(m[1])], _lines(text))


def _words(text: str) -> str:
    """Return text of mrkdwn, in which `&`, `<` and `>` are entities already, as text of HTML."""
    return html.escape(html.unescape(text))


def _special(inside: str) -> str:
    """Return a link, a mention or a date of `<…>`."""
    target, _, label = inside.partition("|")
    if target.startswith(("@", "#", "!")):
        name = label or target.lstrip("!").removeprefix("#").removeprefix("@")
        sign = "#" if target.startswith("#") else "@"
        return f'<span class="mention">{sign}{html.escape(html.unescape(name.lstrip("@#")))}</span>'
    # No address: a preview's links lead nowhere, and nothing can be clicked by accident.
    return f'<span class="link" title="{html.escape(target)}">{_words(label or target)}</span>'


def _lines(text: str) -> str:
    """Return lines with their breaks, and those that begin with `>` as quotes."""
    made: list[str] = []
    for line in text.split("\n"):
        quoted = line.startswith("&gt;")
        made.append(f"<blockquote>{line[4:].lstrip()}</blockquote>" if quoted else f"{line}<br>")
    return "".join(made).removesuffix("<br>").replace("</blockquote><blockquote>", "<br>")


def _blocks(blocks: object, depth: int) -> Iterator[str]:
    for block in _list(blocks) if depth > 0 else ():
        if isinstance(block, dict):
            yield _block(block, depth)


def _block(block: Mapping[str, object], depth: int) -> str:
    match block.get("type"):
        case "header":
            return f'<div class="header">{_text(block.get("text"))}</div>'
        case "divider":
            return "<hr>"
        case "image":
            return f'<div class="image">🖼 {html.escape(str(block.get("alt_text") or "image"))}</div>'
        case "context":
            inner = " ".join(_element(each, depth) for each in _list(block.get("elements")))
            return f'<div class="context">{inner}</div>'
        case "actions":
            inner = "".join(_element(each, depth) for each in _list(block.get("elements")))
            return f'<div class="actions">{inner}</div>'
        case _:
            return _section(block, depth)


def _section(block: Mapping[str, object], depth: int) -> str:
    fields = "".join(f"<div>{_text(each)}</div>" for each in _list(block.get("fields")))
    parts = [
        f"<div>{_text(block.get('text'))}</div>" if block.get("text") else "",
        f'<div class="fields">{fields}</div>' if fields else "",
        _element(block["accessory"], depth) if "accessory" in block else "",
        "".join(_blocks(block.get("elements"), depth - 1)),
    ]
    return f'<div class="section">{"".join(parts)}</div>'


def _element(element: object, depth: int) -> str:
    if not isinstance(element, dict):
        return ""
    match element.get("type"):
        case "button":
            style = " primary" if element.get("style") == "primary" else ""
            return f'<span class="button{style}">{_text(element.get("text"))}</span>'
        case "mrkdwn" | "plain_text":
            return _text(element)
        case _:
            return _block(element, depth - 1) if depth > 1 else ""


def _text(value: object) -> str:
    if isinstance(value, dict):
        text = str(value.get("text") or "")
        if value.get("type") == "plain_text":
            return _SHORTCODE.sub(lambda m: _EMOJI.get(m[1], m[0]), html.escape(text)).replace("\n", "<br>")
        return mrkdwn_html(text)
    return mrkdwn_html(str(value)) if isinstance(value, str) else ""


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
