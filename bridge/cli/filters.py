"""The filters of the lists as they are typed: which rows a command shows, or changes."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

import typer
from msgspec import Struct

from bridge.cli import options
from bridge.cli.span import Moment, parse_moment
from bridge.core.outcomes import State, sources_of
from bridge.core.suppressions import Scope

GIVEN_UP = (State.DEAD, State.EXPIRED, State.PARKED)
"""What a retry by filters selects unless `--state` says otherwise."""
RETRIED = (State.PENDING, *GIVEN_UP, State.KEPT, State.SUPPRESSED)
"""The states that a person's retry leaves; one that waits becomes due at once."""
DISCARDED = sources_of(State.DISCARDED)


class EventState(StrEnum):
    """Where a stored event stands."""

    NEW = "new"
    DONE = "done"
    PARKED = "parked"


class ClaimState(StrEnum):
    """Where a claim stands."""

    RESERVED = "reserved"
    CONFIRMED = "confirmed"
    RELEASED = "released"


HELD = (ClaimState.RESERVED, ClaimState.CONFIRMED)
"""What can be released."""


def _state(among: Iterable[str], *, repeated: bool = True) -> Any:  # noqa: ANN401 - as typer.Option
    """Return the option for the state of a row: one of these."""
    end = "; may be repeated." if repeated else "."
    return typer.Option("--state", metavar="STATE", help=f"In this state: {', '.join(among)}{end}")


class Events(Struct, frozen=True, kw_only=True):
    """The filters of `bridge events`."""

    states: Annotated[tuple[EventState, ...], _state(EventState)] = ()
    type: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Of this type or kind.")] = None
    source: Annotated[str | None, typer.Option("--source", metavar="NAME", help="From this source.")] = None
    learner: options.Learner = None
    since: options.Since = None
    until: options.Until = None


class Deliveries(Struct, frozen=True, kw_only=True):
    """The filters of `bridge deliveries`."""

    states: Annotated[tuple[State, ...], _state(State)] = ()
    type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="For events of this type or kind.")
    ] = None
    rule: Annotated[str | None, typer.Option("--rule", metavar="NAME", help="Of this rule.")] = None
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="NAME", help="Through this channel.")
    ] = None
    learner: options.Learner = None
    since: options.Since = None
    until: options.Until = None


class Retried(Deliveries, frozen=True, kw_only=True):
    """Those of `bridge deliveries retry`."""

    states: Annotated[tuple[State, ...], _state(RETRIED)] = ()


class Discarded(Deliveries, frozen=True, kw_only=True):
    """Those of `bridge deliveries discard`."""

    states: Annotated[tuple[State, ...], _state(DISCARDED)] = ()


class Claims(Struct, frozen=True, kw_only=True):
    """The filters of `bridge claims`."""

    rule: Annotated[
        str | None,
        typer.Option(
            "--rule", metavar="NAME", help="Of this rule, under any of its names; or of one that is gone."
        ),
    ] = None
    action: Annotated[
        str | None, typer.Option("--action", metavar="NAME", help="Of this action: email:learners.")
    ] = None
    state: Annotated[ClaimState | None, _state(ClaimState, repeated=False)] = None
    text: Annotated[
        str | None,
        typer.Option(
            "--text", metavar="TEXT", help="With this in what is claimed: an e-mail address, a module's id."
        ),
    ] = None
    since: Annotated[
        Moment | None,
        typer.Option(
            "--since",
            metavar="WHEN",
            parser=parse_moment,
            help="Taken, confirmed or released from then on: 90m, 2h, 7d ago, or 2026-11-23T18:00.",
        ),
    ] = None
    until: options.Until = None


class Held(Claims, frozen=True, kw_only=True):
    """Those of `bridge claims release`."""

    state: Annotated[ClaimState | None, _state(HELD, repeated=False)] = None


class Suppressions(Struct, frozen=True, kw_only=True):
    """The filters of `bridge suppressions list`."""

    address: Annotated[
        str | None, typer.Argument(metavar="ADDRESS", help="Only this one, or with this in it.")
    ] = None
    source: options.PutThereBy = None
    scope: Annotated[
        Scope | None, typer.Option("--scope", metavar="WHAT", help=f"Kept from: {', '.join(Scope)}.")
    ] = None
    since: options.Since = None
    until: options.Until = None


def is_given(filters: Struct) -> bool:
    """Return whether any of these filters was typed."""
    return filters != type(filters)()
