"""Rules and actions as the pipeline knows them: compiled, frozen, free of YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta, tzinfo
from typing import Protocol

from msgspec import Struct, field

from bridge.core.conditions import Condition
from bridge.core.digests import Digest
from bridge.core.events import Facts
from bridge.core.messages import RenderFailure
from bridge.core.quiet_hours import QuietHours
from bridge.core.rates import Rate
from bridge.core.suppressions import Purpose

OWNER_RULE = "(owner)"
"""The name of the rule by which the owner is told of trouble; no name that a person may give."""


SHADOW = "shadow: its rule only shows what it would send"
"""Why a delivery of a rule in shadow mode is withheld."""


class Predicate(Protocol):
    """An `if:` expression, compiled where Jinja may be imported."""

    @property
    def source(self) -> str:
        """The expression as the person wrote it."""
        ...

    @property
    def paths(self) -> Sequence[str]:
        """The values of an event it asks for, such as `data.items[0].name`."""
        ...

    def holds(self, facts: Facts) -> bool:
        """Evaluate; raise `PredicateFailed` with a sentence when it cannot be evaluated."""
        ...


class PredicateFailed(Exception):
    """An `if:` that could not be evaluated on this event; its text says why."""


class Content(Protocol):
    """What an action says, compiled: template text, files and structures."""

    def render(self, facts: Facts) -> Mapping[str, object] | RenderFailure:
        """Return each slot's rendered value by name: a str, a `Document`, or a JSON structure."""
        ...


class Unless(Struct, frozen=True):
    """Events that withdraw a waiting message: named so, with the same values at the paths of `same`."""

    on: tuple[str, ...]
    when: Condition
    same: tuple[str, ...]


class Limit(Struct, frozen=True):
    """At most so many messages in any period of this length, for each value of the paths of `by`."""

    most: int
    per: timedelta
    by: tuple[str, ...] = ()


class After(Struct, frozen=True):
    """A rule fires when so many events were counted, or different values of the path `distinct`.

    Counted for each value of the paths of `by`; `within` is how long an event counts.
    """

    count: int
    distinct: str | None = None
    by: tuple[str, ...] = ()
    within: timedelta | None = None


class Thread(Struct, frozen=True, kw_only=True):
    """Messages of one channel that belong together: those with the same values at the paths of `by`.

    They are replies to the first of them, or, where each `edits`, one message that is changed in place.
    `date` among the paths is the day of the event in `zone`. `place` parts what goes to different places
    through the same channel. `counts` are names with the path whose different values they count.
    """

    by: tuple[str, ...]
    zone: tzinfo
    edits: bool = False
    place: str = ""
    counts: tuple[tuple[str, str], ...] = ()


class Action(Struct, frozen=True, kw_only=True):
    """One thing to send: a channel, what to say, and when it may not be sent.

    `name` tells an action from its neighbours even when their order changes: `email:learners`, and
    `email:learners#NAME` for one that was given a name. `settings` are the plain, untemplated settings.
    `delay` counts from the event; `quiet_hours` are its own, or its channel's. `otherwise` are the actions
    of its `else:`, taken when a delivery of this one dies. With a `digest` its messages are collected. In the
    `shadow` mode of its rule nothing is sent. `was` are names that it had before, `rule_was` those of its
    rule, each the newest first. `unmade` is the locale in which the team is told if the message cannot be
    made; None where it is not the team that reads this channel. The `purpose` of its rule says whether people
    may unsubscribe from it. `thread` is one that the channel continues; a `conversation` is named by
    each of its messages, and nothing is remembered of it. `laborious` says that a message takes long to make.
    """

    rule: str
    name: str
    channel: str
    content: Content
    settings: Mapping[str, object] = field(default_factory=dict)
    condition: Predicate | None = None
    once_per: tuple[str, ...] = ()
    expires: timedelta | None = None
    delay: timedelta | None = None
    quiet_hours: QuietHours | None = None
    unless: Unless | None = None
    limit: Limit | None = None
    thread: Thread | None = None
    digest: Digest | None = None
    unmade: str | None = None
    conversation: Thread | None = None
    shadow: bool = False
    laborious: bool = False
    purpose: Purpose = Purpose.TRANSACTIONAL
    otherwise: tuple[Action, ...] = ()
    was: tuple[str, ...] = ()
    rule_was: tuple[str, ...] = ()


class Rule(Struct, frozen=True, kw_only=True):
    """Which events, under which conditions, lead to which actions.

    `on` holds kinds, types and globs of either. A rule's `once_per` is inherited by its actions at load.
    With `after` only the event that reaches the count leads to them; above `pause_above` the rule is paused.
    `was` are the names that it had before, the newest first.
    """

    name: str
    on: tuple[str, ...]
    when: Condition
    condition: Predicate | None = None
    after: After | None = None
    pause_above: Rate | None = None
    actions: tuple[Action, ...] = ()
    was: tuple[str, ...] = ()


def is_plain(rule: Rule, action: Action) -> bool:
    """Return whether nothing but its event and its channel decides about an action's message.

    It is made for every event that wants it, quickly, with nothing to be asked or remembered, and is due at
    once.
    """
    return (
        rule.after is None
        and rule.pause_above is None
        and not action.once_per
        and action.expires is None
        and action.delay is None
        and action.quiet_hours is None
        and action.unless is None
        and action.limit is None
        and action.thread is None
        and action.digest is None
        and not action.shadow
        and not action.laborious
    )


def else_name(name: str, parent: str) -> str:
    """Return the name of an action of an `else:`, which says in whose place it is taken."""
    return f"{name} (else of {parent})"


EMAIL = "email"
"""The type of channel that writes to people's addresses."""


def kind_of(action: str) -> str:
    """Return the type of channel in an action's name: `email` of `email:learners#aviso`."""
    return action.partition(":")[0]
