"""Words about time that make no sense together, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from bridge.core.conditions import AllOf, At, SomeValue
from bridge.core.digests import Digest, Every
from bridge.core.durations import lasting
from bridge.core.problems import Path, Problem
from bridge.core.rules import Action, After, Limit, Rule
from bridge.core.value_tests import Equals

_APART: Mapping[Every, timedelta] = {
    "day": timedelta(days=1),
    "weekday": timedelta(days=3),
    "week": timedelta(days=7),
}
"""How far apart two digests are, at most."""


def senseless(action: Action, path: Path) -> Iterator[Problem]:
    """Yield a problem for each combination that would keep an action from ever doing what it says."""
    if action.delay is not None and action.expires is not None and action.expires <= action.delay:
        sentence = (
            f"is over {lasting(action.expires)} after the event, and `delay` sends {lasting(action.delay)} "
            "after it, so nothing is ever sent; both count from the event, make `expires` longer"
        )
        yield Problem((*path, "expires"), sentence)
    if action.digest is not None:
        yield from _with_digest(action, action.digest, path)
    yield from _own_ids(action, path)
    if action.unless is not None and action.delay is None and action.digest is None:
        sentence = (
            "is about what happens while the message waits, and this one does not; "
            "add `delay: 7d` or `digest:`, or say under `when:` which events it is for"
        )
        yield Problem((*path, "unless"), sentence)


def never_reached(limit: Limit | None, path: Path) -> Iterator[Problem]:
    """Yield a problem for a limit that counts each event by itself."""
    if limit is not None and "id" in limit.by:
        sentence = "counts every event for itself, since each has an id of its own, so it limits nothing"
        yield Problem((*path, "by", limit.by.index("id")), f"{sentence}; remove it")


def senseless_count(rule: Rule, path: Path) -> Iterator[Problem]:
    """Yield a problem for each way in which a rule's count is never reached, or reached by every event."""
    after = rule.after
    if after is None:
        return
    if after.count == 1 and after.within is None:
        sentence = "is reached by the first event; that is what `once_per` says, write it instead"
        yield Problem((*path, "count"), sentence)
    if "id" in after.by:
        sentence = (
            "counts every event for itself, since each has an id of its own, so nothing adds up; remove it"
        )
        yield Problem((*path, "by", after.by.index("id")), sentence)
    if after.distinct in after.by:
        sentence = f"stands in `by`, too, so each count has one '{after.distinct}' only; take it out there"
        yield Problem((*path, "distinct"), sentence)
    possible = _values_left(rule, after)
    if possible is not None and possible < after.count:
        values = "value" if possible == 1 else "values"
        sentence = (
            f"`when` leaves {possible} {values} of '{after.distinct}', so {after.count} are never counted"
        )
        yield Problem((*path, "count"), sentence)


def senseless_pause(rule: Rule, path: Path) -> Iterator[Problem]:
    """Yield a problem for a number of messages that one event exceeds, or that nothing ever does."""
    above = rule.pause_above
    if above is None:
        return
    at_once = sum(1 for action in rule.actions if action.condition is None)
    if at_once > above.count:
        sentence = f"is fewer than the {at_once} messages that one event leads to, so each pauses the rule"
        yield Problem(path, sentence)
    limits = [action.limit for action in rule.actions]
    most = sum(limit.most for limit in limits if limit and not limit.by and limit.per >= above.per)
    if all(limit and not limit.by and limit.per >= above.per for limit in limits) and most <= above.count:
        sentence = f"is never exceeded: `limit` lets at most {most} through in as long; remove one of the two"
        yield Problem(path, sentence)


def _own_ids(action: Action, path: Path) -> Iterator[Problem]:
    """Yield a problem for each `id` by which events are told apart that shall be taken together."""
    if action.digest is not None and "id" in action.digest.by:
        sentence = "collects every event for itself, since each has an id of its own; remove it"
        yield Problem((*path, "digest", "by", action.digest.by.index("id")), sentence)
    if action.unless is not None and "id" in action.unless.same:
        sentence = "no other event has the id of the message's own, so nothing ever withdraws it; remove it"
        yield Problem((*path, "unless", "same", action.unless.same.index("id")), sentence)


def _values_left(rule: Rule, after: After) -> int | None:
    """Return how many values of the path that is counted a rule's `when:` lets through, if it names them."""
    parts = rule.when.parts if isinstance(rule.when, AllOf) else (rule.when,)
    for part in parts:
        if isinstance(part, At) and part.path.text == after.distinct:
            match part.test:
                case SomeValue((Equals(options),)):
                    return len(options)
                case _:
                    pass
    return None


def _with_digest(action: Action, digest: Digest, path: Path) -> Iterator[Problem]:
    if action.delay is not None:
        sentence = (
            "what is collected waits for the time of its digest, so a delay has nothing to add; "
            "remove one of them"
        )
        yield Problem((*path, "delay"), sentence)
    if action.thread is not None:
        word = "update_by" if action.thread.edits else "thread_by"
        sentence = (
            "puts each message with others of its kind as it comes, and a digest is one message about all "
            "that came; remove one of them"
        )
        yield Problem((*path, word), sentence)
    if action.expires is not None and action.expires < _APART[digest.every]:
        sentence = (
            f"is over {lasting(action.expires)} after the event, and up to {lasting(_APART[digest.every])} "
            "lie between two digests, so what happens early is left out; make it longer, or remove it"
        )
        yield Problem((*path, "expires"), sentence, warning=True)
    quiet = action.quiet_hours
    if quiet is not None and digest.at in quiet.hours:
        sentence = (
            f"{digest.at:%H:%M} is within the quiet hours {quiet}, so it would wait until they end; "
            "choose a time outside of them, or write `quiet_hours: false` beside `digest:`"
        )
        yield Problem((*path, "digest", "at"), sentence)
