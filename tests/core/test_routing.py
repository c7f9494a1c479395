"""Which rules an event meets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.core import routing
from bridge.core.conditions import NOTHING, compile_when
from bridge.core.events import Event, Facts, Person
from bridge.core.findings import Evaluated, Finding, misses
from bridge.core.messages import RenderFailure
from bridge.core.near_paths import Ends
from bridge.core.near_texts import Alike, Slip
from bridge.core.routing import (
    NEAREST,
    REMEMBERED_NAMES,
    ActionExplained,
    Failed,
    Plan,
    Router,
    RuleExplained,
    is_glob,
    is_named,
)
from bridge.core.rules import Action, PredicateFailed, Rule


class Silent:
    """Content that renders nothing."""

    def render(self, facts: Facts) -> Mapping[str, object] | RenderFailure:
        return {}


class Says:
    """A predicate with a fixed answer, or a failure."""

    def __init__(self, answer: bool | None) -> None:
        self.source = f"{answer}"
        self.paths = ("data.course.hash",)
        self._answer = answer

    def holds(self, facts: Facts) -> bool:
        assert facts == EVENT.facts()
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
ON = Finding("on", "*", ("nutror.module_completed", "module.completed"), matched=True)


def rule(
    name: str, *on: str, when: object = None, condition: Says | None = None, action: Says | None = None
) -> Rule:
    compiled = NOTHING if when is None else compile_when(when, ())[0]
    actions = (Action(rule=name, name="slack:wins", channel="wins", content=Silent(), condition=action),)
    return Rule(name=name, on=on, when=compiled, condition=condition, actions=actions)


def plan(*rules: Rule, event: Event = EVENT) -> Plan:
    return Router(rules).plan(event, event.facts())


def explain(*rules: Rule) -> tuple[RuleExplained, ...]:
    return routing.explain(rules, EVENT, EVENT.facts())


@pytest.mark.parametrize(
    ("on", "matches"),
    [
        ("nutror.module_completed", True),
        ("module.completed", True),
        ("nutror.*", True),
        ("*.completed", True),
        ("*", True),
        ("[mn]*.?*completed", True),
        ("nutror.module_complete?", True),
        ("nutror.lesson_watched", False),
        ("alpaclass.*", False),
        ("Module.Completed", False),
        ("NUTROR.*", False),
        ("nutror", False),
        ("utror.*", False),
    ],
)
def test_on_names_a_type_a_kind_or_a_glob(on: str, matches: bool) -> None:
    """Each form finds the event by its own name, exactly."""
    assert bool(plan(rule("r", on)).matched) is matches
    assert is_named(on, EVENT.type, EVENT.kind) is matches


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nutror.*", True),
        ("a?b", True),
        ("X", False),
        ("[ab].c", True),
        ("a]b", False),
        ("module.completed", False),
    ],
)
def test_a_glob_is_told_by_its_marks(name: str, expected: bool) -> None:
    """A closing bracket alone is none."""
    assert is_glob(name) is expected


def test_every_matching_rule_runs_once_in_the_order_of_the_file() -> None:
    """A rule that names an event twice is still one rule, and rules filed apart keep their order."""
    rules = [
        rule("b", "nutror.*", "module.completed", when={"data.course.hash": "abc"}),
        rule("a", "module.completed"),
        rule("c", "x.y"),
        rule("d", "nutror.*", "module.completed"),
        rule("e", "*", when={"data.course.hash": {"prefix": "a"}}),
    ]
    assert plan(*rules).matched == ("b", "a", "d", "e")
    assert [(each.rule.name, each.action.name) for each in plan(*rules).wanted] == [
        (name, "slack:wins") for name in "bade"
    ]


def test_a_router_keeps_its_rules() -> None:
    """As they were given."""
    rules = [rule("a", "*"), rule("b", "*")]
    assert Router(rules).rules == tuple(rules)
    assert plan().matched == ()


def test_events_of_the_same_name_are_judged_each_for_itself() -> None:
    """What is remembered of a name is the rules, never a verdict."""
    router = Router([rule("r", "nutror.*", when={"data.course.hash": "abc"}), rule("s", "lesson.completed")])
    other = replace(EVENT, data={"course": {"hash": "x"}})
    lesson = replace(EVENT, kind="lesson.completed")
    router.plan(EVENT, EVENT.facts())
    (remembered,) = router.remembered.values()
    for _ in range(2):
        assert router.plan(EVENT, EVENT.facts()).matched == ("r",)
        assert router.remembered[EVENT.type, EVENT.kind] is remembered is not None
        assert router.plan(other, other.facts()).matched == ()
        assert router.plan(lesson, lesson.facts()).matched == ("r", "s")


def test_made_up_names_do_not_fill_the_memory() -> None:
    """A sender of events with ever new names is served, and the rules still found."""
    router = Router([rule("r", "*.completed"), rule("s", "made.up_1500")])
    names = [f"made.up_{number}" for number in range(REMEMBERED_NAMES + 600)]
    matched = [
        router.plan(event, event.facts()).matched
        for event in (replace(EVENT, type=name, kind=name) for name in [*names, *names])
    ]
    assert [names[place % len(names)] for place, found in enumerate(matched) if found] == ["made.up_1500"] * 2
    assert router.plan(EVENT, EVENT.facts()).matched == ("r",)
    assert len(router.remembered) == REMEMBERED_NAMES


def test_when_and_if_must_both_hold() -> None:
    """A false `if` or an unmet `when` leaves the rule out."""
    assert plan(rule("r", "*", when={"data.course.hash": "abc"}, condition=Says(True))).matched == ("r",)
    assert plan(rule("r", "*", when={"data.course.hash": "x"}, condition=Says(True))).matched == ()
    assert plan(rule("r", "*", when={"data.course.hash": "abc"}, condition=Says(False))).matched == ()


def test_an_if_is_not_asked_where_when_does_not_hold() -> None:
    """So it may count on what `when` made sure of, and fails on no other event."""
    assert plan(rule("r", "*", when={"data.course.hash": "x"}, condition=Says(None))).failed == ()


def test_an_if_that_fails_leaves_its_rule_out_visibly() -> None:
    """A broken expression is reported beside the plan and does not stop the other rules."""
    made = plan(rule("bad", "*", condition=Says(None)), rule("good", "*"))
    assert made.matched == ("good",)
    assert made.failed == (Failed("bad", None, "no idea"),)


def test_an_action_with_its_own_if_is_left_out_alone() -> None:
    """The rule still counts as matched, and so do its other actions."""
    made = plan(rule("r", "*", action=Says(False)), rule("s", "*", action=Says(True)))
    assert made.matched == ("r", "s")
    assert [each.rule.name for each in made.wanted] == ["s"]
    assert made.failed == ()


def test_an_action_whose_if_fails_is_left_out_visibly() -> None:
    """With the action's name, since the rule itself runs."""
    made = plan(rule("r", "*", action=Says(None)))
    assert (made.matched, made.wanted) == (("r",), ())
    assert made.failed == (Failed("r", "slack:wins", "no idea"),)


def test_explanations_start_with_the_rules_that_matched_then_the_nearest() -> None:
    """The likely intended rule comes first; one for other events last, however little it misses."""
    rules = [
        rule("other-event", "x.y"),
        rule("other-event-that-fits", "x.y", when={"data.course.hash": "abc"}),
        rule("far", "*", when={"data.a": 1, "data.b": 2, "data.c": 3}),
        rule("elsewhere", "*", when={"data.a": 1, "data.course.hash": "abc"}),
        rule("slip", "*", when={"data.course.hash": {"prefix": "AB"}}),
        rule("if", "*", when={"data.course.hash": "abc"}, condition=Says(False)),
        rule("yes", "*"),
    ]
    expected = ["yes", "slip", "elsewhere", "if", "far", "other-event-that-fits", "other-event"]
    assert [item.rule for item in explain(*rules)] == expected
    assert [item.matched for item in explain(*rules)] == [True] + [False] * 6


def test_the_nearer_of_two_misses_comes_first() -> None:
    """However little nearer it is, and whatever the rules are called."""
    rules = [
        rule("a-elsewhere-in-the-text", "*", when={"data.course.hash": {"suffix": "ab"}}),
        rule("b-but-for-the-case", "*", when={"data.course.hash": {"prefix": "AB"}}),
    ]
    assert [item.rule[0] for item in explain(*rules)] == ["b", "a"]


@pytest.mark.parametrize(("on", "when"), [("*", {"data.course.hash": "ABC"}), ("module.complete", None)])
def test_only_of_the_first_misses_it_is_told_how_near_they_came(on: str, when: object) -> None:
    """Finding that out costs most, and nobody reads about more: of the others, wanted and found are told."""
    told = explain(*(rule(f"r{n:04}", on, when=when) for n in range(NEAREST + 2)))
    nears = [each.near for item in told for each in item.findings[-1:] if isinstance(each, Finding)]
    assert None not in nears[:NEAREST]
    assert nears[NEAREST:] == [None, None]


def test_an_on_that_names_the_event_nearly_missed_nothing() -> None:
    """Also where another name beside it is a slip, and a condition further down does not hold."""
    (item,) = explain(rule("r", "module.completed", "Module.Completed", when={"data.a": 1}))
    assert item.findings[0] == replace(ON, wanted="module.completed or Module.Completed")


def test_an_event_whose_type_is_its_kind_is_named_once() -> None:
    """As events of sources without kinds of their own are."""
    event = replace(EVENT, type="module.completed")
    (item,) = routing.explain([rule("r", "*")], event, event.facts())
    assert item.findings == (replace(ON, found=("module.completed",)),)


LINES: Mapping[str, list[object]] = {
    "data.course.hash": ["abc", "abd", "ABC", {"prefix": "ab"}, {"exists": False}],
    "data.a": [1, {"exists": False}],
    "learner.email": ["maria@aluna.example", "maria@aluno.example", {"suffix": "@x"}],
    "occurred_at": [{"lt": "2026-05-01"}, {"gt": "2026-01-01"}],
}
WHENS = st.fixed_dictionaries({}, optional={path: st.sampled_from(tests) for path, tests in LINES.items()})


@given(whens=st.lists(st.tuples(WHENS, st.booleans()), max_size=6), rotated=st.integers(0, 5))
def test_the_order_of_explanations_follows_the_misses_alone(
    whens: list[tuple[dict[str, object], bool]], rotated: int
) -> None:
    """Fewer misses never come after more, and the order of the file means nothing."""
    rules = [rule(f"r{n}", "*" if named else "x.y", when=when) for n, (when, named) in enumerate(whens)]
    told = explain(*rules)
    assert told == explain(*rules[rotated:], *rules[:rotated])
    ranks = [(not each.matched, not each.named, misses(each.findings)) for each in told]
    assert ranks == sorted(ranks)


def test_an_explanation_tells_every_line_of_a_rule() -> None:
    """What it is for and each condition; its `if` is asked only where all of them hold, as when it runs."""
    when = {"data.course.hash": "abc", "data.a": 1}
    (item,) = explain(rule("r", "*", when=when, condition=Says(None)))
    assert item == RuleExplained(
        "r",
        matched=False,
        findings=(
            ON,
            Finding("data.course.hash", "abc", ("abc",), matched=True),
            Finding("data.a", "1", None, False, Ends("data", "a", "an object", ("course",))),
        ),
    )


def test_a_rule_for_other_events_has_only_that_to_tell() -> None:
    """Its conditions are about events it is not for, unless they are all that is left."""
    (item,) = explain(rule("r", "x.y", "z.*", when={"data.a": 1}, condition=Says(None)))
    on = Finding("on", "x.y or z.*", ("nutror.module_completed", "module.completed"), matched=False)
    assert item == RuleExplained("r", matched=False, findings=(on,))
    (item,) = explain(rule("r", "x.y", "z.*", when={"data.course.hash": "abc"}))
    assert item == RuleExplained("r", matched=False, findings=(on,), fits=True)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Module.Completed", Alike("case", "Module.Completed", "ignore_case")),
        ("module.complete", Slip("module.complete", "module.completed", 1, 16)),
        ("module.uncompleted", None),
        ("lesson.completed", None),
        ("modul?.complete", None),
    ],
)
def test_a_slip_under_on_is_told(name: str, near: Alike | Slip | None) -> None:
    """But another event of almost the same name is no slip."""
    (item,) = explain(rule("r", name))
    (on,) = item.findings
    assert isinstance(on, Finding)
    assert on.near == near


@pytest.mark.parametrize("answer", [True, False, None])
def test_an_if_is_explained_by_what_it_came_to(answer: bool | None) -> None:
    """With the values it looked at; of a rule, whose actions follow if it matches, and of an action."""
    failed = "no idea" if answer is None else None
    evaluated = Evaluated(f"{answer}", answer, failed, (("data.course.hash", ("abc",)),))
    (item,) = explain(rule("r", "*", condition=Says(answer)))
    assert item.findings == (ON, evaluated)
    assert item.matched is (answer is True)
    assert item.actions == ((ActionExplained("slack:wins", "wins", wanted=True),) if item.matched else ())
    (item,) = explain(rule("r", "*", action=Says(answer)))
    assert item.matched
    assert item.actions == (ActionExplained("slack:wins", "wins", answer is True, evaluated),)


def test_facts_leave_out_what_is_absent() -> None:
    """Missing parts are absent, not empty."""
    facts = EVENT.facts()
    assert facts["learner"] == {"email": "maria@aluna.example"}
    assert {"course", "module", "sent_at"}.isdisjoint(facts)
