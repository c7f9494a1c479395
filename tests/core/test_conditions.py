"""Problems of conditions, what they say of an event, and laws they keep."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.conditions import NOTHING, AllOf, At, Condition, compile_when
from bridge.core.events import VOCABULARY
from bridge.core.problems import Problem, describe, dotted

PATH = ("rules", 0, "when")
KNOWN = ", ".join(VOCABULARY)
OPERATORS = "prefix, suffix, contains, glob, regex, ignore_case, lt, lte, gt, gte, between, null, "
OPERATORS += "not, exists, any, all"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
WORDS = st.sampled_from(OPERATORS.split(", "))


def compiled(when: object) -> Condition:
    condition, problems = compile_when(when, PATH)
    assert problems == []
    return condition


@pytest.mark.parametrize(
    ("when", "where", "sentence"),
    [
        (
            {"course.title": {"prefx": "x"}},
            "rules[0].when.course.title.prefx",
            "unknown operator 'prefx', did you mean 'prefix'?",
        ),
        (
            {"data.a": {"within": 5}},
            "rules[0].when.data.a.within",
            f"unknown operator 'within'; known are {OPERATORS}",
        ),
        (
            {"curse.title": "x"},
            "rules[0].when.curse.title",
            "no event has 'curse', did you mean 'course'?",
        ),
        (
            {"learner.mail": "x"},
            "rules[0].when.learner.mail",
            "no event has 'learner.mail', did you mean 'learner.email'?",
        ),
        ({"type.x": "y"}, "rules[0].when.type.x", "'type' is a plain value and has no 'x'"),
        (
            {"data.a": {}},
            "rules[0].when.data.a",
            "expected a value, a list of values or operators, not an empty mapping",
        ),
        (
            {"data.a": {"not": {}}},
            "rules[0].when.data.a.not",
            "expected a value, a list of values or operators, not an empty mapping",
        ),
        (
            {"data.a": {"exists": "sim"}},
            "rules[0].when.data.a.exists",
            "expected true or false, not the text 'sim'",
        ),
        ("x", "rules[0].when", "expected paths with what they must be, not the text 'x'"),
        (None, "rules[0].when", "expected paths with what they must be, not nothing"),
        ({"any": {"data.a": 1}}, "rules[0].when.any", "expected a list of conditions, not a mapping"),
        ({"all": []}, "rules[0].when.all", "expected a list of conditions, not an empty list"),
        (
            {"any": [{"data.a": 1}, {}]},
            "rules[0].when.any[1]",
            "an empty mapping always holds; write a condition or leave it out",
        ),
        ({"all": ["x"]}, "rules[0].when.all[0]", "expected paths with what they must be, not the text 'x'"),
        (
            {"any": [{"all": [{"data.a": {"lt": "x"}}]}]},
            "rules[0].when.any[0].all[0].data.a.lt",
            "expected a number or a date such as 2026-12-31, not the text 'x'",
        ),
        (
            {"data.a": {"any": [1, {"null": 3}]}},
            "rules[0].when.data.a.any[1].null",
            "expected true or false, not the number 3",
        ),
        (
            {"data.a": {"all": {}}},
            "rules[0].when.data.a.all",
            "expected a list of tests, not an empty mapping",
        ),
        ({"data.a": {"any": []}}, "rules[0].when.data.a.any", "expected a list of tests, not an empty list"),
        (
            {"data..a": 1},
            "rules[0].when.data..a",
            "'data..a' is not a path; expected names joined by dots, such as 'data.course.hash'",
        ),
        (
            {"prefix": "x"},
            "rules[0].when.prefix",
            (f"no event has 'prefix'; known are {KNOWN}; 'prefix' is an operator and stands below a path"),
        ),
        (
            {"not": {"data.a": "x"}},
            "rules[0].when.not",
            f"no event has 'not'; known are {KNOWN}; 'not' is an operator and stands below a path",
        ),
        *(
            (
                {"occurred_at": test},
                "rules[0].when.occurred_at",
                (
                    "'occurred_at' is a time; compare it with lt, lte, gt, gte or between, "
                    "such as {gte: 2026-12-31}"
                ),
            )
            for test in (
                "2026-05-04",
                {"prefix": "2026"},
                {"gt": 5},
                {"between": [1, 2]},
                {"not": {"contains": "05"}},
                {"any": [{"lt": "2026-01-01"}, "x"]},
                {"lt": "2026-01-01", "regex": "x"},
            )
        ),
    ],
)
def test_a_problem_says_where_and_what(when: object, where: str, sentence: str) -> None:
    """Each problem has its own path and a sentence that helps."""
    _, problems = compile_when(when, PATH)
    assert [(dotted(problem.path), problem.sentence) for problem in problems] == [(where, sentence)]
    assert not any(problem.warning for problem in problems)


@pytest.mark.parametrize(
    "test",
    [
        {"lt": "2026-01-01"},
        {"between": ["2026-01-01", "2026-01-31"]},
        {"not": {"gte": "2026-01-01"}},
        {"exists": False},
        {"null": False},
        {"any": [{"exists": False}, {"gt": "2026-01-01"}]},
        {"gt": "2026-01-01", "lt": "2026-02-01", "exists": True},
    ],
)
def test_a_time_can_be_compared_and_asked_for(test: object) -> None:
    """And nothing else."""
    compiled({"sent_at": test})


def test_all_problems_are_found_at_once() -> None:
    """One wrong line does not hide the next, nor one wrong operator the other."""
    when = {"data.a": {"prefx": 1, "lt": "soon"}, "data.b": [], "any": [{"data.c": {}}, {}], "nobody": 1}
    _, problems = compile_when(when, PATH)
    assert len(problems) == 6


def test_dates_in_a_condition_are_in_the_zone_it_is_compiled_for() -> None:
    """UTC where nothing is said."""
    when = {"occurred_at": {"lt": "2026-01-01"}}
    facts = {"occurred_at": datetime(2026, 1, 1, 1, tzinfo=UTC)}
    here, _ = compile_when(when, PATH, ZoneInfo("America/Sao_Paulo"))
    assert here.matches(facts)
    assert not compiled(when).matches(facts)


def test_no_condition_holds_always() -> None:
    """A rule without `when:` runs on every event under its `on:`."""
    assert NOTHING.matches({})
    assert compiled({}).matches({})


@given(when=st.dictionaries(st.just("data.a"), st.dictionaries(WORDS, JSON, max_size=3) | JSON), data=JSON)
def test_any_condition_on_any_data_gives_an_answer(when: dict[str, object], data: object) -> None:
    """Whatever is configured compiles or is refused, and whatever arrives is judged without an error."""
    condition, problems = compile_when(when, PATH)
    assert all(isinstance(problem, Problem) for problem in problems)
    facts = {"data": {"a": data}}
    assert condition.matches(facts) in (True, False)


VALUE = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
TEST = st.sampled_from(
    ["x", [1, "y"], {"prefix": "x"}, {"gt": 3}, {"null": True}, {"regex": "^$"}, {"any": ["x", {"lt": 3}]}]
)


@given(test=TEST, data=VALUE | st.lists(VALUE, max_size=3))
def test_not_is_the_opposite_of_what_it_holds(test: object, data: object) -> None:
    """On a path that leads somewhere, a test and its negation never agree; on any other neither holds."""
    plain, negated = compiled({"data.a": test}), compiled({"data.a": {"not": test}})
    assert plain.matches({"data": {"a": data}}) is not negated.matches({"data": {"a": data}})
    assert not plain.matches({"data": {}})
    assert not negated.matches({"data": {}})


@given(tests=st.lists(TEST, min_size=1, max_size=3), data=VALUE | st.lists(VALUE, max_size=3))
def test_any_and_all_are_the_sum_of_their_tests(tests: list[object], data: object) -> None:
    """Below a path and in place of one."""
    facts = {"data": {"a": data}}
    each = [compiled({"data.a": test}).matches(facts) for test in tests]
    for word, expected in (("any", any(each)), ("all", all(each))):
        assert compiled({"data.a": {word: tests}}).matches(facts) is expected
        assert compiled({word: [{"data.a": test} for test in tests]}).matches(facts) is expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "nothing"),
        (True, "true"),
        (False, "false"),
        ("x", "the text 'x'"),
        ("x" * 40, f"the text '{'x' * 40}'"),
        ("x" * 41, f"the text '{'x' * 40}…'"),
        (3, "the number 3"),
        (1.5, "the number 1.5"),
        ([1], "a list"),
        ([], "an empty list"),
        ({"a": 1}, "a mapping"),
        ({}, "an empty mapping"),
        (datetime(2026, 1, 1, tzinfo=UTC), "a datetime"),
    ],
)
def test_a_value_is_described_in_words(value: object, words: str) -> None:
    """For a message, and shortened."""
    assert describe(value) == words


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"not": {"prefix": "a", "suffix": "b"}}, "not (starting with a and ending with b)"),
        ({"not": ["a", "b"]}, "not (a or b)"),
        ({"not": {"any": ["a", {"not": {"suffix": "x"}}]}}, "not (a or not ending with x)"),
        ({"any": [{"all": [{"prefix": "a"}, {"not": "ab"}]}, "b"]}, "(starting with a and not ab) or b"),
        ({"any": [{"exists": False}, None, ""]}, "absent or null or an empty text"),
        ({"not": "a"}, "not a"),
    ],
)
def test_what_is_wanted_reads_only_one_way(wanted: object, words: str) -> None:
    """Brackets stand where "and", "or" and "not" could be read in two ways, and nothing vanishes."""
    whole = compiled({"data.a": wanted})
    assert isinstance(whole, AllOf)
    (line,) = whole.parts
    assert isinstance(line, At)
    assert line.test.wanted == words
