"""Plain actions, whose deliveries are planned in fewer steps than those of all others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, time, timedelta

import pytest
from msgspec.structs import replace

from bridge.core.conditions import NOTHING
from bridge.core.digests import Digest
from bridge.core.events import Event, Facts
from bridge.core.index import Index
from bridge.core.messages import Payload
from bridge.core.quiet_hours import Hours, QuietHours
from bridge.core.rates import Rate
from bridge.core.routing import Plan, Router
from bridge.core.rules import Action, After, Limit, Thread, Unless, is_plain
from bridge.pipeline.plan import Planner, Settle
from bridge.store.database import Database
from bridge.store.deliveries import NewDelivery
from bridge.store.entries import Entry
from tests.pipeline.test_direct import working
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule

DAY = timedelta(days=1)
NOT_PLAIN: Mapping[str, object] = {
    "once_per": ("learner.email",),
    "expires": DAY,
    "delay": DAY,
    "quiet_hours": QuietHours(Hours(time(22), time(8)), UTC),
    "unless": Unless(("module.completed",), NOTHING, ("learner.email",)),
    "limit": Limit(1, DAY),
    "thread": Thread(by=("learner.email",), zone=UTC),
    "digest": Digest(time(8), UTC),
    "shadow": True,
    "laborious": True,
}
"""What makes an action anything but plain."""
OF_THE_MESSAGE = {"rule", "name", "channel", "content", "settings", "unmade", "conversation", "purpose"}
"""What says how a message is made and where it goes."""
OF_OTHER_MOMENTS = {"condition", "otherwise", "was", "rule_was"}
"""What is asked before an action is wanted, or when its delivery has died, or its names change."""


def test_every_word_of_an_action_is_plain_or_not() -> None:
    """A new word must not be passed over where nothing is asked."""
    assert set(Action.__struct_fields__) == {*NOT_PLAIN, *OF_THE_MESSAGE, *OF_OTHER_MOMENTS}


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_what_has_to_be_asked_is_not_plain(name: str) -> None:
    """A claim, a count, a time to wait for, or anything else that decides."""
    plain = action("r", "wins")
    assert is_plain(rule("r"), plain)
    assert not is_plain(rule("r"), replace(plain, **{name: NOT_PLAIN[name]}))


@pytest.mark.parametrize("changes", [{"after": After(2)}, {"pause_above": Rate(1, DAY)}], ids=str)
def test_a_rule_that_counts_has_no_plain_actions(changes: dict[str, object]) -> None:
    """What it leads to is not known before it is stored."""
    assert not is_plain(replace(rule("r"), **changes), action("r", "wins"))


class Unplain(Router):
    """A router that calls no action plain."""

    def plan_among(self, indexes: Sequence[Index], facts: Facts) -> Plan:
        plan = super().plan_among(indexes, facts)
        return replace(plan, wanted=tuple(replace(each, plain=False) for each in plan.wanted))


@pytest.mark.parametrize("learner", [None, {"id": "7", "name": "Rui"}, {"email": "Rui@aluna.example"}])
async def test_a_plain_action_comes_to_the_same_in_fewer_steps(
    database: Database, learner: dict[str, str] | None
) -> None:
    """The short way leaves out only what has nothing to say."""
    wins = ScriptedChannel("wins")
    pipeline = Pipeline(database, [rule("r", action("r", "wins"), action("r", "gone"))], channels(wins))
    async with working(pipeline):
        short, long = (planned(pipeline, router, completion(learner=learner)) for router in (Router, Unplain))
    assert comparable(short) == comparable(long)
    assert [payload is None for _, payload in comparable(short)] == [False, True]


def comparable(plan: Settle) -> list[tuple[NewDelivery, Payload | None]]:
    """Return what is planned, but for the names of leases."""
    assert all(each.is_plain for each in plan.planned)
    return [(each.delivery, each.offer.payload if each.offer else None) for each in plan.planned]


def planned(pipeline: Pipeline, router: type[Router], said: object) -> Settle:
    outlets, node = pipeline.engine._outlets, pipeline.node
    planner = Planner(node, {"eduzz": pipeline.source}, router(pipeline.rules), outlets)
    body = json.dumps(said).encode()
    now = node.clock.now()
    entry = Entry(source="eduzz", key=b"k" * 16, delivery_key="k", headers={}, body=body, received_at=now)
    events = planner.read(entry)
    assert isinstance(events, tuple)
    return planner.plan(entry, events, now)


class Unread(Event, frozen=True, kw_only=True):
    """An event whose facts nobody may ask for."""

    def facts(self) -> dict[str, object]:
        raise AssertionError


@pytest.mark.parametrize(("on", "read"), [("lesson.completed", False), ("*", True)])
async def test_an_event_that_no_rule_names_is_not_looked_at(
    database: Database, on: str, *, read: bool
) -> None:
    """Platforms send all they have, and most of it is nobody's concern."""
    wins = ScriptedChannel("wins")
    pipeline = Pipeline(database, [rule("r", action("r", "wins"), on=on)], channels(wins))
    planner = Planner(pipeline.node, {}, Router(pipeline.rules), pipeline.engine._outlets)
    now = pipeline.node.clock.now()
    entry = Entry(source="eduzz", key=b"k" * 16, delivery_key="k", headers={}, body=b"", received_at=now)
    event = Unread(type="t", kind="module.completed", id="e1", source="eduzz", occurred_at=now)
    with pytest.raises(AssertionError) if read else nullcontext():
        assert planner.plan(entry, [event], now).summary == {"matched": []}
