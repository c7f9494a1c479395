"""Why a stored event led to what it led to, by the rules of then and by those of now."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace

from bridge.core.events import Facts
from bridge.core.fates import Held, Led, Left, sent_instead
from bridge.core.outcomes import Delivered, Reason, Rejected, State
from bridge.core.rules import Rule, else_name
from bridge.pipeline.explaining import Explanation, Unexplained
from bridge.pipeline.fates import EventExplained
from bridge.pipeline.rulebook import SEEN_TO
from bridge.store import details, rulebooks
from bridge.store.database import Database
from bridge.store.details import EventDetails
from tests.support.pipeline import Compiled, Pipeline, ScriptedChannel, action, channels, completion, rule

LINE = {"course.title": {"prefix": "Python"}}
NAMES = ("r", "test:wins")


def one_rule(**changes: object) -> Rule:
    return rule("r", action("r", "wins", once_per=["learner.email"]), **{"when": LINE, **changes})  # type: ignore[arg-type]


def made(database: Database, *rules: Rule, wins: ScriptedChannel | None = None) -> Pipeline:
    return Pipeline(database, rules or [one_rule()], channels(wins or ScriptedChannel("wins")), hide=str)


async def explained(pipeline: Pipeline, seq: int = 1, **how: object) -> Explanation | Unexplained:
    found = await pipeline.database.read(lambda c: details.show_event(c, seq))
    assert isinstance(found, EventDetails)
    return await pipeline.explainer.explain(found, **how)  # type: ignore[arg-type]


async def first(pipeline: Pipeline, seq: int = 1, **how: object) -> tuple[Explanation, EventExplained]:
    told = await explained(pipeline, seq, **how)
    assert isinstance(told, Explanation)
    return told, told.events[0]


async def kept(pipeline: Pipeline) -> bool:
    """Return whether the rules are in the store."""
    digest = await pipeline.rulebook.digest()
    return await pipeline.database.read(lambda c: rulebooks.find(c, digest)) is not None


async def test_an_event_is_explained_by_the_rules_that_judged_it(database: Database) -> None:
    """With the deliveries its actions led to."""
    pipeline = made(database)
    await pipeline.run(completion())
    told, event = await first(pipeline)
    assert (told.basis, told.changed, told.notes) == ("then", False, ())
    assert [(each.rule, each.matched) for each in event.rules] == [("r", True)]
    fate = event.fates[NAMES]
    assert isinstance(fate, Led)
    assert fate.state is State.DELIVERED


async def test_other_rules_today_change_nothing_of_what_was(database: Database) -> None:
    """The rules of then are kept, conditions, expressions and all; those of now answer when asked."""
    await made(database, one_rule(condition=Compiled("it is true"))).run(completion())
    later = made(database, one_rule(when={"course.title": "Java"}))
    told, event = await first(later)
    assert (told.basis, told.changed) == ("then", True)
    assert event.rules[0].matched
    assert [each.matched for each in event.rules[0].findings] == [True, True, True]
    told, event = await first(later, now=True)
    assert (told.basis, told.changed) == ("now", False)
    assert not event.rules[0].matched


async def test_the_same_rules_are_kept_once(database: Database) -> None:
    """Whatever their order in the file; a second set is a second book."""
    other = rule("s", action("s", "wins"))
    await made(database, one_rule(), other).run(completion("e1"))
    await made(database, other, one_rule()).run(completion("e2"))
    told, _ = await first(made(database, other, one_rule()))
    assert (told.basis, told.changed) == ("then", False)
    await made(database, other).run(completion("e3"))
    assert (await first(made(database, other), 2))[0].changed
    assert not (await first(made(database, other), 3))[0].changed


async def test_who_had_the_claim_is_told_exactly(database: Database) -> None:
    """With the delivery, the time and the values; asked of then and of now."""
    pipeline = made(database)
    await pipeline.run(completion("e1"))
    sent_at = pipeline.clock.now()
    pipeline.clock.advance(days=1)
    await pipeline.run(completion("e2"))
    for how in ({}, {"now": True}):
        _, event = await first(pipeline, 2, **how)
        fate = event.fates[NAMES]
        assert isinstance(fate, Held)
        assert (fate.state, fate.at) == ("confirmed", sent_at)
        assert fate.label == "learner.email=maria@aluna.example"


async def test_an_event_does_not_stand_in_its_own_way(database: Database) -> None:
    """A replay gives up what waits, so nothing forbids it; what is sent stays sent."""
    waiting = made(database, wins=None)
    await waiting.receive(completion("e1"))
    told, event = await first(waiting)
    assert (told.basis, event.fates) == ("now", {})
    assert told.notes == ("No rule has judged it yet; these are the rules of now.",)
    await waiting.engine.drain()
    _, event = await first(waiting, now=True)
    assert isinstance(event.fates[NAMES], Held)


async def test_what_a_dead_delivery_had_is_free(database: Database) -> None:
    pipeline = made(database, wins=ScriptedChannel("wins", Rejected(Reason.INVALID, 422), Delivered(200)))
    await pipeline.run(completion("e1"))
    _, event = await first(pipeline, now=True)
    assert event.fates == {}
    _, event = await first(pipeline)
    fate = event.fates[NAMES]
    assert isinstance(fate, Led)
    assert fate.state is State.DEAD


async def test_a_value_that_was_missing_is_named(database: Database) -> None:
    pipeline = made(database)
    await pipeline.run(completion("e1", learner={"name": "Maria"}))
    for how in ({}, {"now": True}):
        _, event = await first(pipeline, **how)
        assert event.fates == {NAMES: Left("once_per needs 'learner.email', which this event does not have")}


async def test_one_rule_can_be_asked_for(database: Database) -> None:
    pipeline = made(database, one_rule(), rule("s", action("s", "wins")))
    await pipeline.run(completion())
    told, event = await first(pipeline, rule="s")
    assert [each.rule for each in event.rules] == ["s"]
    assert told.notes == ()


async def test_a_rule_that_held_a_secret_is_known_by_its_verdict(database: Database) -> None:
    """The secret is nowhere in the store."""
    rules = [one_rule(when={"course.title": {"prefix": "Python"}, "data.key": {"not": "s3cr3t-value"}})]

    def hide(text: str) -> str:
        return text.replace("s3cr3t-value", "***")

    pipeline = dataclasses.replace(made(database, *rules), hide=hide)
    await pipeline.run(completion("e1"))
    told, event = await first(dataclasses.replace(made(database), hide=hide))
    assert event.rules == ()
    assert told.notes == ("The rule r did not match; it held a secret, so its conditions were not kept.",)


class Otherwise(Compiled):
    """An `if:` that comes to something else when it is compiled again."""

    def holds(self, facts: Facts) -> bool:
        return not super().holds(facts)


async def test_a_verdict_that_comes_out_otherwise_is_admitted(database: Database) -> None:
    """Another version may read events in another way; what was decided is noted and told."""
    await made(database, one_rule(condition=Otherwise("false"))).run(completion())
    told, event = await first(made(database))
    assert not event.rules[0].matched
    assert told.notes == (
        "This version of the bridge comes to another result than the one that decided: r matched.",
    )


@pytest.mark.parametrize(("body", "why"), [(b"no json", "the body is not JSON"), (b'{"hello": 1}', "")])
async def test_what_is_no_event_is_not_explained(database: Database, body: bytes, why: str) -> None:
    pipeline = made(database)
    await pipeline.run(body)
    told = await explained(pipeline)
    assert isinstance(told, Unexplained)
    assert told.why.startswith(why)


async def test_an_event_from_before_or_of_rules_that_are_gone_says_so(database: Database) -> None:
    """Then the rules of now have to do, and that is told."""
    await dataclasses.replace(made(database), hide=None).run(completion("e1"))
    pipeline = made(database)
    told, _ = await first(pipeline)
    assert told.notes == ("Which rules judged it was not noted; these are the rules of now.",)
    await made(database, one_rule(when=None)).run(completion("e2"))
    await database.write(lambda c: c.exec_driver_sql("DELETE FROM rulebooks"))
    told, _ = await first(pipeline, 2)
    assert told.notes == ("The rules that judged it are not kept; these are the rules of now.",)


async def test_rules_in_use_are_seen_to_every_hour(database: Database) -> None:
    """So that a book that was pruned while nothing happened is there for the next event."""
    pipeline = made(database)
    await pipeline.run(completion("e1"))
    await database.write(lambda c: c.exec_driver_sql("DELETE FROM rulebooks"))
    assert await kept(pipeline) is False
    pipeline.clock.advance(seconds=SEEN_TO.total_seconds())
    await pipeline.run(completion("e2"))
    assert await kept(pipeline) is True


async def test_a_hundred_events_at_once_keep_the_rules_once(database: Database) -> None:
    """Whoever comes first does; the others wait for it."""
    pipeline = made(database)
    await pipeline.receive(*(completion(f"e{n}") for n in range(100)))
    await pipeline.engine.drain()
    count = await database.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM rulebooks").scalar())
    assert count == 1


async def test_what_was_sent_instead_is_told(database: Database) -> None:
    """The delivery of an `else:` stands beside the one that died."""
    instead = replace(action("r", "other"), name=else_name("test:other", "test:wins"))
    rules = [rule("r", replace(action("r", "wins"), otherwise=(instead,)))]
    dead = ScriptedChannel("wins", Rejected(Reason.INVALID, 422))
    pipeline = Pipeline(database, rules, channels(dead, ScriptedChannel("other")), hide=str)
    await pipeline.run(completion())
    _, event = await first(pipeline)
    fate = sent_instead(event.fates, "r", "test:wins")["test:other"]
    assert isinstance(fate, Led)
    assert fate.state is State.DELIVERED


async def test_rules_that_cannot_be_kept_cost_no_event(database: Database) -> None:
    """The event goes its way, the log has the mistake, and the explanation admits what it does not know."""

    def fails(text: str) -> str:
        raise ValueError(text)

    pipeline = dataclasses.replace(made(database), hide=fails)
    await pipeline.run(completion("e1"), completion("e2"))
    lines = [line.event for line in pipeline.log.lines if line.level == "exception"]
    assert lines == ["rules not kept, events have no explanation of then"]
    told, event = await first(made(database))
    assert told.notes == ("Which rules judged it was not noted; these are the rules of now.",)
    assert event.rules[0].matched


@pytest.mark.parametrize("now", [False, True])
async def test_a_stored_event_is_explained_without_the_secrets_of_rules(
    database: Database, *, now: bool
) -> None:
    """Not by the rules that were kept, and not by those of today."""
    rules = [one_rule(when={"course.title": {"prefix": "sekrit-key"}})]
    pipeline = Pipeline(
        database,
        rules,
        channels(ScriptedChannel("wins")),
        hide=lambda text: text.replace("sekrit-key", "***"),
    )
    await pipeline.run(completion())
    told = await explained(pipeline, now=now)
    assert isinstance(told, Explanation)
    assert [each.rule for event in told.events for each in event.rules] == ["r"]
    assert "sekrit" not in repr(told)
