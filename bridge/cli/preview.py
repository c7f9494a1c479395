"""`bridge preview`: the messages that an event leads to, exactly as they would go out; nothing is sent."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from bridge.bootstrap import build_channels
from bridge.channels.http import Shared
from bridge.cli.asked import Looking
from bridge.cli.event import find_body, with_changes
from bridge.cli.exits import Failure, misused
from bridge.cli.explain import named_rules
from bridge.cli.known import events_of
from bridge.cli.message import payload_lines
from bridge.cli.opening import broken, look
from bridge.cli.options import Setup
from bridge.cli.previews.chromium import Browser, browser, find_chromium
from bridge.cli.previews.folder import take_pictures, write_messages, write_page
from bridge.cli.previews.hand import at_hand, excerpt, source_of
from bridge.cli.previews.made import Preview, previews_of
from bridge.cli.previews.page import Trouble
from bridge.cli.previews.watch import Watched, changed
from bridge.cli.program import say
from bridge.cli.tables import show, show_json
from bridge.cli.text import one_line
from bridge.clock import SystemClock
from bridge.config.load import Broken, Loaded
from bridge.config.located import Located
from bridge.core.events import Event, Facts
from bridge.core.messages import Payload
from bridge.core.routing import Plan, Router
from bridge.pipeline.compose import Unready
from bridge.pipeline.house import House
from bridge.sources import registry
from bridge.web.plain import message_plain

_NOT_ALL = "not every message can be made"
_CLEAR = "\x1b[2J\x1b[3J\x1b[H"


class Made(Struct, frozen=True):
    """The previews of an event's messages, what to say of them, and every reason why one is missing."""

    previews: Sequence[Preview]
    notes: Sequence[str]
    failed: Sequence[str]

    @property
    def whole(self) -> bool:
        """Whether every message could be made."""
        return not self.failed and not any(isinstance(each.made, Unready) for each in self.previews)

    @property
    def trouble(self) -> Trouble | None:
        """What the page has to say beside the messages."""
        return Trouble([*self.notes, *self.failed]) if self.notes or self.failed else None


def preview(setup: Setup, looking: Looking) -> None:
    """Print the messages of all matching rules; exits with 1 when one of them cannot be made."""
    if looking.watch and (looking.json or looking.event == "-"):
        raise misused("--watch is for a person and for files: leave out --json, and name the event")
    if looking.opened and looking.out is None:
        looking = _with_folder(looking)
    program = find_chromium(looking.chromium, os.environ) if looking.png else None
    taking: AbstractContextManager[Browser | None] = browser(program) if program else nullcontext()
    with taking as eyes:
        if looking.watch:
            _watch(setup, looking, eyes)
        else:
            _once(setup, looking, eyes, opened=looking.opened)


def _with_folder(looking: Looking) -> Looking:
    return replace(looking, out=Path(tempfile.mkdtemp(prefix="bridge-preview-")))


def _watch(setup: Setup, looking: Looking, eyes: Browser | None) -> None:
    """Show the messages again after every change, until Ctrl-C; what is wrong is shown in their place."""
    opened = looking.opened
    watched = Watched(setup.path, looking.event)
    seen = watched.stamp()
    try:
        while True:
            if sys.stdout.isatty():
                print(_CLEAR, end="")
            try:
                _once(setup, looking, eyes, opened=opened)
            except Failure as failure:
                say(*failure.lines)
                # What could be made of the messages stands on the page already, with what is wrong.
                if looking.opened and looking.out is not None and failure.lines[0] != _NOT_ALL:
                    write_page(looking, looking.out, (), Trouble(failure.lines), opened=opened)
            opened = False
            at = SystemClock().now().astimezone()
            show(f"\n── {at:%H:%M:%S}: waiting for a change; Ctrl-C ends this\n")
            sys.stdout.flush()
            seen = changed(seen, watched.stamp, time.sleep)
    except KeyboardInterrupt:
        show("")


def _once(setup: Setup, looking: Looking, eyes: Browser | None, *, opened: bool) -> None:
    found = look(setup)
    if isinstance(found, Broken):
        raise _broken(setup, found, looking)
    made = _made(found, looking)
    if looking.json:
        show_json([_plain(each) for each in made.previews])
    else:
        for each in made.previews:
            show("\n".join([f"── {each.title}", "", *_lines(each), ""]))
    say(*made.notes)
    if looking.out is not None and (made.previews or looking.opened):
        write_messages(made.previews, looking.out)
        if looking.opened:
            write_page(looking, looking.out, made.previews, made.trouble, opened=opened)
    if looking.png is not None and eyes is not None:
        take_pictures(made.previews, looking.png, eyes)
    if not made.whole:
        raise Failure(_NOT_ALL, *made.failed)


def _made(loaded: Loaded, looking: Looking) -> Made:
    found = with_changes(find_body(loaded, looking.event), looking.changes)
    rules = named_rules(loaded, looking.rule)
    now = SystemClock().now()
    channels = build_channels(loaded, Shared(SystemClock(), "bridge"))
    plans = [
        (event, Router(rules).plan(event, event.facts()))
        for event in events_of(loaded, found, looking.source, now)
    ]
    house = House(public_url=loaded.config.public_url)
    return Made(
        [each for event, plan in plans for each in previews_of(event, plan, channels, now, house)],
        _notes(loaded, plans, " ".join([looking.event, *(f"--set {each}" for each in looking.changes)])),
        [f"{failure.rule}: {failure.why}" for _, plan in plans for failure in plan.failed],
    )


def _broken(setup: Setup, found: Broken, looking: Looking) -> Failure:
    """Return the failure of a configuration, each problem of a template with its line and what is at hand."""
    facts = _facts(looking.event)
    lines: list[str] = []
    for problem in found.problems:
        lines.append(str(problem))
        lines += _around(problem, facts)
    return broken(setup.path, found, lines)


def _facts(event: str) -> Facts:
    """Return the facts of EVENT as far as they are known without a configuration."""
    body = registry.sample(event)
    if body is None and event.endswith(".json"):
        body = source_of(Path(event)).encode()
    return next((each.facts() for each in registry.events_in(body or b"")), {})


def _around(problem: Located, facts: Facts) -> Iterator[str]:
    if not problem.line or problem.warning:
        return
    source = source_of(Path(problem.file))
    yield from excerpt(source, problem.line, problem.sentence)
    if facts:
        yield from (f"    {told}" for told in at_hand(source, problem.line, problem.sentence, facts))
    yield ""


def _lines(each: Preview) -> Iterator[str]:
    match each.made:
        case Unready(why=why):
            yield f"cannot be made: {one_line(why)}"
            yield from _why(each)
        case Payload():
            yield from payload_lines(each.action.name, each.made)
        case _:
            assert_never(each.made)


def _why(each: Preview) -> Iterator[str]:
    """Yield the line of the template that failed, and the values that were at hand."""
    failure = each.failure
    if failure is None:
        return
    source = source_of(Path(failure.where)) if failure.line else ""
    yield from excerpt(source, failure.line, failure.why)
    yield from (f"    {told}" for told in at_hand(source, failure.line, failure.why, each.facts))


def _plain(each: Preview) -> dict[str, object]:
    base: dict[str, object] = {"rule": each.rule, "action": each.action.name, "channel": each.action.channel}
    match each.made:
        case Unready(why=why):
            return {**base, "error": why, "at_hand": list(_why(each))}
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
