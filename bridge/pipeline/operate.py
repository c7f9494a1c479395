"""What a person may do: replay an entry, decide about a delivery or a claim, pause a channel or a rule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import assert_never

from msgspec.structs import replace

from bridge.core.breaker import FRESH, Phase, is_held, stop
from bridge.core.outcomes import State
from bridge.core.trouble import Trouble
from bridge.pipeline.deciding import discard_rule, pause_rule, resume_rule
from bridge.pipeline.gate import tell
from bridge.pipeline.node import Node
from bridge.pipeline.releasing import release_claim, release_claims
from bridge.pipeline.told import Told
from bridge.store import channels, collections, decisions, inbox, incidents, sent_again
from bridge.store.channels import Standing
from bridge.store.claims import ClaimFilter
from bridge.store.database import Connection
from bridge.store.deliveries import Missing, Moved, Refused, Taken, Waits
from bridge.store.news import tell_of_channel


class Operator:
    """Acts on the store for a person; `wake` is called after a change that makes work."""

    def __init__(self, node: Node, wake: Callable[[], None] = lambda: None) -> None:
        self._node = node
        self._wake = wake

    async def replay(self, seq: int) -> Told:
        """Take a stored entry through the rules again; unsent deliveries of earlier runs are replaced."""
        now = self._node.clock.now()
        run = await self._node.database.write(lambda connection: _replay(connection, seq, now))
        self._node.log.info("replay asked for", entry=seq, run=run)
        if run is None:
            return Told(done=False, sentence=f"there is no event {seq}")
        self._wake()
        return Told(done=True, sentence=f"event {seq} goes through the rules again (run {run})")

    async def retry(self, delivery_id: str) -> Told:
        """Try a waiting, dead, expired or parked delivery now, or when it was to be sent if that is ahead."""
        now = self._node.clock.now()
        result, holds = await self._node.database.write(
            lambda connection: (
                _retry(connection, delivery_id, now),
                channels.of_delivery(connection, delivery_id),
            )
        )
        self._node.log.info("retry asked for", delivery=delivery_id, result=type(result).__name__.lower())
        self._wake()
        held = _holds(holds, now)
        told = _told(result, delivery_id, held or "is tried again now", "be retried")
        return replace(told, waits=told.done and (told.waits or held is not None))

    async def discard(self, delivery_id: str, why: str) -> Told:
        """Give a delivery up for good; its claim is released."""
        now = self._node.clock.now()
        result = await self._node.database.write(
            lambda connection: _discard(connection, delivery_id, now, why)
        )
        self._node.log.info("discard asked for", delivery=delivery_id, result=type(result).__name__.lower())
        return _told(result, delivery_id, "is discarded", "be discarded")

    async def release(self, delivery_id: str) -> Told:
        """Let a delivery's claim go, so that another may have it; not while the delivery may be sent."""
        return await release_claim(self._node, delivery_id)

    async def release_all(self, wanted: ClaimFilter) -> int:
        """Let the claims go that a filter selects, less those under way; returns how many."""
        return await release_claims(self._node, wanted)

    async def pause(self, channel: str, why: str) -> Told:
        """Let a channel send nothing until it is resumed; its deliveries wait."""
        now = self._node.clock.now()
        done = await self._node.database.write(lambda connection: _pause(connection, channel, why, now))
        self._node.log.info("pause asked for", channel=channel, done=done)
        sentence = "is paused; its deliveries wait" if done else "is stopped already"
        return Told(done=done, sentence=f"channel {channel} {sentence}")

    async def resume(self, channel: str) -> Told:
        """Let a channel that is paused, stopped or asked to be silent send again, at once.

        Whoever says so knows that its destination is back: what waits for another attempt has it now.
        """
        now = self._node.clock.now()
        done = await self._node.database.write(lambda connection: _resume(connection, channel, now))
        self._node.log.info("resume asked for", channel=channel, done=done)
        self._wake()
        sentence = "sends again" if done else "is neither paused, stopped nor held"
        return Told(done=done, sentence=f"channel {channel} {sentence}")

    async def pause_rule(self, rule: str, why: str) -> Told:
        """Keep what a rule makes, and what waits of it, until a person decides."""
        return await pause_rule(self._node, rule, why)

    async def resume_rule(self, rule: str) -> Told:
        """Let a rule work again, and send what was kept of it."""
        told = await resume_rule(self._node, rule)
        self._wake()
        return told

    async def discard_rule(self, rule: str) -> Told:
        """Let a rule work again, and give up what was kept of it."""
        return await discard_rule(self._node, rule)


def _pause(connection: Connection, channel: str, why: str, now: datetime) -> bool:
    standing = channels.lock(connection, channel)
    if standing.breaker.phase is Phase.STOPPED:
        return False
    channels.write(connection, channel, replace(standing, breaker=stop(standing.breaker, now, why)))
    incidents.replaced(connection, Trouble.PAUSED, channel, now=now)  # whoever paused it knows
    tell_of_channel(connection, channel)
    return True


def _resume(connection: Connection, channel: str, now: datetime) -> bool:
    standing = channels.lock(connection, channel)
    if standing.breaker.phase is Phase.WORKING and not is_held(standing.breaker, now):
        return False
    channels.write(connection, channel, replace(standing, breaker=FRESH))
    decisions.try_again(connection, channel, now=now)
    tell(connection, channel, standing.breaker, FRESH, now)
    tell_of_channel(connection, channel)
    return True


def _replay(connection: Connection, seq: int, now: datetime) -> int | None:
    run = inbox.replay(connection, seq, now=now)
    if run is not None:
        decisions.discard_unsent(connection, seq, now=now, why=f"replaced by the replay, run {run}")
    return run


def _retry(
    connection: Connection, delivery_id: str, now: datetime
) -> Moved | Waits | Missing | Refused | Taken:
    result = decisions.retry(connection, delivery_id, now=now)
    if isinstance(result, Taken) and sent_again.go_without(connection, delivery_id, now=now):
        result = decisions.retry(connection, delivery_id, now=now, claims=False)
    if isinstance(result, Moved | Waits):
        sent_again.reserve_again(connection, delivery_id, now=now)
    return result


def _discard(connection: Connection, delivery_id: str, now: datetime, why: str) -> Moved | Missing | Refused:
    result = decisions.discard(connection, delivery_id, now=now, why=why)
    if isinstance(result, Moved):
        collections.follow_named(connection, delivery_id, State.DISCARDED, now=now)
    return result


def _holds(holds: tuple[str, Standing] | None, now: datetime) -> str | None:
    """Return what keeps a retry from going at once: nothing goes before its channel does."""
    name, breaker = ("", FRESH) if holds is None else (holds[0], holds[1].breaker)
    held = is_held(breaker, now)
    if breaker.phase is Phase.WORKING and not held:
        return None
    state = "held, its destination asked for silence" if held else str(breaker.phase)
    return f"is due, and waits: channel {name} is {state}; `bridge channels resume {name}` lets it go on"


def _told(result: Moved | Waits | Missing | Refused | Taken, delivery_id: str, done: str, wish: str) -> Told:
    match result:
        case Moved():
            return Told(done=True, sentence=f"delivery {delivery_id} {done}")
        case Waits():
            again = "another `bridge deliveries retry` sends it now"
            return Told(
                done=True, sentence=f"delivery {delivery_id} waits for its time again; {again}", waits=True
            )
        case Missing():
            return Told(done=False, sentence=f"there is no delivery {delivery_id}")
        case Refused(state=State.MERGED):
            why = f"delivery {delivery_id} went into another delivery, which `bridge deliveries show` names"
            return Told(done=False, sentence=f"{why}; that one can {wish}")
        case Refused(state=State.DISCARDED) if wish == "be discarded":
            return Told(done=False, sentence=f"delivery {delivery_id} is discarded already")
        case Refused(state=state):
            return Told(done=False, sentence=f"delivery {delivery_id} is {state} and cannot {wish}")
        case Taken(by=other):
            why = f"delivery {other} was made meanwhile under the same once_per; this one would be a second"
            return Told(done=False, sentence=why)
        case never:
            assert_never(never)
