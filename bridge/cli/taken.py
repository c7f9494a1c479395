"""What `once_per` forbids: which delivery has sent, or will send, what a rule would send now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from bridge.bootstrap import Services
from bridge.cli.exits import ExitCode, Failure
from bridge.cli.opening import with_services
from bridge.cli.program import say
from bridge.config.load import Loaded
from bridge.core.events import Event, Facts
from bridge.core.outcomes import State
from bridge.core.paths import FactPath, parse_path
from bridge.core.rules import Action
from bridge.store import details, views
from bridge.store.database import Connection
from bridge.store.details import DeliveryDetails
from bridge.store.views import DeliveryFilter, DeliveryRow

LOOKED_AT = 500
"""The newest deliveries of a rule (to the person, when `once_per` names the address) that are asked."""
_HOLDING = (State.PENDING, State.SENDING, State.PARKED, State.DELIVERED)
_REPLACED = (State.PENDING, State.PARKED)
"""What a replay of the same event gives up, so that it does not stand in its own way."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The delivery that stands in the way of another under the same `once_per`."""

    delivery: str
    state: State


@dataclass(frozen=True, slots=True)
class Wish:
    """An action with the values of its `once_per` on one event, in the words of its claim."""

    action: Action
    label: str
    learner: str | None


def wish(action: Action, event: Event, facts: Facts) -> Wish | str | None:
    """Return what an action would claim; a sentence when the event lacks a value, None without `once_per`."""
    parts: list[str] = []
    for text in action.once_per:
        path = parse_path(text)
        value = path.one(facts) if isinstance(path, FactPath) else None
        if value is None:
            return f"once_per needs '{text}', which this event does not have"
        parts.append(f"{text}={value.casefold() if text.endswith('.email') else value}")
    personal = event.learner is not None and "learner.email" in action.once_per
    learner = event.learner.email if event.learner is not None and personal else None
    return Wish(action, ", ".join(parts), learner) if parts else None


def find_taken(
    loaded: Loaded, wishes: Collection[Wish], entry: int | None
) -> dict[tuple[str, str, str], Taken]:
    """Return who holds what is wished for, by rule, action and label; `entry` is the event's own number.

    Without a store nothing is taken; a store that cannot be asked is told on standard error.
    """
    if not wishes:
        return {}

    async def work(services: Services) -> dict[tuple[str, str, str], Taken]:
        return await services.database.read(lambda connection: _all_taken(connection, wishes, entry))

    try:
        return with_services(loaded, work)
    except Failure as failure:
        if failure.code is not ExitCode.NOT_FOUND:
            say(f"whether once_per was taken before is not known: {failure.lines[0]}")
        return {}


def _all_taken(
    connection: Connection, wishes: Collection[Wish], entry: int | None
) -> dict[tuple[str, str, str], Taken]:
    found = {
        (each.action.rule, each.action.name, each.label): _holder(connection, each, entry) for each in wishes
    }
    return {key: taken for key, taken in found.items() if taken is not None}


def _holder(connection: Connection, wanted: Wish, entry: int | None) -> Taken | None:
    query = DeliveryFilter(rule=wanted.action.rule, learner=wanted.learner, limit=LOOKED_AT)
    for row in views.list_deliveries(connection, query):
        if _may_hold(row, wanted, entry) and _claims(connection, row, wanted):
            return Taken(row.id, row.state)
    return None


def _may_hold(row: DeliveryRow, wanted: Wish, entry: int | None) -> bool:
    own = row.inbox_seq == entry and row.state in _REPLACED
    return row.action == wanted.action.name and row.state in _HOLDING and not own


def _claims(connection: Connection, row: DeliveryRow, wanted: Wish) -> bool:
    found = details.show_delivery(connection, row.id)
    claim = found.claim if isinstance(found, DeliveryDetails) else None
    return claim is not None and claim.state != "released" and claim.label == wanted.label
