"""What a rule sends, as a phrase; and the clauses that say when, how often and how long it may be sent.

A new word of the configuration is one more function in `_CLAUSES`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from bridge.core.conditions import AllOf
from bridge.core.rules import Action, Predicate, kind_of
from bridge.core.sentences.conditions import conditions_told
from bridge.core.sentences.happening import event_told
from bridge.core.sentences.language import Language, Noun, counted
from bridge.core.sentences.plain import plain
from bridge.core.sentences.values import LISTED, cut, quoted

EXPRESSION = 60
"""Characters of an expression that are shown."""
LENGTH = 800
"""Characters of what is told of all actions; of longer ones fewer are told, and how many more there are."""
_RECIPIENTS = 3
_ONLY_PATH = re.compile(r"\s*\{\{\s*([\w.\[\]]+)\s*\}\}\s*")
_ONLY_EXPRESSION = re.compile(r"\s*\{\{(?P<inside>(?:(?!\}\}|\{\{).)*)\}\}\s*", re.DOTALL)
_LINE_BREAK = re.compile(r"\s*\n\s*")
_MAILBOX = re.compile(r"[^<>]*<([^<>@\s]+@[^<>\s]+)>\s*")


class Destination(Struct, frozen=True, kw_only=True):
    """Where an action's message goes, as the configuration writes it: recipients, or a channel of Slack.

    `otherwise` are those of the actions of its `else:`, in their order.
    """

    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    place: str = ""
    otherwise: tuple[Destination, ...] = ()


Destinations = Mapping[str, Destination]
"""By the name of the action."""


def actions_told(actions: Sequence[Action], destinations: Destinations, language: Language) -> str:
    """Return all actions, each with what holds for it alone, then what holds for every one."""
    if not actions:
        return language.nothing
    clauses = [
        [clause(action, _destination(action, destinations), language) for action in actions]
        for clause in _CLAUSES
    ]
    shared = [each[0] for each in clauses if each[0] and len(set(each)) == 1]
    own = [each for each in clauses if len(set(each)) > 1]
    shown = actions if len(actions) <= LISTED else actions[: LISTED - 1]
    texts = [
        _action(action, destinations, [each[place] for each in own if each[place]], language)
        for place, action in enumerate(shown)
    ]
    while len(texts) > 1 and sum(map(len, texts)) > LENGTH:
        texts.pop()
    left = len(actions) - len(texts)
    told = language.all_of([*texts, counted(left, language.more_actions)] if left else texts)
    tail = language.tail if len(actions) == 1 else language.tail_of_several
    return told + (tail.format("; ".join(shared)) if shared else "")


def expression_told(predicate: Predicate, language: Language) -> str:
    """Return an `if:` in quotation marks as written, less the braces around it."""
    return _expression(predicate.source, language)


def keys_told(paths: Sequence[str], language: Language) -> str:
    """Return what a key is made of, as people call it: `aluno e curso`."""
    keys = dict.fromkeys(language.keys.get(path) or cut(path, language) for path in paths)
    return language.all_of(list(keys))


def _action(action: Action, destinations: Destinations, clauses: Sequence[str], language: Language) -> str:
    said = _sent(action, _destination(action, destinations), language)
    return f"{said} ({'; '.join(clauses)})" if clauses else said


def _destination(action: Action, destinations: Destinations) -> Destination:
    return destinations.get(action.name, Destination())


def _sent(action: Action, destination: Destination, language: Language) -> str:
    match kind_of(action.name):
        case "email":
            return language.email.format(_recipients(destination.to, language))
        case "slack" if destination.to:
            return language.slack_person.format(_recipients(destination.to, language))
        case "slack" if destination.place:
            return language.slack.format(cut(destination.place, language))
        case "slack":
            return language.slack_unknown.format(action.channel)
        case "webhook":
            return language.webhook.format(action.channel)
        case _:
            return language.elsewhere.format(action.channel)


def _recipients(texts: Sequence[str], language: Language) -> Noun:
    if len(texts) > _RECIPIENTS:
        return language.noun(language.several_recipients.format(n=len(texts)))
    return language.noun(language.all_of([_recipient(text, language) for text in texts]))


def _recipient(text: str, language: Language) -> str:
    path = _ONLY_PATH.fullmatch(text)
    if path:
        return language.recipients.get(path[1]) or language.recipient_at.format(cut(path[1], language))
    if "{" in text:
        return language.recipient_at.format(_expression(text, language))
    mailbox = _MAILBOX.fullmatch(text)
    return cut(mailbox[1] if mailbox else text.strip(), language, EXPRESSION)


def _expression(source: str, language: Language) -> str:
    found = _ONLY_EXPRESSION.fullmatch(source)
    inside = found["inside"] if found else source
    return quoted(_LINE_BREAK.sub(" ", inside.strip()), language, EXPRESSION)


Clause = Callable[[Action, Destination, Language], str]
"""Returns what a sentence must say of an action beyond where it goes, or an empty text."""


def _copies(_: Action, destination: Destination, language: Language) -> str:
    copies = ((destination.cc, language.copy), (destination.bcc, language.hidden_copy))
    return "; ".join(phrase.format(_recipients(texts, language)) for texts, phrase in copies if texts)


def _condition(action: Action, _: Destination, language: Language) -> str:
    if action.condition is None:
        return ""
    return language.if_expression.format(expression_told(action.condition, language))


def _delay(action: Action, _: Destination, language: Language) -> str:
    return "" if action.delay is None else language.after.format(language.duration(action.delay))


def _digest(action: Action, _: Destination, language: Language) -> str:
    digest = action.digest
    if digest is None:
        return ""
    day = language.digest_on.get(digest.on, digest.on) if digest.every == "week" else ""
    by = language.digest_by.format(keys_told(digest.by, language)) if digest.by else ""
    return language.digest[digest.every].format(at=f"{digest.at:%H:%M}", day=day, by=by)


def _unless(action: Action, _: Destination, language: Language) -> str:
    unless = action.unless
    if unless is None:
        return ""
    when = plain(unless.when)
    event, left = event_told(unless.on, when.parts if isinstance(when, AllOf) else (when,), {}, language)
    given = conditions_told(left, [], language)
    told = language.unless_given.format(given) if given else ""
    return language.unless.format(event=event, given=told, same=keys_told(unless.same, language))


def _quiet(action: Action, _: Destination, language: Language) -> str:
    if action.quiet_hours is None:
        return ""
    hours = action.quiet_hours.hours
    return language.never_between.format(f"{hours.start:%H:%M}", f"{hours.end:%H:%M}")


def _once(action: Action, _: Destination, language: Language) -> str:
    if not action.once_per:
        return ""
    return language.once.format(keys_told(action.once_per, language))


def _thread(action: Action, _: Destination, language: Language) -> str:
    thread = action.thread
    if thread is None:
        return ""
    return (language.edited if thread.edits else language.in_thread).format(keys_told(thread.by, language))


def _limit(action: Action, _: Destination, language: Language) -> str:
    limit = action.limit
    if limit is None:
        return ""
    by = language.limit_by.format(keys_told(limit.by, language)) if limit.by else ""
    return language.limit[limit.most != 1].format(n=limit.most, span=language.duration(limit.per), by=by)


def _expiry(action: Action, _: Destination, language: Language) -> str:
    return "" if action.expires is None else language.only_within(action.expires)


def _otherwise(action: Action, destination: Destination, language: Language) -> str:
    told = []
    for place, each in enumerate(action.otherwise):
        where = destination.otherwise[place] if place < len(destination.otherwise) else Destination()
        late = "" if each.expires == action.expires else _expiry(each, where, language)
        quiet = "" if each.quiet_hours == action.quiet_hours else _quiet(each, where, language)
        told_apart = (_copies(each, where, language), _condition(each, where, language), quiet, late)
        own = [text for text in told_apart if text]
        said = _sent(each, where, language)
        told.append(f"{said} ({'; '.join(own)})" if own else said)
    return language.otherwise.format(language.all_of(told)) if told else ""


_CLAUSES: tuple[Clause, ...] = (
    _copies,
    _condition,
    _delay,
    _digest,
    _unless,
    _quiet,
    _thread,
    _once,
    _limit,
    _expiry,
    _otherwise,
)
"""In the order in which they are said."""
