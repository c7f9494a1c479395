"""`bridge deliveries retry` and `discard`: named deliveries, or all that the filters select."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from bridge.bootstrap import Services
from bridge.cli import acting
from bridge.cli.acting import Change
from bridge.cli.deliveries import find_delivery
from bridge.cli.exits import misused
from bridge.cli.filters import DISCARDED, GIVEN_UP, RETRIED, Deliveries, is_given
from bridge.cli.opening import config_to_look_at, with_services
from bridge.cli.options import Setup
from bridge.cli.selecting import delivery_pages, everything
from bridge.cli.text import so_many
from bridge.core.outcomes import State
from bridge.store.views import DeliveryRow


class Order(Struct, frozen=True):
    """Which deliveries, and how to go about it."""

    names: tuple[str, ...]
    wanted: Deliveries
    yes: bool
    json: bool


class Act(Struct, frozen=True):
    """What is done to each: the question before it, the states it may be in, and the deed.

    `usual` are the states that filters select unless they name one.
    """

    question: str
    states: tuple[State, ...]
    usual: tuple[State, ...]
    change: Callable[[Services, str], Awaitable[Change]]


def retry_deliveries(setup: Setup, order: Order) -> None:
    """Send deliveries again that were given up."""

    async def retry(services: Services, delivery_id: str) -> Change:
        told = await services.operator.retry(delivery_id)
        return Change(delivery_id, told.done, told.sentence)

    _act(setup, order, Act("Send {} again?", RETRIED, GIVEN_UP, retry))


def discard_deliveries(setup: Setup, order: Order, why: str) -> None:
    """Give deliveries up for good."""

    async def discard(services: Services, delivery_id: str) -> Change:
        told = await services.operator.discard(delivery_id, why)
        return Change(delivery_id, told.done, told.sentence)

    _act(setup, order, Act("Give up {} for good?", DISCARDED, DISCARDED, discard))


def _act(setup: Setup, order: Order, act: Act) -> None:
    if bool(order.names) == is_given(order.wanted):
        raise misused("name the deliveries, or select them by filters such as --state dead")
    for state in order.wanted.states:
        if state not in act.states:
            raise misused(f"a delivery that is {state} stays so; this is for {', '.join(act.states)}")
    loaded = config_to_look_at(setup, quiet=True)

    async def work(services: Services) -> list[Change]:
        ids = [await find_delivery(services, name) for name in order.names]
        if not order.names:
            rows = await everything(delivery_pages(services, order.wanted, loaded.config.timezone, act.usual))
            ids = [row.id for row in rows]
            acting.confirm(act.question.format(_counted(rows)), len(rows), yes=order.yes)
        return await acting.each(ids, lambda delivery_id: act.change(services, delivery_id))

    acting.tell(with_services(loaded, work), json=order.json)


def _counted(rows: Sequence[DeliveryRow]) -> str:
    states = Counter(str(row.state) for row in rows)
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    return so_many(len(rows), "delivery") + (f" ({counts})" if counts else "")
