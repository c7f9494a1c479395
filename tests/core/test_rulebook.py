"""Rules as they are kept with the events: the same rules again, and no secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.core.conditions import NOTHING, Condition, compile_when
from bridge.core.digests import Digest
from bridge.core.events import Facts
from bridge.core.findings import findings_of
from bridge.core.messages import RenderFailure
from bridge.core.quiet_hours import Hours, QuietHours
from bridge.core.rulebook import Uncompiled, read_book, write_book, zone_of
from bridge.core.rules import Action, After, Limit, PredicateFailed, Rule, Unless
from bridge.core.suppressions import Purpose
from bridge.core.when_text import when_of

ZONE = ZoneInfo("America/Sao_Paulo")
NIGHT = QuietHours(Hours(time(21), time(8)), ZONE)
EVENT = ("nutror.module_completed", "module.completed")
WHENS: list[dict[str, object]] = [
    {"data.a": "x"},
    {"data.a": 3253, "data.b": [1, "1", 1.5, None, True]},
    {"data.a": {"prefix": "P"}, "data.b": {"prefix": ["P", "Q"], "suffix": "n", "contains": ["a", "b"]}},
    {"data.a": {"glob": ["x*", "y*"]}, "data.b": {"regex": ["^x", "y$"]}},
    {"data.a": {"ignore_case": "x"}, "data.b": {"ignore_case": ["x", "Módulo"]}},
    {"data.a": {"ignore_case": {"prefix": "x"}}, "data.b": {"ignore_case": {"glob": ["x*", "y"]}}},
    {"data.a": {"lt": 5, "gte": "1.50"}, "data.b": {"between": ["2026-01-01", "2026-02-01"]}},
    {"data.a": {"between": [1, 2.5]}, "occurred_at": {"lt": "2026-01-01T12:00:00"}},
    {"data.a": {"null": True}, "data.b": {"exists": False}, "data.c": {"not": {"exists": False}}},
    {"data.a": {"not": ["x", "y"]}, "data.b": {"not": {"prefix": "x", "not": {"suffix": "y"}}}},
    {"data.a": {"prefix": "x", "not": "xy", "any": ["x", {"gt": 5}], "all": [{"lt": 9}, {"exists": True}]}},
    {"data.a[].b": "x", "data.c[0][1].d": {"any": ["x"]}},
    {"any": [{"data.a": 1, "data.b": 2}, {"all": [{"data.c": 3}, {"any": [{"data.d": 4}]}]}]},
    {
        "all": [{"data.a": 1}, {"data.a": {"gt": 0}}],
        "any": [{"data.b": 1}],
        "data.c": {"any": [1, {"lt": 0}]},
    },
]


def compiled(when: object) -> Condition:
    condition, problems = compile_when(when, (), ZONE)
    assert problems == []
    return condition


AFTER = After(5, "module.id", ("learner.email",), timedelta(days=30))
DIGEST = Digest(time(18), ZONE, "week", "friday", ("producer.email",))
LIMIT = Limit(2, timedelta(days=1), ("learner.email",))
UNLESS = Unless(("lesson.completed",), compiled({"data.a": {"prefix": "x"}}), ("learner.email", "course.id"))


class Silent:
    def render(self, facts: Facts) -> Mapping[str, object] | RenderFailure:
        return {}


class If:
    paths = ()

    def __init__(self, source: str) -> None:
        self.source = source

    def holds(self, facts: Facts) -> bool:
        return True


def rule(name: str, when: object = None, on: str = "module.completed") -> Rule:
    action = Action(
        rule=name,
        name="slack:wins",
        channel="wins",
        content=Silent(),
        condition=If("{{ 2 > 1 }}"),
        once_per=("learner.email",),
        expires=timedelta(hours=48),
        delay=timedelta(hours=1),
        quiet_hours=NIGHT,
        unless=UNLESS,
        shadow=True,
        limit=LIMIT,
        purpose=Purpose.NUDGE,
    )
    condition = NOTHING if when is None else compiled(when)
    return Rule(
        name=name, on=(on,), when=condition, condition=If("{{ 1 < 2 }}"), after=AFTER, actions=(action,)
    )


def plain(text: str) -> str:
    return text


@pytest.mark.parametrize("when", WHENS, ids=str)
def test_a_condition_is_written_as_it_can_be_read_again(when: dict[str, object]) -> None:
    """It asks the same of the same paths, whatever the shape it was written in."""
    written = when_of(compiled(when))
    again = compiled(json.loads(json.dumps(written)))
    assert when_of(again) == written
    assert findings_of(again, {}) == findings_of(compiled(when), {})


VALUES = st.sampled_from([None, True, 0, 1, 3253, 4.5, "x", "xy", "Módulo", "2026-01-15", "1.50"])


@given(when=st.sampled_from(WHENS), data=st.dictionaries(st.sampled_from("abcd"), VALUES | st.lists(VALUES)))
def test_a_condition_read_again_decides_the_same(when: dict[str, object], data: dict[str, object]) -> None:
    condition = compiled(when)
    facts = {"data": data}
    assert findings_of(compiled(when_of(condition)), facts) == findings_of(condition, facts)


def test_a_rule_without_conditions_is_written_without() -> None:
    assert when_of(NOTHING) is None


def test_rules_are_the_same_again() -> None:
    """Names, conditions and actions; what messages say is with their deliveries."""
    book = write_book([rule("b", {"data.a": "x"}), rule("a")], ZONE, plain)
    assert zone_of(book) == "America/Sao_Paulo"
    read = read_book(book, ZONE, If, [EVENT])
    first, second = read.rules
    assert (first.name, first.when, second.name, second.on) == ("a", NOTHING, "b", ("module.completed",))
    assert second.when == compiled({"data.a": "x"})
    assert second.condition is not None
    assert second.condition.source == "{{ 1 < 2 }}"
    assert second.after == AFTER
    (action,) = second.actions
    assert (action.name, action.channel, action.once_per) == ("slack:wins", "wins", ("learner.email",))
    assert (action.rule, action.expires) == ("b", timedelta(hours=48))
    assert (action.delay, action.quiet_hours) == (timedelta(hours=1), NIGHT)
    assert action.unless == UNLESS
    assert action.shadow
    assert action.purpose is Purpose.NUDGE
    assert action.limit == LIMIT
    assert action.digest is None
    assert action.condition is not None
    assert action.condition.source == "{{ 2 > 1 }}"


def test_a_digest_is_the_same_again() -> None:
    """With its day, its time and its zone."""
    (action,) = rule("a").actions
    collects = replace(rule("a"), actions=(replace(action, digest=DIGEST),))
    (read,) = read_book(write_book([collects], ZONE, plain), ZONE, If, [EVENT]).rules
    assert read.actions[0].digest == DIGEST


def test_every_word_of_a_rule_is_kept_or_left_out_on_purpose() -> None:
    """Whoever adds a word to rules writes it into the book, or lists it here as explaining nothing."""
    kept = {"name", "on", "when", "condition", "actions", "channel", "once_per", "expires"}
    kept |= {
        "delay",
        "digest",
        "quiet_hours",
        "unless",
        "shadow",
        "limit",
        "after",
        "purpose",
        "was",
        "rule_was",
    }
    silent = {"pause_above", "rule", "content", "settings", "otherwise", "thread", "unmade", "conversation"}
    silent |= {"laborious"}
    assert {*Rule.__struct_fields__, *Action.__struct_fields__} == kept | silent


def test_the_order_of_the_file_makes_no_other_book() -> None:
    rules = [rule("b"), rule("a", {"data.a": 1})]
    assert write_book(rules, UTC, plain) == write_book(rules[::-1], UTC, plain)
    assert write_book(rules, UTC, plain) != write_book(rules, ZONE, plain)


def test_of_rules_for_other_events_no_expression_is_compiled() -> None:
    """Of many thousand rules most are for other events, and an expression takes long."""
    book = write_book([rule("a", on="lesson.completed")], ZONE, plain)
    (read,) = read_book(book, ZONE, If, [EVENT]).rules
    assert (read.condition, read.actions) == (None, ())


def test_a_rule_that_holds_a_secret_is_kept_by_its_name_alone() -> None:
    """A condition with a hole in it would explain what was never asked."""
    rules = [rule("a", {"data.key": "s3cr3t-value"}), rule("b")]
    book = write_book(rules, ZONE, lambda text: text.replace("s3cr3t-value", "***"))
    assert b"s3cr3t" not in book
    read = read_book(book, ZONE, If, [EVENT])
    assert read.hidden == {"a"}
    assert [(each.name, each.on) for each in read.rules] == [("a", ()), ("b", ("module.completed",))]


def test_an_expression_that_cannot_be_compiled_any_more_says_so() -> None:
    with pytest.raises(PredicateFailed, match="cannot be compiled any more: no filter 'gone'"):
        Uncompiled("{{ 1 | gone }}", "no filter 'gone'").holds({})


def test_a_book_stays_readable() -> None:
    """One that this release wrote is read by every later one."""
    kept = (Path(__file__).parent / "rulebook-1.json").read_bytes().strip()
    assert write_book([rule("parabens", WHENS[10])], ZONE, plain) == kept
    assert read_book(kept, ZONE, If, [EVENT]).rules[0].when == compiled(WHENS[10])
