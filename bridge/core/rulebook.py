"""All rules of a configuration as one text to keep, and as rules again: what explains old events exactly.

What messages say is not in it; what they said is stored with their deliveries. Order means nothing among
rules, so the same rules in another order are the same text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import time, timedelta, tzinfo

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.conditions import NOTHING, compile_when
from bridge.core.digests import Digest
from bridge.core.events import Facts
from bridge.core.quiet_hours import QuietHours, parse_hours
from bridge.core.routing import is_named
from bridge.core.rules import Action, After, Limit, Predicate, PredicateFailed, Rule, Unless
from bridge.core.suppressions import Purpose
from bridge.core.when_text import when_of

VERSION = 1
Hide = Callable[[str], str]
"""Replaces secrets in a text by `***`."""
Compile = Callable[[str], Predicate]
"""Compiles an `if:`; what cannot be compiled any more fails when it is asked."""


class Book(Struct, frozen=True):
    """The rules of a rulebook; `hidden` names those whose secrets were left out, so that they say nothing."""

    rules: tuple[Rule, ...]
    hidden: frozenset[str] = frozenset()


def write_book(rules: Sequence[Rule], zone: tzinfo, hide: Hide) -> bytes:
    """Return the rules as JSON; `zone` is that of their dates, and no text holds what `hide` hides."""
    written = [_written(rule) for rule in sorted(rules, key=lambda rule: rule.name)]
    texts = "\0".join(text for rule in written for text in _texts(rule))
    if hide(texts) != texts:
        written = [_without_secrets(rule, hide) for rule in written]
    book = {"version": VERSION, "zone": str(zone), "rules": written}
    return json.dumps(book, separators=(",", ":")).encode()


def zone_of(book: bytes) -> str:
    """Return the name of the zone in which the rules' dates are."""
    return str(json.loads(book)["zone"])


def read_book(book: bytes, zone: tzinfo, compile_if: Compile, names: Sequence[tuple[str, str]]) -> Book:
    """Return the rules again; `names` are the (type, kind) of the events that are asked about.

    The conditions of rules for other events are not compiled, except their `when:`; of many thousand rules
    most are for others. Everything is compiled as it was, by the operators of this version.
    """
    rules = json.loads(book)["rules"]
    hidden = frozenset(rule["name"] for rule in rules if rule.get("hidden"))
    return Book(tuple(_read(rule, zone, compile_if, names) for rule in rules), hidden)


def _written(rule: Rule) -> dict[str, object]:
    written: dict[str, object] = {"name": rule.name, "on": list(rule.on)}
    if rule.was:
        written["was"] = list(rule.was)
    when = when_of(rule.when)
    if when is not None:
        written["when"] = when
    if rule.condition is not None:
        written["if"] = rule.condition.source
    if rule.after is not None:
        written["after"] = _written_after(rule.after)
    written["send"] = [_written_action(action) for action in rule.actions]
    return written


def _written_action(action: Action) -> dict[str, object]:
    written: dict[str, object] = {"name": action.name, "channel": action.channel}
    if action.condition is not None:
        written["if"] = action.condition.source
    if action.once_per:
        written["once_per"] = list(action.once_per)
    written |= _written_times(action)
    if action.limit is not None:
        limit = action.limit
        written["limit"] = {"max": limit.most, "per_s": limit.per.total_seconds(), "by": list(limit.by)}
    written |= _written_marks(action)
    if action.unless is not None:
        written["unless"] = _written_unless(action.unless)
    return written


def _written_marks(action: Action) -> dict[str, object]:
    written: dict[str, object] = {"shadow": True} if action.shadow else {}
    if action.was:
        written["was"] = list(action.was)
    if action.purpose.is_optional:
        written["purpose"] = str(action.purpose)
    return written


def _written_times(action: Action) -> dict[str, object]:
    written: dict[str, object] = {}
    if action.expires is not None:
        written["expires_s"] = action.expires.total_seconds()
    if action.delay is not None:
        written["delay_s"] = action.delay.total_seconds()
    if action.quiet_hours is not None:
        written["quiet_hours"] = str(action.quiet_hours)
    if action.digest is not None:
        written["digest"] = _written_digest(action.digest)
    return written


def _written_after(after: After) -> dict[str, object]:
    written: dict[str, object] = {"count": after.count, "by": list(after.by)}
    if after.distinct is not None:
        written["distinct"] = after.distinct
    if after.within is not None:
        written["within_s"] = after.within.total_seconds()
    return written


def _written_digest(digest: Digest) -> dict[str, object]:
    return {"at": f"{digest.at:%H:%M}", "every": digest.every, "on": digest.on, "by": list(digest.by)}


def _written_unless(unless: Unless) -> dict[str, object]:
    when = when_of(unless.when)
    asked = {} if when is None else {"when": when}
    return {"on": list(unless.on), **asked, "same": list(unless.same)}


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for key, item in value.items():
                yield key
                yield from _texts(item)
        case list():
            for item in value:
                yield from _texts(item)
        case _:
            yield str(value)


def _without_secrets(rule: dict[str, object], hide: Hide) -> dict[str, object]:
    """Return a rule's names alone if it holds a secret: a condition with a hole in it would only mislead."""
    texts = "\0".join(_texts(rule))
    if hide(texts) == texts:
        return rule
    return {"name": hide(str(rule["name"])), "on": [], "send": [], "hidden": True}


def _read(
    rule: Mapping[str, object], zone: tzinfo, compile_if: Compile, names: Sequence[tuple[str, str]]
) -> Rule:
    data: dict[str, object] = dict(rule)
    on = tuple(map(str, _list(data["on"])))
    asked = any(is_named(each, *name) for each in on for name in names)
    when = compile_when(data["when"], (), zone)[0] if "when" in data else NOTHING
    name = str(data["name"])
    condition = compile_if(str(data["if"])) if asked and "if" in data else None
    sends = [dict(each) for each in _list(data["send"]) if isinstance(each, Mapping)] if asked else []
    was = tuple(map(str, _list(data.get("was"))))
    actions = tuple(_read_action(name, each, zone, compile_if) for each in sends)
    actions = tuple(replace(action, rule_was=was) for action in actions)
    after = _read_after(data.get("after"))
    return Rule(name=name, on=on, when=when, condition=condition, after=after, actions=actions, was=was)


def _read_action(rule: str, data: Mapping[str, object], zone: tzinfo, compile_if: Compile) -> Action:
    hours = parse_hours(str(data.get("quiet_hours", "")))
    return Action(
        rule=rule,
        name=str(data["name"]),
        channel=str(data["channel"]),
        content=_Unsaid(),
        condition=compile_if(str(data["if"])) if "if" in data else None,
        once_per=tuple(map(str, _list(data.get("once_per")))),
        expires=_span(data.get("expires_s")),
        delay=_span(data.get("delay_s")),
        quiet_hours=QuietHours(hours, zone) if hours else None,
        unless=_read_unless(data.get("unless"), zone),
        limit=_read_limit(data.get("limit")),
        digest=_read_digest(data.get("digest"), zone),
        shadow=data.get("shadow") is True,
        was=tuple(map(str, _list(data.get("was")))),
        purpose=Purpose(str(data.get("purpose", Purpose.TRANSACTIONAL))),
    )


def _read_limit(data: object) -> Limit | None:
    if not isinstance(data, Mapping):
        return None
    per = _span(data.get("per_s"))
    return Limit(int(data["max"]), per, tuple(map(str, _list(data.get("by"))))) if per else None


def _read_after(data: object) -> After | None:
    if not isinstance(data, Mapping):
        return None
    distinct, by = data.get("distinct"), tuple(map(str, _list(data.get("by"))))
    return After(
        int(data["count"]), None if distinct is None else str(distinct), by, _span(data.get("within_s"))
    )


def _read_digest(data: object, zone: tzinfo) -> Digest | None:
    if not isinstance(data, Mapping):
        return None
    by = tuple(map(str, _list(data.get("by"))))
    return Digest(time.fromisoformat(str(data["at"])), zone, data["every"], data["on"], by)


def _read_unless(data: object, zone: tzinfo) -> Unless | None:
    if not isinstance(data, Mapping):
        return None
    when = compile_when(data["when"], (), zone)[0] if "when" in data else NOTHING
    return Unless(tuple(map(str, _list(data.get("on")))), when, tuple(map(str, _list(data.get("same")))))


def _span(seconds: object) -> timedelta | None:
    return timedelta(seconds=seconds) if isinstance(seconds, int | float) else None


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


class Uncompiled(Struct, frozen=True):
    """An `if:` that this version cannot compile any more; asking it fails with the reason."""

    source: str
    why: str
    paths: tuple[str, ...] = ()

    def holds(self, _facts: Facts) -> bool:
        """Raise `PredicateFailed`."""
        raise PredicateFailed(f"it cannot be compiled any more: {self.why}")


class _Unsaid:
    """The content of an action that is only explained."""

    @staticmethod
    def render(_facts: Facts) -> Mapping[str, object]:
        return {}
