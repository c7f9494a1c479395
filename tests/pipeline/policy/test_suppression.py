"""Who must not get a message does not, and the list says why; addresses that do not exist are learnt."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, time, timedelta

import pytest
from msgspec.structs import replace

from bridge.core.digests import Digest
from bridge.core.messages import Message, Payload
from bridge.core.outcomes import Delivered, Outcome, Reason, Rejected, State
from bridge.core.rules import OWNER_RULE, Action, Rule
from bridge.core.suppressions import Leaver, Purpose, Scope, Source, address_key
from bridge.pipeline.unsubscribing import Preferences, Suppressor, Wish
from bridge.store import memory, suppressions, views
from bridge.store.database import Database
from bridge.store.suppressions import SuppressionFilter, SuppressionRow
from bridge.store.views import DeliveryFilter, DeliveryRow
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule, until
from tests.support.policy import DOWN, channel

MARIA, RUI = "maria@aluna.example", "rui@escola.example"
BOUNCED = Rejected(Reason.CLIENT, 550, "5.1.1 no such user", bounced=(MARIA,))


class Post(ScriptedChannel):
    """A channel for addresses, as e-mail is."""

    def __init__(self, *outcomes: Outcome, to: tuple[str, ...] = (MARIA,)) -> None:
        super().__init__("mail", *outcomes)
        self.policy = channel("mail").policy
        self.to = to
        self.reached: list[tuple[str, ...]] = []

    def encode(self, message: Message, settings: Mapping[str, object]) -> Payload:
        return replace(super().encode(message, settings), meta={"recipients": list(self.to)})

    async def send(self, payload: Payload, delivery_id: str) -> Outcome:
        recipients = payload.meta["recipients"]
        assert isinstance(recipients, list)
        self.reached.append(tuple(recipients))
        return await super().send(payload, delivery_id)


class InTurn(Post):
    """Writes to one person after the other."""

    def __init__(self, people: Sequence[str]) -> None:
        super().__init__()
        self._next = iter(people)

    def encode(self, message: Message, settings: Mapping[str, object]) -> Payload:
        return replace(super().encode(message, settings), meta={"recipients": [next(self._next)]})


def mailing(purpose: Purpose = Purpose.NUDGE, **changes: object) -> list[Rule]:
    made: Action = replace(action("r", "mail"), purpose=purpose, **changes)
    return [rule("r", made)]


async def rows(database: Database) -> list[DeliveryRow]:
    found = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
    return sorted(found, key=lambda row: row.seq)


async def listed(database: Database) -> list[SuppressionRow]:
    return await database.read(lambda c: suppressions.list_suppressions(c, SuppressionFilter()))


async def unsubscribe(pipeline: Pipeline, delivery: str, scope: Scope | None = Scope.OPTIONAL) -> Wish:
    leaver = Leaver(address_key(pipeline.database.secret, MARIA), delivery)
    return await Preferences(pipeline.node).decide(leaver, Wish(scope))


# What an address is on the list for, and which messages it is kept from.
KEPT_FROM = [
    (Source.UNSUBSCRIBED, Scope.OPTIONAL, Purpose.TRANSACTIONAL, False),
    (Source.UNSUBSCRIBED, Scope.OPTIONAL, Purpose.NUDGE, True),
    (Source.UNSUBSCRIBED, Scope.OPTIONAL, Purpose.MARKETING, True),
    (Source.UNSUBSCRIBED, Scope.EVERYTHING, Purpose.TRANSACTIONAL, True),
    (Source.OPERATOR, Scope.EVERYTHING, Purpose.TRANSACTIONAL, True),
    (Source.OPERATOR, Scope.OPTIONAL, Purpose.TRANSACTIONAL, False),
    (Source.OPERATOR, Scope.OPTIONAL, Purpose.MARKETING, True),
]


@pytest.mark.parametrize("when", ["at once", "in its turn", "days later"])
@pytest.mark.parametrize(("source", "scope", "purpose", "kept"), KEPT_FROM)
async def test_the_purpose_decides_what_the_list_applies_to(
    database: Database, source: Source, scope: Scope, purpose: Purpose, kept: bool, when: str
) -> None:
    """When the message is stored and sent at once, when the loop finds it, and days later."""
    mail = Post()
    later = {"delay": timedelta(days=7)} if when == "days later" else {}
    pipeline = Pipeline(database, mailing(purpose, **later), channels(mail))
    if when == "at once":  # the channel is known to be in good order
        await pipeline.run(completion("e0"))
    if when == "days later":
        await pipeline.run(completion())
    if source is Source.OPERATOR:
        await Suppressor(pipeline.node).add(MARIA.upper(), "", scope)
    else:
        await unsubscribe(pipeline, "0" * 32, scope)
    if when == "days later":
        pipeline.clock.advance(days=8)
        await pipeline.engine.drain()
    else:
        await pipeline.run(completion())
    row = (await rows(database))[-1]
    assert row.state is (State.SUPPRESSED if kept else State.DELIVERED)
    assert len(mail.sent) == (when == "at once") + (not kept)
    assert (row.why or "").startswith("suppressed: ") is kept


@pytest.mark.parametrize("at_once", [True, False])
async def test_of_many_messages_each_is_asked_about(database: Database, at_once: bool) -> None:
    """Those of one moment are decided about together: who is on the list gets none, all others theirs."""
    people = [f"{name}@aluna.example" for name in ("ana", "maria", "bia", "rui", "eva", "lia")]
    kept_from = {"maria@aluna.example", "lia@aluna.example"}
    mail = InTurn(people)
    pipeline = Pipeline(database, mailing(), channels(mail))
    for address in sorted(kept_from):
        await Suppressor(pipeline.node).add(address, "", Scope.EVERYTHING)
    if at_once:
        await pipeline.engine.start()
        await until(lambda: pipeline.engine.is_idle)
    together = [completion(f"e{number}", learner={"email": people[number]}) for number in range(6)]
    await asyncio.gather(*(pipeline.receive(each) for each in together))
    if at_once:
        await until(lambda: len(mail.reached) >= 4 and pipeline.engine.is_idle)
        await pipeline.engine.stop(1)
    else:
        await pipeline.engine.drain()
    assert sorted(to for (to,) in mail.reached) == sorted(set(people) - kept_from)
    states = [row.state for row in await rows(database)]
    assert (states.count(State.DELIVERED), states.count(State.SUPPRESSED)) == (4, 2)


async def test_an_unsubscribe_between_two_attempts_counts(database: Database) -> None:
    """The destination was down, the person has decided, and nothing more is tried."""
    mail = Post(DOWN)
    pipeline = Pipeline(database, mailing(), channels(mail))
    await pipeline.run(completion())
    (row,) = await rows(database)
    assert (row.state, row.attempts) == (State.PENDING, 1)
    await unsubscribe(pipeline, row.id)
    pipeline.clock.advance(seconds=10)
    await pipeline.restarted().engine.drain()
    (row,) = await rows(database)
    assert (row.state, row.attempts, len(mail.sent)) == (State.SUPPRESSED, 1, 1)


async def test_an_unsubscribe_while_it_waits_for_its_turn_counts(database: Database) -> None:
    """What was stored a moment ago is asked about again once the moment is over."""
    mail = Post()
    pipeline = Pipeline(database, mailing(), channels(mail))
    first = completion("e1", learner={"name": "Rui", "email": "rui@aluno.example"})

    async def wait() -> None:
        pipeline.clock.advance(seconds=6)
        await unsubscribe(pipeline, "0" * 32)

    mail.before_answer = wait
    await pipeline.run(first, completion("e2"))
    assert sorted(row.state for row in await rows(database)) == [State.DELIVERED, State.SUPPRESSED]


async def test_what_is_suppressed_does_not_count_as_sent(database: Database) -> None:
    """The next event may lead to the message, once the person wants it again; the first then may not."""
    mail = Post()
    pipeline = Pipeline(database, mailing(once_per=("module.id",)), channels(mail))
    await pipeline.run(completion("e0", module={"id": "1"}))
    await unsubscribe(pipeline, "0" * 32)
    await pipeline.run(completion("e1"))
    await unsubscribe(pipeline, "0" * 32, None)
    await pipeline.run(completion("e2"))
    before, row, after = await rows(database)
    assert [each.state for each in (before, row, after)] == [
        State.DELIVERED,
        State.SUPPRESSED,
        State.DELIVERED,
    ]
    told = await pipeline.operator.retry(row.id)
    assert (told.done, "under the same once_per" in told.sentence) == (False, True)


async def test_a_claim_is_released_when_it_is_suppressed_later(database: Database) -> None:
    """As when it expires."""
    mail = Post(DOWN)
    pipeline = Pipeline(database, mailing(once_per=("learner.email",)), channels(mail))
    await pipeline.run(completion("e1"))
    await Suppressor(pipeline.node).add(MARIA, "")
    pipeline.clock.advance(seconds=10)
    await pipeline.engine.drain()
    (row,) = await rows(database)
    claim = await database.read(lambda c: memory.claim_of(c, row.id))
    assert claim is not None
    assert (row.state, claim.state) == (State.SUPPRESSED, "released")


async def test_a_person_may_send_it_once_the_address_is_off_the_list(database: Database) -> None:
    """Not before: a retry is asked about too."""
    mail = Post()
    pipeline = Pipeline(database, mailing(), channels(mail))
    await Suppressor(pipeline.node).add(MARIA, "")
    await pipeline.run(completion())
    (row,) = await rows(database)
    assert (await pipeline.operator.retry(row.id)).done
    await pipeline.engine.drain()
    assert [each.state for each in await rows(database)] == [State.SUPPRESSED]
    assert (await Suppressor(pipeline.node).remove(MARIA)).done
    assert (await pipeline.operator.retry(row.id)).done
    await pipeline.engine.drain()
    assert [each.state for each in await rows(database)] == [State.DELIVERED]


@pytest.mark.parametrize("restart", [False, True])
async def test_of_several_people_the_others_get_it(database: Database, restart: bool) -> None:
    """Once, and by whichever way it is sent."""
    mail = Post(to=(MARIA, RUI))
    pipeline = Pipeline(database, mailing(Purpose.TRANSACTIONAL), channels(mail))
    await Suppressor(pipeline.node).add(MARIA, "")
    await pipeline.receive(completion())
    await (pipeline.restarted() if restart else pipeline).engine.drain()
    assert mail.reached == [(RUI,)]
    assert [each.state for each in await rows(database)] == [State.DELIVERED]


async def test_what_only_some_may_get_goes_to_them_at_once(database: Database) -> None:
    """It cannot be sent as it was offered, but need not wait for the next look at the store."""
    mail = Post(to=(MARIA, RUI))
    pipeline = Pipeline(database, mailing(), channels(mail), of_node={"alone": True})
    await Suppressor(pipeline.node).add(MARIA, "", Scope.EVERYTHING)
    await pipeline.engine.start()
    await until(lambda: pipeline.engine.is_idle)
    await pipeline.receive(completion("e1"))  # the first event has to be claimed
    await until(lambda: len(mail.sent) == 1)
    await until(lambda: pipeline.engine.is_idle)
    await pipeline.receive(completion("e2"))
    await until(lambda: len(mail.sent) == 2)
    assert mail.reached == [(RUI,), (RUI,)]
    await pipeline.engine.stop(1)


async def test_an_address_that_does_not_exist_is_learnt(database: Database) -> None:
    """With the mail server's words, in the transaction that records the attempt; then nothing is tried."""
    mail = Post(BOUNCED)
    pipeline = Pipeline(database, mailing(Purpose.TRANSACTIONAL), channels(mail))
    await pipeline.run(completion("e1"))
    (row,) = await rows(database)
    (bounce,) = [each.suppression for each in await listed(database)]
    assert row.state is State.DEAD
    assert (bounce.source, bounce.scope, bounce.address) == (Source.BOUNCED, Scope.EVERYTHING, MARIA)
    assert (bounce.delivery, bounce.why) == (row.id, "550 5.1.1 no such user")
    await pipeline.run(completion("e2"))
    assert [each.state for each in await rows(database)] == [State.DEAD, State.SUPPRESSED]
    assert len(mail.sent) == 1


async def test_of_several_people_the_one_who_bounced_is_learnt(database: Database) -> None:
    """The others have the message."""
    mail = Post(Delivered(250, "ok", bounced=(MARIA,)), to=(MARIA, RUI))
    pipeline = Pipeline(database, mailing(Purpose.TRANSACTIONAL), channels(mail))
    await pipeline.run(completion("e1"), completion("e2"))
    assert mail.reached == [(MARIA, RUI), (RUI,)]


async def test_the_owner_hears_of_trouble_all_the_same(database: Database) -> None:
    """Whatever stands on the list."""
    mail = Post()
    pipeline = Pipeline(database, [rule(OWNER_RULE, action(OWNER_RULE, "mail"))], channels(mail))
    await Suppressor(pipeline.node).add(MARIA, "")
    await pipeline.run(completion())
    assert len(mail.sent) == 1


async def test_deciding_twice_is_deciding_once(database: Database) -> None:
    """The first time stays, and so does who wanted nothing at all; only "everything again" lifts that."""
    mail = Post()
    pipeline = Pipeline(database, mailing(), channels(mail))
    await pipeline.run(completion())
    (row,) = await rows(database)
    assert await unsubscribe(pipeline, row.id) == Wish(Scope.OPTIONAL)
    (first,) = await listed(database)
    assert (first.suppression.address, first.suppression.delivery) == (MARIA, row.id)
    pipeline.clock.advance(days=1)
    assert await unsubscribe(pipeline, row.id) == Wish(Scope.OPTIONAL)
    assert await listed(database) == [first]
    assert await unsubscribe(pipeline, row.id, Scope.EVERYTHING) == Wish(Scope.EVERYTHING)
    assert await unsubscribe(pipeline, row.id, Scope.OPTIONAL) == Wish(Scope.EVERYTHING)
    assert await unsubscribe(pipeline, row.id, None) == Wish()
    assert await listed(database) == []
    assert await unsubscribe(pipeline, row.id, None) == Wish()


async def test_many_clicks_at_once_are_one_decision(database: Database) -> None:
    """A mail program and a person, on both."""
    pipeline = Pipeline(database, mailing(), channels(Post()))
    await asyncio.gather(*(unsubscribe(pipeline, "0" * 32) for _ in range(20)))
    assert len(await listed(database)) == 1


async def test_a_person_does_not_lift_what_others_decided(database: Database) -> None:
    """An operator's no stands, and so does a bounce."""
    pipeline = Pipeline(database, mailing(), channels(Post()))
    await Suppressor(pipeline.node).add(MARIA, "abuse")
    await unsubscribe(pipeline, "0" * 32)
    await unsubscribe(pipeline, "0" * 32, None)
    (left,) = await listed(database)
    assert left.suppression.source is Source.OPERATOR


async def test_an_operator_lifts_one_reason_or_all(database: Database) -> None:
    """And hears which there were."""
    pipeline = Pipeline(database, mailing(), channels(Post()))
    suppressor = Suppressor(pipeline.node)
    await suppressor.add(MARIA, "")
    await unsubscribe(pipeline, "0" * 32)
    told = await suppressor.remove(MARIA, Source.OPERATOR)
    assert told.sentence == f"{MARIA} is off the list, where it was as operator"
    assert (await suppressor.remove(MARIA)).sentence.endswith("as unsubscribed")
    assert not (await suppressor.remove(MARIA)).done
    assert not (await suppressor.add("maria at aluna", "")).done


async def claims_of(database: Database, deliveries: list[DeliveryRow]) -> list[str]:
    """Return the states of their claims."""
    found = await database.read(lambda c: [memory.claim_of(c, row.id) for row in deliveries])
    return [claim.state for claim in found if claim]


async def test_a_digest_that_nobody_may_get_lets_go_of_all_its_claims(database: Database) -> None:
    """Of what went into it, too; and a person may send it once the address is off the list."""
    mail = Post()
    digest = Digest(time(18), UTC)
    pipeline = Pipeline(database, mailing(digest=digest, once_per=("module.id",)), channels(mail))
    await pipeline.run(completion("e1", module={"id": "1"}), completion("e2", module={"id": "2"}))
    await unsubscribe(pipeline, "0" * 32)
    pipeline.clock.advance(hours=12)
    await pipeline.engine.drain()
    found = await rows(database)
    assert sorted(row.state for row in found) == [State.MERGED, State.SUPPRESSED]
    assert await claims_of(database, found) == ["released", "released"]
    await unsubscribe(pipeline, "0" * 32, None)
    (head,) = [row for row in found if row.state is State.SUPPRESSED]
    assert (await pipeline.operator.retry(head.id)).done
    await pipeline.engine.drain()
    assert len(mail.sent) == 1
    assert await claims_of(database, found) == ["confirmed", "confirmed"]
