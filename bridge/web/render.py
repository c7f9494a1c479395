"""Renders the admin pages: one Jinja environment, one stylesheet, and the headers that keep pages harmless.

The pages have no script at all, and their Content-Security-Policy allows none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from bridge.core.identity import ID_SHOWN
from bridge.core.mrkdwn import spans
from bridge.core.rules import kind_of
from bridge.store.views import DeliveryRow
from bridge.web.answers import SOFTWARE
from bridge.web.filters import page_link

_HERE = Path(__file__).parent
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_MESSAGE_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
_HEADERS = {
    "Server": SOFTWARE,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_DELIVERY_ID = re.compile(r"\b[0-9a-f]{32}\b", re.ASCII)
_COMMAND = re.compile(r"`([^`]+)`")
_STATIC = MappingProxyType({"style.css": "text/css", "icon.svg": "image/svg+xml"})


class Pages:
    """Makes responses of templates; `common` is what every template sees."""

    def __init__(self, zone: tzinfo, now: Callable[[], datetime], common: Mapping[str, object]) -> None:
        self._static = {name: (_HERE / "static" / name).read_bytes() for name in _STATIC}
        self._env = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._env.globals |= {
            **common,
            "page_link": page_link,
            "spans": spans,
            "kind_of": kind_of,
            "now": now,
        }
        self._env.globals["style"] = (
            f"/static/style.css?{hashlib.sha256(self._static['style.css']).hexdigest()[:12]}"
        )
        self._env.filters["when"] = lambda at: _when(at, zone)
        self._env.filters["ago"] = lambda at: ago(now() - at)
        self._env.filters["emoji"] = _emoji
        self._env.filters["milliseconds"] = _milliseconds
        self._env.filters["linked"] = _linked
        self._env.filters["reason"] = _reason
        self._env.filters["short"] = lambda delivery_id: delivery_id[:ID_SHOWN]

    def page(self, template: str, *, status: int = 200, **values: object) -> web.Response:
        """Return a whole page."""
        html = self._env.get_template(template).render(values)
        headers = {**_HEADERS, "Content-Security-Policy": _POLICY, "X-Frame-Options": "DENY"}
        return _html(html, headers, status)

    def message(self, html: str) -> web.Response:
        """Return the HTML of a message: shut in, without script, forms or pictures from afar."""
        return _html(html, {**_HEADERS, "Content-Security-Policy": _MESSAGE_POLICY})

    def download(self, name: str, content: bytes) -> web.Response:
        """Return a file to keep: whatever is in it, the browser shows and runs nothing of it."""
        headers = {
            **_HEADERS,
            "Content-Security-Policy": _MESSAGE_POLICY,
            "Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}",
        }
        return web.Response(body=content, headers=headers, content_type="application/octet-stream")

    async def static(self, request: web.Request) -> web.StreamResponse:
        """Serve the stylesheet and the icon; the link to the stylesheet changes with its content."""
        name = request.match_info["name"]
        if name not in self._static:
            raise web.HTTPNotFound
        headers = {**_HEADERS, "Cache-Control": "max-age=86400", "Content-Type": _STATIC[name]}
        return web.Response(body=self._static[name], headers=headers)


def ago(span: timedelta) -> str:
    """Return a span of time as people say it: `3 min`, `2 h`, `5 d`; a negative one as `in 3 min`."""
    seconds = round(abs(span.total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            words = f"{seconds // size} {unit}"
            break
    else:
        words = f"{seconds} s"
    return f"in {words}" if span < timedelta(0) else words


def _html(html: str, headers: Mapping[str, str], status: int = 200) -> web.Response:
    body = html.encode("utf-8", "replace")
    return web.Response(
        status=status, body=body, headers={**headers, "Content-Type": "text/html; charset=utf-8"}
    )


def _when(at: datetime | None, zone: tzinfo) -> Markup:
    if at is None:
        return Markup("–")  # noqa: RUF001 - a dash, typographically
    local = at.astimezone(zone)
    words = f"{local:%A, %d %B %Y, %H:%M:%S %Z}"
    element = Markup('<time datetime="{}" title="{}">{}</time>')
    return element.format(at.isoformat(), words, f"{local:%Y-%m-%d %H:%M:%S}")


def _reason(row: DeliveryRow) -> str:
    """Return why a delivery stands where it stands, or what its last attempt met; empty if all is well."""
    if row.why or not row.last_reason:
        return row.why or ""
    return ": ".join(filter(None, (row.last_reason.replace("_", " "), row.last_answer)))


def _linked(sentence: object) -> Markup:
    """Turn the delivery ids of a sentence into links that show their beginning, its `commands` into code."""
    link = '<a href="/deliveries/{0}">{1}</a>'
    # Escaped first: what is found has no character that escaping makes, so this is the only markup.
    code = _COMMAND.sub(r"<code>\1</code>", str(escape(sentence)))
    return Markup(_DELIVERY_ID.sub(lambda found: link.format(found[0], found[0][:ID_SHOWN]), code))  # noqa: S704


def _emoji(text: str) -> str:
    """Return the text with each `:name:` of an emoji as its character."""
    if ":" not in text:
        return text
    from rich.emoji import Emoji  # noqa: PLC0415 - most bridges never show a message of Slack's here

    return Emoji.replace(text)


def _milliseconds(duration_ms: int) -> str:
    return f"{duration_ms} ms" if duration_ms < 1000 else f"{duration_ms / 1000:.1f} s"
