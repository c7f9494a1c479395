"""Problems of conditions, and laws they keep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.conditions import compile_when
from bridge.core.paths import FactPath, parse_path
from bridge.core.problems import Problem, dotted

PATH = ("rules", 0, "when")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
WORDS = st.sampled_from(
    ["prefix", "suffix", "contains", "glob", "regex", "ignore_case", "not", "exists", "null", "lt", "between"]
)


@pytest.mark.parametrize(
    ("when", "where", "sentence"),
    [
        (
            {"course.title": {"prefx": "x"}},
            "rules[0].when.course.title.prefx",
            "unknown operator 'prefx', did you mean 'prefix'?",
        ),
        (
            {"curse.title": "x"},
            "rules[0].when.curse.title",
            (
                "no event has 'curse', did you mean 'course'?; known are type, kind, id, source, occurred_at, "
                "sent_at, test, learner, producer, course, module, lesson, data, raw"
            ),
        ),
        (
            {"learner.mail": "x"},
            "rules[0].when.learner.mail",
            (
                "no event has 'learner.mail', did you mean 'email'?; "
                "known are learner.id, learner.name, learner.email"
            ),
        ),
        ({"type.x": "y"}, "rules[0].when.type.x", "'type' is a plain value and has no 'x'"),
        (
            {"data.a": {}},
            "rules[0].when.data.a",
            "expected a value, a list of values or operators, not an empty mapping",
        ),
        (
            {"data.a": {"exists": "sim"}},
            "rules[0].when.data.a.exists",
            "expected true or false, not the text 'sim'",
        ),
        ("x", "rules[0].when", "expected paths with what they must be, not the text 'x'"),
        ({"any": {"data.a": 1}}, "rules[0].when.any", "expected a list of conditions, not a mapping"),
        (
            {"data..a": 1},
            "rules[0].when.data..a",
            "'data..a' is not a path; expected names joined by dots, such as 'data.course.hash'",
        ),
        (
            {"prefix": "x"},
            "rules[0].when.prefix",
            (
                "no event has 'prefix'; known are type, kind, id, source, occurred_at, sent_at, test, learner, "
                "producer, course, module, lesson, data, raw; 'prefix' is an operator and stands below a path"
            ),
        ),
    ],
)
def test_a_problem_says_where_and_what(when: object, where: str, sentence: str) -> None:
    """Each problem has its own path and a sentence that helps."""
    _, problems = compile_when(when, PATH)
    assert [(dotted(problem.path), problem.sentence) for problem in problems] == [(where, sentence)]


def test_all_problems_are_found_at_once() -> None:
    """One wrong line does not hide the next."""
    when = {"data.a": {"prefx": 1}, "data.b": {"lt": "soon"}, "nobody": 1}
    _, problems = compile_when(when, PATH)
    assert len(problems) == 3


def test_findings_name_what_was_wanted_and_found() -> None:
    """An explanation has a line per condition, with an absent path told from a null."""
    condition, _ = compile_when({"data.a": {"prefix": "x"}, "data.b": [1, 2], "data.c": {"not": None}}, PATH)
    findings = condition.findings({"data": {"a": "y", "c": None}})
    assert [(f.path, f.wanted, f.found, f.matched) for f in findings] == [
        ("data.a", "starting with x", ("y",), False),
        ("data.b", "1 or 2", None, False),
        ("data.c", "not null", (None,), False),
    ]


@given(when=st.dictionaries(st.just("data.a"), st.dictionaries(WORDS, JSON, max_size=3) | JSON), data=JSON)
def test_any_condition_on_any_data_gives_an_answer(when: dict[str, object], data: object) -> None:
    """Whatever is configured compiles or is refused, and whatever arrives is judged without an error."""
    condition, problems = compile_when(when, PATH)
    assert all(isinstance(problem, Problem) for problem in problems)
    facts = {"data": {"a": data}}
    assert condition.matches(facts) in (True, False)
    condition.findings(facts)


@given(value=JSON.filter(lambda v: not isinstance(v, list | dict)))
def test_not_is_the_opposite_of_what_it_holds(value: object) -> None:
    """On a present value a test and its negation never agree."""
    plain, _ = compile_when({"data.a": {"prefix": "x"}}, PATH)
    negated, _ = compile_when({"data.a": {"not": {"prefix": "x"}}}, PATH)
    facts = {"data": {"a": value}}
    assert plain.matches(facts) is not negated.matches(facts)


def test_a_path_gives_one_value_for_keys_or_none() -> None:
    """Keys are never made from an absent, null or ambiguous value."""
    path = parse_path("data.a.b")
    assert isinstance(path, FactPath)
    assert path.one({"data": {"a": {"b": 7}}}) == "7"
    assert path.one({"data": {"a": [{"b": 1}, {"b": 2}]}}) is None
    assert path.one({"data": {"a": {"b": None}}}) is None
    assert path.one({"data": {"a": {"b": {}}}}) is None
    assert path.one({}) is None
