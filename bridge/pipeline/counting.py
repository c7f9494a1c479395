"""Which rules with `after:` an entry's events fire: counted in the transaction that makes the deliveries."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.core.tallies import Tally
from bridge.pipeline.planned import Planned
from bridge.store import tallies
from bridge.store.database import Connection


def firing(
    connection: Connection, counts: Sequence[Tally], planned: Sequence[Planned], *, again: bool
) -> tuple[Sequence[Planned], list[dict[str, str]]]:
    """Count, and return the deliveries that follow, and what is said of those whose rule does not fire.

    `again` says that the entry has been through the rules before.
    """
    if not counts:
        return planned, []
    # In one order on every node, so that two of them do not wait for each other.
    counted = {
        (tally.mark.index, tally.rule): tallies.count(connection, tally, again=again)
        for tally in sorted(counts, key=lambda tally: tally.key)
    }
    going: list[Planned] = []
    waiting: list[dict[str, str]] = []
    for plan in planned:
        delivery = plan.delivery
        found = counted.get((delivery.event_index, delivery.rule))
        if found is None or found.fires:
            going.append(plan)
        else:
            waiting.append({"rule": delivery.rule, "action": delivery.action, "why": found.why})
    return going, waiting
