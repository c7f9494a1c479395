"""Rules in plain words, for `bridge check -v` and `bridge explain`."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.cli.text import lasting
from bridge.core.conditions import AllOf, AnyOf, At, Condition
from bridge.core.digests import Digest
from bridge.core.rules import Action, After, Rule, kind_of


def rule_lines(rule: Rule) -> list[tuple[str, str]]:
    """Return a rule as labelled lines: `on`, `when`, `if`, and `send` for each action."""
    lines = [("was", ", ".join(rule.was))] if rule.was else []
    lines.append(("on", " or ".join(rule.on)))
    lines += [("when", text) for text in _lines(rule.when)]
    if rule.condition is not None:
        lines.append(("if", rule.condition.source))
    if rule.after is not None:
        lines.append(("after", _after_words(rule.after)))
    lines += [("send", action_words(action)) for action in rule.actions]
    return lines or [("send", "nothing")]


def action_words(action: Action) -> str:
    """Return what an action does: `email via learners, once per learner.email, within 2d, if {{ … }}`."""
    parts = [f"{kind_of(action.name)} via {action.channel}"]
    if action.once_per:
        parts.append("once per " + ", ".join(action.once_per))
    if action.thread is not None:
        how = "one message, edited in place, per" if action.thread.edits else "one thread per"
        parts.append(f"{how} {', '.join(action.thread.by)}")
    parts += _timing_words(action)
    parts += [str(action.purpose)] * action.purpose.is_optional + ["only shown"] * action.shadow
    parts += [f"called {name} before" for name in action.was]
    parts += [f"else {kind_of(each.name)} via {each.channel}" for each in action.otherwise]
    if action.condition is not None:
        parts.append(f"if {action.condition.source}")
    return ", ".join(parts)


def _timing_words(action: Action) -> Iterator[str]:
    if action.expires is not None:
        yield f"within {lasting(action.expires)}"
    if action.digest is not None:
        yield _digest_words(action.digest)
    if action.delay is not None:
        yield f"{lasting(action.delay)} after the event"
    if action.unless is not None:
        same = ", ".join(action.unless.same)
        yield f"unless {' or '.join(action.unless.on)} of the same {same} comes first"
    if action.quiet_hours is not None:
        yield f"not in {action.quiet_hours}"
    if action.limit is not None:
        by = f" per {', '.join(action.limit.by)}" if action.limit.by else ""
        yield f"at most {action.limit.most} in {lasting(action.limit.per)}{by}"


def _digest_words(digest: Digest) -> str:
    days = {"day": "every day", "weekday": "Monday to Friday", "week": f"on {digest.on.title()}s"}
    by = f", a message per {', '.join(digest.by)}" if digest.by else ""
    return f"collected until {digest.at:%H:%M} {days[digest.every]}{by}"


def _after_words(after: After) -> str:
    one = "" if after.count == 1 else "s"
    what = f"different value{one} of {after.distinct}" if after.distinct else f"event{one}"
    by = f" per {', '.join(after.by)}" if after.by else ""
    return f"{after.count} {what}{by}" + (f" within {lasting(after.within)}" if after.within else "")


def _lines(condition: Condition) -> list[str]:
    match condition:
        case AllOf(parts):
            return [line for part in parts for line in _lines(part)]
        case AnyOf(parts):
            return [" or ".join(f"({' and '.join(_lines(part))})" for part in parts)]
        case At(path, test):
            return [f"{path.text} {test.wanted}"]
        case _:
            return [str(condition)]
