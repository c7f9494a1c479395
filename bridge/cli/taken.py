"""What stands in the way of sending about an event that is not stored: the store is asked if there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from bridge.bootstrap import Services
from bridge.cli.exits import ExitCode, Failure
from bridge.cli.opening import with_services
from bridge.cli.program import say
from bridge.clock import SystemClock
from bridge.config.load import Loaded
from bridge.core.catalogue import Catalogue
from bridge.core.rules import Action, Rule
from bridge.pipeline.fates import (
    Counting,
    EventExplained,
    Here,
    Names,
    actions_by_name,
    counting_rules,
    fates_now,
    wanted,
)
from bridge.store.database import Connection


def with_fates(loaded: Loaded, events: Sequence[EventExplained]) -> list[EventExplained]:
    """Return the events with what stands in the way of their actions.

    Without a store nothing is taken; a store that cannot be asked is told on standard error.
    """
    actions, counting = actions_by_name(loaded.rules), counting_rules(loaded.rules)
    asked = [actions[names] for each in events for names in wanted(each)]
    if not any(
        action.once_per or action.unless or action.limit or action.rule in counting for action in asked
    ):
        return [_fated(None, b"", each, actions, counting, loaded.catalogue) for each in events]

    async def work(services: Services) -> list[EventExplained]:
        secret = services.database.secret
        return await services.database.read(
            lambda c: [_fated(c, secret, each, actions, counting, loaded.catalogue) for each in events]
        )

    try:
        return with_services(loaded, work)
    except Failure as failure:
        if failure.code is not ExitCode.NOT_FOUND:
            say(f"what was sent or happened before is not known: {failure.lines[0]}")
        return [_fated(None, b"", each, actions, counting, loaded.catalogue) for each in events]


def _fated(
    connection: Connection | None,
    secret: bytes,
    explained: EventExplained,
    actions: Mapping[Names, Action],
    counting: Mapping[str, Rule],
    catalogue: Catalogue,
) -> EventExplained:
    now = SystemClock().now()
    fates = fates_now(
        connection,
        secret,
        explained,
        actions,
        entry=None,
        here=Here(now, catalogue),
        counting=Counting(counting, now),
    )
    return replace(explained, fates=fates)
