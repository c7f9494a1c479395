"""A rule that is called otherwise goes on under what it remembers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import timedelta

import pytest
from msgspec.structs import replace

from bridge.core.conditions import NOTHING
from bridge.core.formers import kept_under
from bridge.core.outcomes import State
from bridge.core.rules import Limit, Rule, Unless, else_name
from bridge.pipeline.strays import find_strays, tell_strays
from bridge.store import claims, views
from bridge.store.claims import ClaimFilter
from bridge.store.database import Database
from bridge.store.views import DeliveryFilter
from tests.support.pipeline import Pipeline, RecordingLog, action, channels, completion, rule
from tests.support.policy import DOWN, REFUSED, channel

LESSON = "nutror.lesson_watched"
WEEK = timedelta(days=7)


def named(name: str, *was: str, **changes: object) -> Rule:
    """Return a rule that congratulates once per learner and module."""
    made = action(name, "mail", once_per=("learner.email", "module.id"))
    made = replace(made, rule_was=was, **changes)
    return replace(rule(name, made), was=was)


def running(database: Database, *rules: Rule, of: Pipeline | None = None) -> Pipeline:
    """Return a pipeline with these rules, as after an edit and a restart."""
    if of is None:
        return Pipeline(database, rules, channels(channel("mail"), channel("alt")))
    return of.restarted(rules=rules)


async def states(database: Database) -> list[State]:
    found = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
    return [row.state for row in sorted(found, key=lambda row: row.seq)]


async def test_without_was_a_new_name_is_a_new_memory(database: Database) -> None:
    """And the start says so, with the way out."""
    pipeline = running(database, named("parabens"))
    await pipeline.run(completion("e1"))
    log = RecordingLog()
    renamed = running(database, named("parabens-modulo"), of=dataclasses.replace(pipeline, log=log))
    await tell_strays(renamed.node, renamed.rules)
    (line,) = [line for line in log.lines if line.level == "warning"]
    assert (line.fields["rule"], line.fields["claims"]) == ("parabens", 1)
    assert line.fields["advice"] == (
        "write `was: parabens` on the rule 'parabens-modulo' so that it goes on under them, or forget them: "
        "`bridge claims release --rule parabens`"
    )
    await renamed.run(completion("e2"))
    assert len(renamed.channels["mail"].sent) == 2


@pytest.mark.parametrize(
    "names",
    [
        (("a",), ("b", "a")),
        (("a",), ("b", "a"), ("c", "b", "a")),
        (("a",), ("b", "a"), ("c", "a", "b")),
        (("a",), ("b", "a"), ("c", "a")),
        (("a",), ("b",), ("c", "b", "a")),
        (("a",), ("b", "a"), ("a",)),
    ],
    ids=["once", "twice", "in the other order", "the one between left out", "said late", "and back"],
)
async def test_what_was_sent_is_not_sent_again(database: Database, names: Sequence[tuple[str, ...]]) -> None:
    """However often the rule has been renamed, and whatever order its names are written in."""
    pipeline = running(database, named(*names[0]))
    await pipeline.run(completion("e0"))
    already = 1
    for number, name in enumerate(names[1:], start=1):
        pipeline = running(database, named(*name), of=pipeline)
        assert await find_strays(pipeline.node, pipeline.rules) == [] or len(name) == 1
        already += len(name) == 1 and name[0] == "b"  # without `was` a new memory, as it always was
        await pipeline.run(completion(f"e{number}"), completion(f"f{number}", module={"id": f"{number}"}))
        already += 1
    assert len(pipeline.channels["mail"].sent) == already


async def test_claims_are_kept_under_the_name_of_before(database: Database) -> None:
    """So that nothing is gone when `was:` is forgotten for a while: they are told of, not lost."""
    pipeline = running(database, named("b", "a"))
    await pipeline.run(completion("e1"))
    (row,) = await database.read(lambda c: claims.list_claims(c, ClaimFilter()))
    assert row.rule == "a" == kept_under("b", ("a",))
    (found,) = await find_strays(pipeline.node, [named("b")])
    assert found.sentence == "1 claim of test:mail belongs to the rule 'a', which is gone"


async def test_a_limit_goes_on(database: Database) -> None:
    """What was sent under the old name counts."""
    limit = Limit(1, timedelta(days=1), ("learner.email",))
    pipeline = running(database, named("a", once_per=(), limit=limit))
    await pipeline.run(completion("e1"))
    renamed = running(database, named("b", "a", once_per=(), limit=limit), of=pipeline)
    await renamed.run(completion("e2"))
    assert len(renamed.channels["mail"].sent) == 1


@pytest.mark.parametrize("progress", [False, True])
async def test_what_waits_goes_on_and_is_still_withdrawn(database: Database, progress: bool) -> None:
    """A reminder of a week ago finds its words under the new name, and what it watches for."""
    unless = Unless(("lesson.completed",), NOTHING, ("learner.email",))
    pipeline = running(database, named("a", delay=WEEK, unless=unless))
    await pipeline.run(completion("e1"))
    renamed = running(database, named("b", "a", delay=WEEK, unless=unless), of=pipeline)
    if progress:
        await renamed.run({**completion("e2", createdAt="2026-05-04T12:30:00Z"), "event": LESSON})
    renamed.clock.advance(days=8)
    await renamed.engine.drain()
    assert await states(database) == [State.DISCARDED if progress else State.DELIVERED]


async def test_what_is_sent_instead_is_found_too(database: Database) -> None:
    """A message of an `else:` that waited for its next attempt under the old name."""

    def with_else(name: str, *was: str) -> Rule:
        parent = "test:mail"
        instead = replace(action(name, "alt"), name=else_name("test:alt", parent))
        return named(name, *was, otherwise=(instead,))

    pipeline = running(database, with_else("a"))
    pipeline.channels["mail"].script[:] = [REFUSED]
    pipeline.channels["alt"].script[:] = [DOWN]
    await pipeline.run(completion("e1"))
    renamed = running(database, with_else("b", "a"), of=pipeline)
    renamed.clock.advance(minutes=1)
    await renamed.engine.drain()
    assert await states(database) == [State.DEAD, State.DELIVERED]


async def test_an_action_goes_on_under_its_old_name(database: Database) -> None:
    """Its channel is called otherwise, and the claims are those of before."""
    pipeline = running(database, named("a"))
    await pipeline.run(completion("e1"))
    (old,) = named("a").actions
    moved = replace(old, channel="alt", name="test:alt")
    (told,) = await find_strays(pipeline.node, [rule("a", moved)])
    assert told.sentence == "1 claim of the rule 'a' belongs to its action 'test:mail', which is gone"
    assert "write `was: test:mail` on the action 'test:alt'" in told.advice
    renamed = running(database, rule("a", replace(moved, was=("test:mail",))), of=pipeline)
    assert await find_strays(renamed.node, renamed.rules) == []
    await renamed.run(completion("e2"), completion("e3", module={"id": "1"}))
    assert len(renamed.channels["alt"].sent) == 1


async def test_shadow_claims_stay_apart(database: Database) -> None:
    """What was only shown under the old name forbids nothing under the new one."""
    pipeline = running(database, named("a", shadow=True))
    await pipeline.run(completion("e1"))
    renamed = running(database, named("b", "a"), of=pipeline)
    await renamed.run(completion("e2"))
    assert await states(database) == [State.WITHHELD, State.DELIVERED]
