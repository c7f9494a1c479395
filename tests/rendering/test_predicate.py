"""`if:`, one expression."""

from __future__ import annotations

import pytest

from bridge.core.rules import PredicateFailed
from tests.rendering.conftest import NOW, Bench

FACTS = {
    "occurred_at": NOW,
    "learner": {"name": "Maria"},
    "data": {"n": 5, "zero": 0, "empty": [], "null": None, "flag": "false", "l": [1]},
}


@pytest.mark.parametrize(
    ("source", "holds"),
    [
        ("{{ occurred_at.hour < 23 }}", True),
        ("{{ occurred_at.hour == 14 }}", True),  # in São Paulo, where it is configured
        ("occurred_at.hour > 14", False),
        ("  data.n > 3 and learner.name is defined  ", True),
        ("data.missing is defined", False),
        ("data.missing | default(true)", True),
        ("data.n", True),
        ("data.zero", False),
        ("data.empty", False),
        ("data.null", False),
        ("data.l | select('gt', 1)", False),
        ("data", True),
        ("'Mar' in learner.name", True),
        ("{'a': 1}['a'] == 1", True),
    ],
)
def test_an_expression_holds_or_does_not(bench: Bench, source: str, holds: bool) -> None:
    """With or without braces; times are local; numbers and lists as people expect."""
    predicate, problems = bench.renderer.predicate(source)
    assert problems == []
    assert predicate is not None
    assert predicate.source == source
    assert predicate.holds(FACTS) is holds


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            "data.missing > 1",
            "'data.missing' is absent in this event; write `| default(...)`, or ask `is defined` first",
        ),
        (
            "module.title == 'x'",
            "'module.title' is absent in this event; write `| default(...)`, or ask `is defined` first",
        ),
        (
            "data.missing",
            "'data.missing' is absent in this event; write `| default(...)`, or ask `is defined` first",
        ),
        ("data.flag", "gives text, which is neither true nor false; compare it with something"),
        (
            "data.n > learner.name",
            "gives a filter, a test, a comparison or a macro values it cannot work with",
        ),
    ],
)
def test_what_cannot_be_decided_fails_in_words(bench: Bench, source: str, why: str) -> None:
    """An absent name is not false: the rule's author must say what it means."""
    predicate, _ = bench.renderer.predicate(source)
    assert predicate is not None
    with pytest.raises(PredicateFailed) as failed:
        predicate.holds(FACTS)
    assert str(failed.value) == why


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("{{ lerner.name == 1 }}", "no event has 'lerner', did you mean 'learner'?"),
        ("occurred_at.hour <", "'}}' stands where a value should"),
        ("{{ data.a }} and {{ data.b }}", "is not one expression, such as '{{ occurred_at.hour < 23 }}'"),
        ("{% if data.a %}1{% endif %}", "is not one expression, such as '{{ occurred_at.hour < 23 }}'"),
        ("", "a value is missing before '}}'"),
    ],
)
def test_what_is_no_expression_is_told_at_load(bench: Bench, source: str, sentence: str) -> None:
    """Mistakes are found before any event."""
    predicate, problems = bench.renderer.predicate(source)
    assert predicate is None
    assert [problem.sentence for problem in problems] == [sentence]
