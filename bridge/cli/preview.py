"""`bridge preview`: the messages that an event leads to, exactly as they would go out; nothing is sent."""

from __future__ import annotations

import re
import tempfile
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import assert_never

from bridge.bootstrap import build_channels
from bridge.channels.base import Channel
from bridge.channels.http import Shared
from bridge.cli.event import find_body
from bridge.cli.exits import Failure
from bridge.cli.explain import named_rules
from bridge.cli.known import events_of
from bridge.cli.message import payload_lines
from bridge.cli.opening import config_to_look_at
from bridge.cli.options import Setup
from bridge.cli.program import say
from bridge.cli.tables import show, show_json
from bridge.cli.text import one_line
from bridge.clock import SystemClock
from bridge.config.load import Loaded
from bridge.core.events import Event
from bridge.core.messages import Payload
from bridge.core.readable import read_mail
from bridge.core.routing import Plan, Router
from bridge.core.rules import Action, kind_of
from bridge.pipeline.compose import Unready, compose
from bridge.web.plain import message_plain

PREVIEW_ID = "0" * 32
"""Stands for the delivery's id in message ids and links."""


@dataclass(frozen=True, slots=True)
class Preview:
    """One message, or why there is none."""

    rule: str
    action: Action
    made: Payload | Unready

    @property
    def kind(self) -> str:
        """The type of its channel."""
        return kind_of(self.action.name)

    @property
    def title(self) -> str:
        """Its rule, and where it goes."""
        return f"{self.rule}: {self.kind} via {self.action.channel}"

    @property
    def file_name(self) -> str:
        """A name for its files, without an ending."""
        return re.sub(r"[^A-Za-z0-9_-]+", "-", f"{self.rule}-{self.action.name}")


def preview(
    setup: Setup,
    text: str,
    *,
    source: str | None,
    rule: str | None,
    out: Path | None,
    browser: bool,
    json: bool,
) -> None:
    """Print the messages of all matching rules; exits with 1 when one of them cannot be made."""
    loaded = config_to_look_at(setup)
    found = find_body(loaded, text)
    rules = named_rules(loaded, rule)
    now = SystemClock().now()
    channels = build_channels(loaded, Shared(SystemClock(), "bridge"))
    plans = [
        (event, Router(rules).plan(event, event.facts())) for event in events_of(loaded, found, source, now)
    ]
    previews = [each for event, plan in plans for each in _previews(event, plan, channels, now)]
    failed = [f"{failure.rule}: {failure.why}" for _, plan in plans for failure in plan.failed]
    if json:
        show_json([_plain(each) for each in previews])
    else:
        for each in previews:
            show("\n".join([f"── {each.title}", "", *_lines(each), ""]))
    say(*_notes(loaded, plans, text))
    if (out is not None or browser) and any(isinstance(each.made, Payload) for each in previews):
        _write(previews, out or Path(tempfile.mkdtemp(prefix="bridge-preview-")), browser=browser)
    if failed or any(isinstance(each.made, Unready) for each in previews):
        raise Failure("not every message can be made", *failed)


def _previews(event: Event, plan: Plan, channels: Mapping[str, Channel], now: datetime) -> Iterator[Preview]:
    for wanted in plan.wanted:
        made = compose(
            action=wanted.action,
            channel=channels[wanted.action.channel],
            facts=event.facts(),
            delivery_id=PREVIEW_ID,
            at=now,
        )
        yield Preview(wanted.rule.name, wanted.action, made)


def _lines(each: Preview) -> Iterator[str]:
    match each.made:
        case Unready(why=why):
            yield f"cannot be made: {one_line(why)}"
        case Payload():
            yield from payload_lines(each.action.name, each.made)
        case _:
            assert_never(each.made)


def _plain(each: Preview) -> dict[str, object]:
    base: dict[str, object] = {"rule": each.rule, "action": each.action.name, "channel": each.action.channel}
    match each.made:
        case Unready(why=why):
            return {**base, "error": why}
        case Payload():
            return {**base, "error": None, **message_plain(each.action.name, each.made)}
        case _:
            assert_never(each.made)


def _notes(loaded: Loaded, plans: Sequence[tuple[Event, Plan]], text: str) -> list[str]:
    if not any(plan.matched for _, plan in plans):
        return [f"no rule matches this event; `bridge explain {text}` says why"]
    if not any(plan.wanted for _, plan in plans):
        return [f"rules match, but none of their actions is wanted; `bridge explain {text}` says why"]
    if any(event.test for event, _ in plans) and not loaded.config.deliver_tests:
        return ["this is the platform's own test event: nothing would be sent unless deliver_tests is true"]
    return []


def _write(previews: Sequence[Preview], folder: Path, *, browser: bool) -> None:
    """Write each message as its bytes, and an e-mail also as HTML; a browser shows the HTML."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each in previews:
            if isinstance(each.made, Payload):
                for name, content in _files(each, each.made):
                    (folder / name).write_bytes(content)
                    if browser and name.endswith(".html"):
                        webbrowser.open((folder / name).resolve().as_uri())
    except OSError as error:
        raise Failure(f"cannot write {error.filename or folder}: {error.strerror}") from None
    say(f"the messages are in {folder}")


def _files(each: Preview, payload: Payload) -> Iterator[tuple[str, bytes]]:
    if each.kind != "email":
        yield f"{each.file_name}.json", payload.body
        return
    yield f"{each.file_name}.eml", payload.body
    html = read_mail(payload.body).html
    if html:
        yield f"{each.file_name}.html", html.encode("utf-8", "replace")
