"""Pages for a browser: one message as its reader sees it, and all messages of an event on one page.

Their content security policy lets a page fetch nothing, so a picture in a message shows its text; no script
runs, and a link in a message leads nowhere.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from bridge.cli.message import HEADERS
from bridge.cli.previews.made import Preview
from bridge.cli.previews.mrkdwn_page import slack_html
from bridge.core.messages import Payload
from bridge.core.readable import Mail, read_mail
from bridge.web.shown import shown_body

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'"
_META = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
_REFRESH = '<meta http-equiv="refresh" content="{seconds}">'
_HEAD = re.compile(r"<head(?:\s[^>]*)?>", re.IGNORECASE)
_DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)
PHONE = 375
_STYLE = """
:root { color-scheme: light dark; --back: #f1f2f6; --paper: #fff; --ink: #1d1f27; --soft: #5d6475; --line: #d9dde7; }
@media (prefers-color-scheme: dark) { :root { --back: #14161c; --paper: #1d2029; --ink: #e7e9f0; --soft: #a0a7b8; --line: #343947; } }
body { margin: 0; padding: 24px; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 20px; } h2 { font-size: 16px; margin: 32px 0 8px; }
p { color: var(--soft); margin: 4px 0 12px; }
table { border-collapse: collapse; margin: 0 0 12px; } th { text-align: left; font-weight: 600; color: var(--soft); padding: 0 14px 0 0; vertical-align: top; }
.shots { display: flex; flex-wrap: wrap; gap: 20px; align-items: flex-start; }
iframe { border: 1px solid var(--line); border-radius: 10px; background: #fff; height: 780px; }
iframe.phone { width: 375px; } iframe.desk { flex: 1 1 640px; min-width: 320px; max-width: 900px; }
pre { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: 14px; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; max-width: 900px; }
details > summary { cursor: pointer; color: var(--soft); margin: 10px 0; }
.wrong { border-left: 4px solid #d64545; padding-left: 14px; }
"""  # noqa: E501  # a style sheet reads better a rule a line
_CHAT_STYLE = """
:root { color-scheme: light dark; --back: #fff; --ink: #1d1c1d; --soft: #616061; --line: #dddddd; --link: #1264a3; --code: #c01343; --codeback: #f6f6f6; --mention: #e8f5fa; }
@media (prefers-color-scheme: dark) { :root { --back: #1a1d21; --ink: #d1d2d3; --soft: #ababad; --line: #40434a; --link: #1d9bd1; --code: #e8912d; --codeback: #232529; --mention: #1d3a4a; } }
body { margin: 0; padding: 16px 20px 20px; background: var(--back); color: var(--ink); font: 15px/22px Lato, "Helvetica Neue", Helvetica, Arial, "Noto Color Emoji", sans-serif; overflow-wrap: anywhere; }
.where { font-weight: 900; font-size: 18px; padding: 0 0 12px; border-bottom: 1px solid var(--line); margin: 0 0 14px; }
.message { display: flex; gap: 8px; } .face { flex: none; width: 36px; height: 36px; border-radius: 6px; background: #3451d1; color: #fff; font-weight: 900; display: flex; align-items: center; justify-content: center; }
.who { font-weight: 900; } .app { font-size: 10px; font-weight: 700; background: var(--line); border-radius: 3px; padding: 1px 4px; color: var(--soft); margin: 0 6px; vertical-align: 2px; } .when { color: var(--soft); font-size: 12px; }
.body { flex: 1; min-width: 0; } .section { margin: 2px 0 6px; } .header { font-weight: 900; font-size: 18px; line-height: 24px; margin: 6px 0; }
.context { color: var(--soft); font-size: 13px; line-height: 18px; margin: 4px 0 8px; } .fields { display: grid; grid-template-columns: 1fr 1fr; gap: 6px 16px; margin: 6px 0; }
.button { display: inline-block; border: 1px solid var(--line); border-radius: 8px; padding: 4px 12px; font-weight: 700; margin: 4px 8px 4px 0; } .primary { background: #007a5a; color: #fff; border-color: #007a5a; }
.link { color: var(--link); } .mention { background: var(--mention); color: var(--link); border-radius: 3px; padding: 0 2px; }
blockquote { margin: 0; padding: 0 0 0 12px; border-left: 4px solid var(--line); } hr { border: 0; border-top: 1px solid var(--line); margin: 12px 0; }
code { color: var(--code); background: var(--codeback); border: 1px solid var(--line); border-radius: 3px; padding: 1px 3px; font: 12px/18px Menlo, Consolas, monospace; }
pre { background: var(--codeback); border: 1px solid var(--line); border-radius: 4px; padding: 8px; font: 12px/18px Menlo, Consolas, monospace; white-space: pre-wrap; }
.attached { border-left: 4px solid var(--line); padding-left: 12px; margin: 4px 0; }
"""  # noqa: E501


class Trouble(Struct, frozen=True):
    """What stands on a page in place of messages that cannot be made."""

    lines: Sequence[str]


def picture_page(each: Preview) -> str | None:
    """Return the page that a picture of one message is taken of; None for what people do not see."""
    if not isinstance(each.made, Payload):
        return None
    match each.kind:
        case "email":
            page = read_mail(each.made.body).html
            return quiet(page) if page else None
        case "slack":
            return chat_page(each.made)
        case _:
            return None


def quiet(page: str) -> str:
    """Return a page of HTML that fetches nothing, whatever it asks for."""
    head = _HEAD.search(page)
    if head:
        return page[: head.end()] + _META + page[head.end() :]
    doctype = _DOCTYPE.match(page)
    end = doctype.end() if doctype else 0
    return f"{page[:end]}<head>{_META}</head>{page[end:]}"


def chat_page(payload: Payload) -> str:
    """Return a Slack message with its channel above and the app's name beside it."""
    body = _object(payload.body)
    where = str(body.get("channel") or "")
    heading = f'<div class="where">{html.escape(where)}</div>' if where else ""
    name = str(body.get("username") or "Bridge")
    return (
        f'<!doctype html><html lang="en"><head>{_META}<meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Slack</title><style>{_CHAT_STYLE}</style></head><body>{heading}"
        f'<div class="message"><div class="face">{html.escape(name[:1])}</div><div class="body">'
        f'<div><span class="who">{html.escape(name)}</span><span class="app">APP</span>'
        f'<span class="when">9:00</span></div>{slack_html(body)}</div></div></body></html>'
    )


def overview(title: str, previews: Sequence[Preview], trouble: Trouble | None, *, refresh_s: int = 0) -> str:
    """Return the page that shows every message of an event, or what is wrong.

    With `refresh_s` the browser reads it again every so many seconds.
    """
    again = _REFRESH.format(seconds=refresh_s) if refresh_s else ""
    inside = "".join(map(_shown, previews))
    wrong = f'<pre class="wrong">{html.escape(chr(10).join(trouble.lines))}</pre>' if trouble else ""
    return (
        f'<!doctype html><html lang="en"><head>{_META}{again}<meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{html.escape(title)}</h1>"
        "<p>Nothing was sent. Pictures from the network are not loaded here.</p>"
        f"{wrong}{inside}</body></html>\n"
    )


def _shown(each: Preview) -> str:
    heading = f"<h2>{html.escape(each.title)}</h2>"
    if not isinstance(each.made, Payload):
        return f'{heading}<pre class="wrong">cannot be made: {html.escape(each.made.why)}</pre>'
    if each.kind == "email":
        return heading + _mail(read_mail(each.made.body))
    page = picture_page(each)
    return heading + (_frames(page, "height:320px") if page else f"<pre>{_code(each.made)}</pre>")


def _mail(mail: Mail) -> str:
    rows = "".join(
        f"<tr><th>{name.title()}</th><td>{html.escape(mail.header(name))}</td></tr>"
        for name in HEADERS
        if mail.header(name)
    )
    rows += "".join(f"<tr><th>With</th><td>{html.escape(str(file))}</td></tr>" for file in mail.files)
    text = f"<details><summary>as text</summary><pre>{html.escape(mail.text)}</pre></details>"
    return f"<table>{rows}</table>{_frames(quiet(mail.html)) if mail.html else ''}{text}"


def _frames(page: str, style: str = "") -> str:
    """Return a page at a telephone's width and at a desk's, in frames that may run and open nothing."""
    inside = f'sandbox="" srcdoc="{html.escape(page)}" style="{style}"'
    return (
        f'<div class="shots"><iframe class="phone" title="telephone" {inside}></iframe>'
        f'<iframe class="desk" title="desk" {inside}></iframe></div>'
    )


def _code(payload: Payload) -> str:
    return html.escape(shown_body(payload.body))


def _object(body: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {"text": body.decode("utf-8", "replace")}
    return value if isinstance(value, dict) else {}
