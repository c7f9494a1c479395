"""Messages that are collected and go out as one, on every store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from bridge.core.conditions import NOTHING
from bridge.core.digests import Digest
from bridge.core.events import Facts
from bridge.core.outcomes import State
from bridge.core.rules import Action, Limit, Unless
from bridge.pipeline import gather
from bridge.pipeline.releasing import release_claim
from bridge.store import details, memory, views
from bridge.store.database import Database
from bridge.store.details import DeliveryDetails
from bridge.store.views import DeliveryFilter, DeliveryRow
from tests.support.clock import START, FakeClock
from tests.support.pipeline import Compiled, Pipeline, action, channels, completion, rule
from tests.support.policy import DOWN, REFUSED, channel

SIX = time(18)
EVENING = START.replace(hour=18, minute=0, second=0)
DAY = timedelta(days=1)
DAILY = Digest(SIX, UTC)
BY_PRODUCER = Digest(SIX, UTC, by=("producer.email",))


@dataclass
class Lists:
    """Content that says which events a message is about, and which of them is the newest."""

    fails: bool = False

    def render(self, facts: Facts) -> Mapping[str, object]:
        items: Any = facts.get("items", [facts])
        return {
            "text": " ".join(str(item["id"]) for item in items),
            "newest": facts["id"],
            "count": facts.get("count", 1),
            "to": "x",
        }


def collects(
    digest: Digest = DAILY,
    *,
    expires: timedelta | None = None,
    once_per: Sequence[str] = (),
    unless: Unless | None = None,
    limit: Limit | None = None,
    shadow: bool = False,
    otherwise: tuple[Action, ...] = (),
    via: str = "mail",
) -> Action:
    made = action("r", via, expires=expires, once_per=once_per)
    return replace(
        made,
        content=Lists(),
        digest=digest,
        unless=unless,
        limit=limit,
        shadow=shadow,
        otherwise=otherwise,
    )


def happened(event_id: str = "e1", at: datetime = START, **changes: object) -> dict[str, object]:
    return completion(event_id, createdAt=at.isoformat().replace("+00:00", "Z"), **changes)


def said(sent: Sequence[tuple[str, bytes]]) -> list[str]:
    return [json.loads(body)["text"] for _, body in sent]


async def rows(database: Database) -> list[DeliveryRow]:
    found = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter(limit=100_000)))
    return sorted(found, key=lambda row: row.seq)


async def states(database: Database) -> list[State]:
    return [row.state for row in await rows(database)]


async def claims_of(database: Database, found: Sequence[DeliveryRow]) -> list[str]:
    """Return in which state the claims of deliveries are."""
    claims = await database.read(lambda c: [memory.claim_of(c, row.id) for row in found])
    return [claim.state for claim in claims if claim]


async def to_evening(pipeline: Pipeline) -> None:
    pipeline.clock.advance(seconds=(EVENING - pipeline.clock.now()).total_seconds())
    await pipeline.engine.drain()


async def test_what_happens_in_a_day_is_one_message_in_the_evening(database: Database) -> None:
    """In the order in which it happened, whatever the order of arrival; the newest gives the other names."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", collects())], channels(mail))
    hour = timedelta(hours=1)
    await pipeline.run(happened("e2", START + hour), happened("e1", START), happened("e3", START + 2 * hour))
    found = await rows(database)
    assert {(row.state, row.due_at, row.why) for row in found} == {
        (State.PENDING, EVENING, f"joins the digest of {EVENING:%Y-%m-%d} at 18:00")
    }
    pipeline.clock.advance(seconds=(EVENING - START).total_seconds() - 1)
    await pipeline.engine.drain()
    assert mail.sent == []
    pipeline.clock.advance(seconds=1)
    await pipeline.restarted().engine.drain()
    ((delivery_id, body),) = mail.sent
    assert json.loads(body) | {"at": ""} == {
        "text": "e1 e2 e3",
        "newest": "e3",
        "count": 3,
        "to": "x",
        "at": "",
    }
    found = await rows(database)
    assert [row.state for row in found] == [State.DELIVERED, State.MERGED, State.MERGED]
    assert {row.why for row in found[1:]} == {f"part of delivery {delivery_id}"}


async def test_a_day_without_events_has_no_message(database: Database) -> None:
    """Nothing is made of nothing."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", collects())], channels(mail))
    await pipeline.run(happened())
    for _ in range(5):
        pipeline.clock.advance(days=1)
        await pipeline.engine.drain()
    assert said(mail.sent) == ["e1"]


async def test_there_is_one_message_for_each_addressee(database: Database) -> None:
    """By the paths of `by`, an address in capitals being the same."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", collects(BY_PRODUCER))], channels(mail))
    for number, producer in enumerate(["rui", "ana", "RUI", "ana"]):
        await pipeline.run(happened(f"e{number}", producer={"email": f"{producer}@escola.example"}))
    await to_evening(pipeline)
    assert sorted(said(mail.sent)) == ["e0 e2", "e1 e3"]


async def test_an_event_without_an_addressee_is_left_out_and_says_so(database: Database) -> None:
    """It would go to nobody."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", collects(BY_PRODUCER))], channels(mail))
    await pipeline.run(happened(producer=None))
    assert await rows(database) == []
    (entry,) = await database.read(lambda c: views.list_events(c, views.EventFilter()))
    assert entry.summary is not None
    (skipped,) = entry.summary["skipped"]
    assert skipped["why"] == "digest needs 'producer.email', which this event does not have"


async def test_what_comes_too_late_joins_the_next(database: Database) -> None:
    """At the very moment is too late, whenever it happened."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", collects())], channels(mail))
    await pipeline.run(happened("e1"))
    await to_evening(pipeline)
    await pipeline.run(happened("e2", EVENING - timedelta(hours=1)))
    assert said(mail.sent) == ["e1"]
    pipeline.clock.advance(days=1)
    await pipeline.engine.drain()
    assert said(mail.sent) == ["e1", "e2"]


async def test_what_was_decided_before_and_stored_after_joins_the_next(database: Database) -> None:
    """Another node has put the message together in between."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", collects())], channels(mail))
    await pipeline.run(happened("e1"))
    ahead = pipeline.restarted(clock=FakeClock(EVENING))
    await ahead.engine.drain()
    pipeline.clock.advance(minutes=1)
    await pipeline.run(happened("e2"))
    assert said(mail.sent) == ["e1"]
    assert [row.due_at for row in await rows(database)] == [EVENING, EVENING + DAY]
    pipeline.clock.advance(seconds=(EVENING + DAY - pipeline.clock.now()).total_seconds())
    await pipeline.engine.drain()
    assert said(mail.sent) == ["e1", "e2"]


async def test_events_that_race_the_moment_are_told_once(database: Database) -> None:
    """One node stores them while another, whose clock is ahead, puts the message together and sends it."""
    mail = channel("mail", hands=4)
    clock = FakeClock(EVENING - timedelta(seconds=1))
    pipeline = Pipeline(database, [rule("r", collects(BY_PRODUCER))], channels(mail), clock)
    await pipeline.run(happened("e0"))
    ahead = pipeline.restarted(name="ahead", clock=FakeClock(EVENING))

    async def come() -> None:
        for number in range(1, 30):
            await pipeline.run(happened(f"e{number}", START + timedelta(seconds=number)))

    async def send() -> None:
        for _ in range(30):
            await ahead.engine.drain()
            await asyncio.sleep(0)

    await asyncio.gather(come(), send())
    pipeline.clock.advance(days=1, seconds=1)
    await pipeline.engine.drain()
    told = [text for each in said(mail.sent) for text in each.split()]
    assert sorted(told) == sorted(f"e{number}" for number in range(30))
    assert len(mail.sent) <= 2


async def test_a_duplicate_is_in_it_once(database: Database) -> None:
    """The same event again is no second item, nor is one that is replayed before the evening."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", collects())], channels(mail))
    await pipeline.run(happened("e1"), happened("e2"), happened("e1"))
    assert (await pipeline.operator.replay(1)).done
    await pipeline.engine.drain()
    assert await states(database) == [State.DISCARDED, State.PENDING, State.PENDING]
    await to_evening(pipeline)
    (text,) = said(mail.sent)
    assert sorted(text.split()) == ["e1", "e2"]


async def test_a_message_that_waits_to_be_retried_survives_a_replay_of_its_first_event(
    database: Database,
) -> None:
    """It is about other events as well."""
    mail = channel("mail", DOWN, waits=(3600,))
    pipeline = Pipeline(database, [rule("r", collects())], channels(mail))
    await pipeline.run(happened("e1"), happened("e2"))
    await to_evening(pipeline)
    assert (await pipeline.operator.replay(1)).done
    pipeline.clock.advance(hours=1)
    await pipeline.engine.drain()
    assert said(mail.sent) == ["e1 e2", "e1 e2"]


@pytest.mark.parametrize("nodes", [2, 5])
async def test_several_nodes_send_one(database: Database, nodes: int) -> None:
    """All look at the same moment."""
    mail = channel("mail", hands=4)
    pipeline = Pipeline(database, [rule("r", collects(BY_PRODUCER))], channels(mail))
    others = [pipeline.restarted(name=f"node-{number}") for number in range(nodes)]
    for number in range(20):
        producer = {"email": f"p{number % 4}@escola.example"}
        await others[number % nodes].run(happened(f"e{number}", producer=producer))
    pipeline.clock.advance(seconds=(EVENING - START).total_seconds())
    await asyncio.gather(*(other.engine.drain() for other in others))
    await pipeline.engine.drain()
    assert len(mail.sent) == 4
    told = sorted(text for each in said(mail.sent) for text in each.split())
    assert told == sorted(f"e{number}" for number in range(20))


async def test_a_process_that_ends_after_it_was_put_together_changes_nothing(database: Database) -> None:
    """Whoever takes it up makes the same message, and what came meanwhile is not in it."""
    mail = channel("mail")

    class Ended(BaseException):
        """The process ends."""

    def ends(point: object) -> None:
        if str(point) == "gathered":
            raise Ended

    pipeline = Pipeline(database, [rule("r", collects())], channels(mail))
    await pipeline.run(happened("e1"), happened("e2"))
    pipeline.clock.advance(seconds=(EVENING - START).total_seconds())
    dying = pipeline.restarted(of_node={"reached": ends})
    await dying.engine.drain()
    assert mail.sent == []
    await pipeline.run(happened("e3"))
    pipeline.clock.advance(hours=1)
    await pipeline.engine.drain()
    assert said(mail.sent) == ["e1 e2"]
    pipeline.clock.advance(days=1)
    await pipeline.engine.drain()
    assert said(mail.sent) == ["e1 e2", "e3"]


async def test_what_was_put_aside_before_its_time_is_still_one_message(database: Database) -> None:
    """The channel was gone for an hour: mended, the day's events go out together at six, with later ones."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", collects())], channels(mail))
    await pipeline.run(happened("e1"), happened("e2"))
    renamed = pipeline.restarted(channels=channels(channel("post")))
    await renamed.engine.start()
    await renamed.engine.stop(0.01)
    found = await rows(database)
    assert [row.state for row in found] == [State.PARKED] * 2
    pipeline.clock.advance(hours=1)
    again = pipeline.restarted()
    assert [(await again.operator.retry(row.id)).done for row in found] == [True, True]
    await again.run(happened("e3", pipeline.clock.now()))
    assert mail.sent == []
    pipeline.clock.advance(seconds=(EVENING - pipeline.clock.now()).total_seconds())
    await again.engine.drain()
    assert said(mail.sent) == ["e1 e2 e3"]


async def test_a_retry_sends_the_same_bytes(database: Database) -> None:
    """And counts as one delivery with two attempts."""
    mail = channel("mail", DOWN)
    pipeline = Pipeline(database, [rule("r", collects())], channels(mail))
    await pipeline.run(happened("e1"), happened("e2"))
    await to_evening(pipeline)
    pipeline.clock.advance(seconds=10)
    await pipeline.engine.drain()
    assert mail.sent == [mail.sent[0]] * 2
    assert [(row.state, row.attempts) for row in await rows(database)] == [
        (State.DELIVERED, 2),
        (State.MERGED, 0),
    ]


async def test_each_item_has_its_own_end(database: Database) -> None:
    """What is too old in the evening is left out; the message is worth sending as long as its youngest."""
    mail = channel("mail", DOWN, waits=(3600,))
    pipeline = Pipeline(database, [rule("r", collects(expires=timedelta(hours=9)))], channels(mail))
    await pipeline.run(
        happened("e1", EVENING - timedelta(hours=8)), happened("e2", EVENING - timedelta(hours=1))
    )
    pipeline.clock.advance(seconds=(EVENING - START).total_seconds())
    late = timedelta(hours=2)
    pipeline.clock.advance(seconds=late.total_seconds())
    await pipeline.restarted().engine.drain()
    assert said(mail.sent) == ["e2"]
    pipeline.clock.advance(hours=1)
    await pipeline.engine.drain()
    assert said(mail.sent) == ["e2", "e2"]
    assert await states(database) == [State.EXPIRED, State.DELIVERED]


async def test_without_an_item_that_is_worth_sending_nothing_goes_out(database: Database) -> None:
    """All have expired."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", collects(expires=timedelta(hours=9)))], channels(mail))
    await pipeline.run(happened("e1"), happened("e2"))
    pipeline.clock.advance(days=2)
    await pipeline.restarted().engine.drain()
    assert mail.sent == []
    assert await states(database) == [State.EXPIRED, State.EXPIRED]


async def test_what_is_over_before_the_evening_is_never_collected(database: Database) -> None:
    """And says why."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", collects(expires=timedelta(hours=1)))], channels(mail))
    await pipeline.run(happened("e1"))
    (entry,) = await database.read(lambda c: views.list_events(c, views.EventFilter()))
    assert entry.summary is not None
    assert entry.summary["skipped"][0]["why"].startswith("its time is over before it may be sent: joins")


async def test_an_item_can_be_withdrawn(database: Database) -> None:
    """By what its `unless:` names; the others stay, also where it was the first."""
    mail = channel("mail")
    unless = Unless(("lesson.completed",), NOTHING, ("learner.email",))
    pipeline = Pipeline(database, [rule("r", collects(unless=unless))], channels(mail))
    await pipeline.run(happened("e1"), happened("e2", learner={"email": "joana@aluna.example"}))
    moved = happened("e3", START + timedelta(hours=1))
    await pipeline.run({**moved, "event": "nutror.lesson_watched"})
    assert await states(database) == [State.DISCARDED, State.PENDING]
    await to_evening(pipeline)
    assert said(mail.sent) == ["e2"]


async def test_claims_are_reserved_with_the_items_and_confirmed_with_the_message(database: Database) -> None:
    """So one learner is told of once, in whichever digest."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", collects(once_per=["learner.email"]))], channels(mail))
    joana = {"email": "joana@aluna.example"}
    await pipeline.run(happened("e1"), happened("e2", learner=joana), happened("e3", learner=joana))
    found = await rows(database)
    assert len(found) == 2
    claims = await claims_of(database, found)
    assert set(claims) == {"reserved"}
    await to_evening(pipeline)
    claims = await claims_of(database, found)
    assert claims == ["confirmed", "confirmed"]
    await pipeline.run(happened("e4", learner=joana))
    assert len(await rows(database)) == 2


async def test_a_message_that_dies_releases_the_claims_of_all(database: Database) -> None:
    """And a person's retry takes them again, less those that another message has meanwhile."""
    mail = channel("mail", REFUSED)
    pipeline = Pipeline(database, [rule("r", collects(once_per=["learner.email"]))], channels(mail))
    joana, bia = {"email": "joana@aluna.example"}, {"email": "bia@aluna.example"}
    await pipeline.run(happened("e1"), happened("e2", learner=joana), happened("e3", learner=bia))
    await to_evening(pipeline)
    assert await states(database) == [State.DEAD, State.MERGED, State.MERGED]
    found = await rows(database)
    claims = await claims_of(database, found)
    assert set(claims) == {"released"}
    await pipeline.run(happened("e4", learner=joana))
    assert (await pipeline.operator.retry(found[0].id)).done
    await pipeline.engine.drain()
    assert said(mail.sent) == ["e1 e2 e3", "e1 e3"]
    pipeline.clock.advance(days=1)
    await pipeline.engine.drain()
    assert said(mail.sent) == ["e1 e2 e3", "e1 e3", "e4"]


async def test_a_retry_goes_without_the_first_event_if_another_message_tells_of_it(
    database: Database,
) -> None:
    """The other learners are told of all the same; what is left out says so."""
    mail = channel("mail", REFUSED)
    pipeline = Pipeline(database, [rule("r", collects(once_per=["learner.email"]))], channels(mail))
    joana, bia = {"email": "joana@aluna.example"}, {"email": "bia@aluna.example"}
    await pipeline.run(happened("e1"), happened("e2", learner=joana), happened("e3", learner=bia))
    await to_evening(pipeline)
    head, second, third = await rows(database)
    await pipeline.run(happened("e4"), happened("e5", learner=bia))
    assert (await pipeline.operator.retry(head.id)).done
    await pipeline.engine.drain()
    assert said(mail.sent) == ["e1 e2 e3", "e2"]
    assert (await claims_of(database, [head, second, third])) == ["released", "confirmed", "released"]
    left = (await rows(database))[2]
    assert (left.state, left.why) == (
        State.MERGED,
        f"left out of delivery {head.id}, since another one has taken its once_per",
    )
    pipeline.clock.advance(days=1)
    await pipeline.engine.drain()
    assert said(mail.sent) == ["e1 e2 e3", "e2", "e4 e5"]


async def test_a_retry_of_which_all_is_told_elsewhere_is_refused(database: Database) -> None:
    """It would be a message about nothing."""
    mail = channel("mail", REFUSED)
    pipeline = Pipeline(database, [rule("r", collects(once_per=["learner.email"]))], channels(mail))
    joana = {"email": "joana@aluna.example"}
    await pipeline.run(happened("e1"), happened("e2", learner=joana))
    await to_evening(pipeline)
    head = (await rows(database))[0]
    await pipeline.run(happened("e3"), happened("e4", learner=joana))
    assert not (await pipeline.operator.retry(head.id)).done


async def test_a_message_that_was_sent_another_way_is_not_sent_again(database: Database) -> None:
    """What `else:` sent has the claims, so a retry of what it stands in for has nothing left."""
    mail, chat = channel("mail", REFUSED), channel("chat")
    instead = replace(
        action("r", "chat", content=None), name="test:chat (else of test:mail)", content=Lists()
    )
    words = collects(once_per=["learner.email"], otherwise=(instead,))
    pipeline = Pipeline(database, [rule("r", words)], channels(mail, chat))
    await pipeline.run(happened("e1"), happened("e2", learner={"email": "joana@aluna.example"}))
    await to_evening(pipeline)
    head = (await rows(database))[0]
    assert not (await pipeline.operator.retry(head.id)).done


async def test_a_retry_of_what_is_sent_instead_tells_of_all(database: Database) -> None:
    """The claim of the first event is that of what is sent instead: nobody else's."""
    mail, chat = channel("mail", REFUSED), channel("chat", REFUSED)
    instead = replace(
        action("r", "chat", content=None), name="test:chat (else of test:mail)", content=Lists()
    )
    words = collects(once_per=["learner.email"], otherwise=(instead,))
    pipeline = Pipeline(database, [rule("r", words)], channels(mail, chat))
    joana, bia = {"email": "joana@aluna.example"}, {"email": "bia@aluna.example"}
    await pipeline.run(happened("e1"), happened("e2", learner=joana), happened("e3", learner=bia))
    await to_evening(pipeline)
    heir = (await rows(database))[-1]
    assert (heir.action, heir.state) == (instead.name, State.DEAD)
    await pipeline.run(happened("e4", learner=bia))
    assert (await pipeline.operator.retry(heir.id)).done
    await pipeline.engine.drain()
    assert said(chat.sent) == ["e1 e2 e3", "e1 e2"]


async def test_a_message_that_is_discarded_releases_the_claims_of_all(database: Database) -> None:
    """A person gave it up."""
    mail = channel("mail", REFUSED)
    pipeline = Pipeline(database, [rule("r", collects(once_per=["learner.email"]))], channels(mail))
    await pipeline.run(happened("e1"), happened("e2", learner={"email": "joana@aluna.example"}))
    await to_evening(pipeline)
    first, second = await rows(database)
    assert (await pipeline.operator.discard(first.id, "not wanted")).done
    told = await pipeline.operator.discard(first.id, "not wanted")
    assert (told.done, told.sentence) == (False, f"delivery {first.id} is discarded already")
    claim = await database.read(lambda c: memory.claim_of(c, second.id))
    assert claim is not None
    assert claim.state == "released"


async def test_a_claim_stays_with_an_item_while_its_message_may_be_sent(database: Database) -> None:
    """A person may let it go once the message is out, or given up."""
    mail = channel("mail", DOWN, waits=(3600,))
    pipeline = Pipeline(database, [rule("r", collects(once_per=["learner.email"]))], channels(mail))
    await pipeline.run(happened("e1"), happened("e2", learner={"email": "joana@aluna.example"}))
    await to_evening(pipeline)
    second = (await rows(database))[1]
    assert not (await release_claim(pipeline.node, second.id)).done
    pipeline.clock.advance(hours=1)
    await pipeline.engine.drain()
    assert (await release_claim(pipeline.node, second.id)).done


async def test_a_renamed_rule_collects_on(database: Database) -> None:
    """What waits under the old name and what comes under the new one go out together."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", collects())], channels(mail))
    await pipeline.run(happened("e1"))
    renamed = replace(collects(), rule="new", rule_was=("r",))
    again = pipeline.restarted(rules=[replace(rule("new", renamed), was=("r",))])
    await again.run(happened("e2"))
    await to_evening(again)
    assert said(mail.sent) == ["e1 e2"]


async def test_a_limit_counts_what_is_collected(database: Database) -> None:
    """So that nobody is told of twice in one message."""
    mail = channel("mail")
    limit = Limit(1, DAY, ("learner.email",))
    pipeline = Pipeline(database, [rule("r", collects(limit=limit))], channels(mail))
    await pipeline.run(happened("e1"), happened("e2"))
    await pipeline.run(happened("e3", learner={"email": "joana@aluna.example"}))
    await to_evening(pipeline)
    assert said(mail.sent) == ["e1 e3"]


async def test_what_is_sent_instead_tells_of_the_same(database: Database) -> None:
    """It has the items and their claims."""
    mail, chat = channel("mail", REFUSED), channel("chat")
    instead = replace(
        action("r", "chat", content=None), name="test:chat (else of test:mail)", content=Lists()
    )
    words = collects(once_per=["learner.email"], otherwise=(instead,))
    pipeline = Pipeline(database, [rule("r", words)], channels(mail, chat))
    await pipeline.run(happened("e1"), happened("e2", learner={"email": "joana@aluna.example"}))
    await to_evening(pipeline)
    assert said(mail.sent) == said(chat.sent) == ["e1 e2"]
    second = (await rows(database))[1]
    claim = await database.read(lambda c: memory.claim_of(c, second.id))
    assert claim is not None
    assert claim.state == "confirmed"


async def test_in_shadow_mode_it_is_made_in_the_evening_and_not_sent(database: Database) -> None:
    """What it would have said is shown."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", collects(shadow=True))], channels(mail))
    await pipeline.run(happened("e1"), happened("e2"))
    await to_evening(pipeline)
    assert mail.sent == []
    assert await states(database) == [State.WITHHELD, State.MERGED]
    first = (await rows(database))[0]
    found = await database.read(lambda c: details.show_delivery(c, first.id))
    assert isinstance(found, DeliveryDetails)
    assert found.payload is not None
    assert json.loads(found.payload.body)["text"] == "e1 e2"


async def test_a_person_who_will_not_wait_sends_what_is_there(database: Database) -> None:
    """What comes after that is told in the evening."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", collects())], channels(mail))
    await pipeline.run(happened("e1"), happened("e2"))
    second = (await rows(database))[1]
    assert (await pipeline.operator.retry(second.id)).done
    await pipeline.engine.drain()
    assert said(mail.sent) == ["e1 e2"]
    await pipeline.run(happened("e3"))
    await to_evening(pipeline)
    assert said(mail.sent) == ["e1 e2", "e3"]
    (told,) = [await pipeline.operator.retry((await rows(database))[0].id)]
    assert "went into another delivery" in told.sentence


async def test_one_item_can_be_left_out_by_a_person(database: Database) -> None:
    """A waiting item is discarded like any other delivery."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", collects())], channels(mail))
    await pipeline.run(happened("e1"), happened("e2"))
    assert (await pipeline.operator.discard((await rows(database))[0].id, "not this one")).done
    await to_evening(pipeline)
    assert said(mail.sent) == ["e2"]


async def test_a_condition_chooses_what_is_collected(database: Database) -> None:
    """An action's own `if:`."""
    mail = channel("mail")
    words = replace(collects(), condition=Compiled("is false"))
    pipeline = Pipeline(database, [rule("r", words)], channels(mail))
    await pipeline.run(happened("e1"))
    assert await rows(database) == []


async def test_a_clock_that_is_put_back_sends_no_second_one(database: Database) -> None:
    """What arrives in the hour that comes twice joins the next digest."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", collects())], channels(mail))
    await pipeline.run(happened("e1"))
    await to_evening(pipeline)
    back = pipeline.restarted(clock=FakeClock(EVENING - timedelta(hours=1)))
    await back.run(happened("e2"))
    back.clock.advance(hours=2)
    await back.engine.drain()
    assert said(mail.sent) == ["e1"]
    assert [row.due_at for row in await rows(database)] == [EVENING, EVENING + DAY]


async def test_a_message_is_bounded_and_says_how_many_there_were(database: Database) -> None:
    """The newest are told of."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", collects())], channels(mail))
    many = gather.MOST_ITEMS + 20
    for number in range(many):
        await pipeline.receive(happened(f"e{number}", START + timedelta(seconds=number)))
    await pipeline.engine.drain()
    await to_evening(pipeline)
    ((_, body),) = mail.sent
    told = json.loads(body)
    assert told["count"] == many
    assert told["text"].split() == [f"e{number}" for number in range(20, many)]
    assert told["newest"] == f"e{many - 1}"
