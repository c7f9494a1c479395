"""Which rules an event meets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from bridge.core.conditions import NOTHING, compile_when
from bridge.core.events import Event, Facts, Person
from bridge.core.messages import RenderFailure
from bridge.core.routing import Router
from bridge.core.rules import Action, PredicateFailed, Rule


class Silent:
    """Content that renders nothing."""

    def render(self, facts: Facts) -> Mapping[str, object] | RenderFailure:
        return {}


class Says:
    """A predicate with a fixed answer, or a failure."""

    def __init__(self, answer: bool | None) -> None:
        self.source = f"{answer}"
        self._answer = answer

    def holds(self, facts: Facts) -> bool:
        if self._answer is None:
            raise PredicateFailed("no idea")
        return self._answer


EVENT = Event(
    type="nutror.module_completed",
    kind="module.completed",
    id="e1",
    source="eduzz",
    occurred_at=datetime(2026, 5, 1, tzinfo=UTC),
    learner=Person(email="maria@aluna.example"),
    data={"course": {"hash": "abc"}},
)


def rule(
    name: str, *on: str, when: object = None, condition: Says | None = None, action: Says | None = None
) -> Rule:
    compiled = NOTHING if when is None else compile_when(when, ())[0]
    actions = (Action(rule=name, name="slack:wins", channel="wins", content=Silent(), condition=action),)
    return Rule(name=name, on=on, when=compiled, condition=condition, actions=actions)


def matched(*rules: Rule) -> tuple[str, ...]:
    return Router(rules).plan(EVENT, EVENT.facts()).matched


@pytest.mark.parametrize(
    ("on", "matches"),
    [
        ("nutror.module_completed", True),
        ("module.completed", True),
        ("nutror.*", True),
        ("*.completed", True),
        ("*", True),
        ("nutror.lesson_watched", False),
        ("alpaclass.*", False),
        ("Module.Completed", False),
    ],
)
def test_on_names_a_type_a_kind_or_a_glob(on: str, matches: bool) -> None:
    """Each form finds the event by its own name, exactly."""
    assert bool(matched(rule("r", on))) is matches


def test_every_matching_rule_runs_once_in_the_order_of_the_file() -> None:
    """A rule that names an event twice is still one rule."""
    rules = rule("b", "nutror.*", "module.completed"), rule("a", "module.completed"), rule("c", "x.y")
    assert matched(*rules) == ("b", "a")


def test_when_and_if_must_both_hold() -> None:
    """A false `if` or an unmet `when` leaves the rule out."""
    assert matched(rule("r", "*", when={"data.course.hash": "abc"}, condition=Says(True))) == ("r",)
    assert matched(rule("r", "*", when={"data.course.hash": "x"}, condition=Says(True))) == ()
    assert matched(rule("r", "*", when={"data.course.hash": "abc"}, condition=Says(False))) == ()


def test_an_if_that_fails_leaves_its_rule_out_visibly() -> None:
    """A broken expression is reported beside the plan and does not stop the other rules."""
    plan = Router([rule("bad", "*", condition=Says(None)), rule("good", "*")]).plan(EVENT, EVENT.facts())
    assert plan.matched == ("good",)
    assert [(failure.rule, failure.why) for failure in plan.failed] == [("bad", "no idea")]


def test_an_action_with_its_own_if_is_left_out_alone() -> None:
    """The rule still counts as matched."""
    plan = Router([rule("r", "*", action=Says(False))]).plan(EVENT, EVENT.facts())
    assert (plan.matched, plan.wanted) == (("r",), ())


def test_explanations_start_with_the_rules_that_matched_then_the_nearest() -> None:
    """The likely intended rule comes first."""
    rules = [
        rule("other-event", "x.y"),
        rule("far", "*", when={"data.a": 1, "data.b": 2}),
        rule("near", "*", when={"data.a": 1, "data.course.hash": "abc"}),
        rule("yes", "*"),
    ]
    explained = Router(rules).explain(EVENT, EVENT.facts())
    assert [item.rule for item in explained] == ["yes", "near", "far", "other-event"]
    assert [item.matched for item in explained] == [True, False, False, False]


def test_facts_leave_out_what_is_absent() -> None:
    """Missing parts are absent, not empty."""
    facts = EVENT.facts()
    assert facts["learner"] == {"email": "maria@aluna.example"}
    assert {"course", "module", "sent_at"}.isdisjoint(facts)
