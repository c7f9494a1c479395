"""How each channel does, for the admin pages, the API and the command line alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from bridge.core.breaker import Phase
from bridge.core.halts import RuleState
from bridge.core.rates import Rate, allowed
from bridge.store import channels, incidents
from bridge.store.channels import UNTOUCHED, Standing
from bridge.store.database import Connection
from bridge.store.incidents import Incident


class ChannelState(Struct, frozen=True, kw_only=True):
    """One channel; `type` is empty when it is no longer in the configuration.

    `until` is when a paused one is tried again, or when the rate lets the next message through; None where
    nothing holds it, or a person has to.
    """

    name: str
    type: str
    rate: Rate | None
    phase: Phase
    since: datetime | None
    until: datetime | None
    why: str
    failures: int
    waiting: int

    @property
    def word(self) -> str:
        """How it does, in a word; `held` is a working one that waits for its rate, or as it was asked to."""
        return "held" if self.phase is Phase.WORKING and self.until and self.waiting else str(self.phase)

    @property
    def can_pause(self) -> bool:
        """Whether a person may pause it."""
        return bool(self.type) and self.phase is not Phase.STOPPED

    @property
    def can_resume(self) -> bool:
        """Whether a person may let it send again."""
        return bool(self.type) and self.phase is not Phase.WORKING


def read_states(
    connection: Connection, now: datetime, types: Mapping[str, str], rates: Mapping[str, Rate]
) -> dict[str, ChannelState]:
    """Read how every configured channel does."""
    standings = channels.list_all(connection)
    return {
        name: _state(connection, name, type_, standings.get(name, UNTOUCHED), rates.get(name), now)
        for name, type_ in types.items()
    }


def state_plain(state: ChannelState) -> dict[str, object]:
    """Return a channel's state as the API and `--json` have it."""
    return {
        "name": state.name,
        "type": state.type,
        "state": state.word,
        "since": state.since,
        "until": state.until,
        "why": state.why or None,
        "failures": state.failures,
        "waiting": state.waiting,
        "rate": str(state.rate) if state.rate else None,
    }


def halt_plain(state: RuleState) -> dict[str, object]:
    """Return where a rule stands as the API and `--json` have it."""
    return {
        "name": state.rule,
        "state": str(state.halt),
        "kept": state.kept,
        "since": state.since,
        "why": state.why or None,
    }


def incident_plain(incident: Incident) -> dict[str, object]:
    """Return an incident as the API and `--json` have it."""
    return {
        "trouble": str(incident.kind),
        "subject": incident.subject,
        "since": incident.started_at,
        "last": incident.last_at,
        "count": incident.count,
        "why": incident.why or None,
        "told": incident.told_at,
    }


def troubles_of(connection: Connection, subject: str) -> list[Incident]:
    """Return what is broken of a channel now."""
    return [each for each in incidents.lasting(connection) if each.subject == subject]


def _state(
    connection: Connection, name: str, type_: str, standing: Standing, rate: Rate | None, now: datetime
) -> ChannelState:
    breaker = standing.breaker
    return ChannelState(
        name=name,
        type=type_,
        rate=rate,
        phase=breaker.phase,
        since=breaker.since,
        until=_until(standing, rate, now),
        why=breaker.why,
        failures=breaker.failures,
        waiting=channels.waiting(connection, name),
    )


def _until(standing: Standing, rate: Rate | None, now: datetime) -> datetime | None:
    breaker = standing.breaker
    if breaker.phase is not Phase.WORKING:
        return breaker.until
    held = breaker.until if breaker.until and breaker.until > now else None
    paced = allowed(rate, standing.arrival, now, 1).until if rate else None
    return max((each for each in (held, paced) if each), default=None)
