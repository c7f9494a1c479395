"""What a person decides about a rule: that it is paused, and what becomes of what was kept.

What was kept is moved in steps, the oldest first, so that the store is never held for long. Until the last
step new deliveries of the rule are kept as well: they come after those before them. A decision that was
stopped half-way goes on when it is made again.
"""

from __future__ import annotations

from bridge.core.halts import Halt
from bridge.pipeline.node import Node
from bridge.pipeline.told import Told
from bridge.store import halts
from bridge.store.database import Connection

STEP = 1000
"""Deliveries that are moved in one transaction."""


async def pause_rule(node: Node, rule: str, why: str) -> Told:
    """Keep what a rule makes from now on, and what waits of it."""
    now = node.clock.now()
    done = await node.database.write(lambda connection: halts.pause(connection, rule, now=now, why=why))
    node.halts.add([rule])
    node.log.info("pause of a rule asked for", rule=rule, done=done)
    sentence = "is paused; its deliveries are kept" if done else "is paused already"
    return Told(done=done, sentence=f"rule {rule} {sentence}")


async def resume_rule(node: Node, rule: str) -> Told:
    """Let a rule work again, and send what was kept."""
    moved = await _decide(node, rule, Halt.RESUMING)
    if moved is None:
        return Told(done=False, sentence=f"rule {rule} is not paused")
    return _works_again(rule, moved, "goes out", "go out")


async def discard_rule(node: Node, rule: str) -> Told:
    """Let a rule work again, and give up what was kept."""
    moved = await _decide(node, rule, Halt.DISCARDING)
    if moved is None:
        return Told(done=False, sentence=f"rule {rule} is not paused")
    return _works_again(rule, moved, "is given up", "are given up")


async def _decide(node: Node, rule: str, decision: Halt) -> int | None:
    """Move all that is kept; returns how many, None if the rule works."""
    if not await node.database.write(lambda connection: halts.begin(connection, rule, decision)):
        return None
    total, moved = 0, STEP
    while moved == STEP:
        moved = await _step(node, rule, decision)
        total += moved
    node.halts.drop(rule)
    node.log.info("decided about a rule", rule=rule, decision=str(decision), deliveries=total)
    return total


async def _step(node: Node, rule: str, decision: Halt) -> int:
    now = node.clock.now()

    def step(connection: Connection) -> int:
        return halts.follow(connection, rule, decision, STEP, now=now)

    return await node.database.write(step)


def _works_again(rule: str, moved: int, one: str, many: str) -> Told:
    kept = f"1 kept delivery {one}" if moved == 1 else f"{moved} kept deliveries {many}"
    return Told(done=True, sentence=f"rule {rule} works again; {kept}")
