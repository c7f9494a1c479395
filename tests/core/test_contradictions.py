"""Conditions that can never hold are found, and no condition that can hold is blamed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.conditions import compile_when
from bridge.core.contradictions import contradictions, verdict
from bridge.core.paths import FactPath


def found(when: object, *, single: bool) -> list[str]:
    """Return what is said of a condition; `single` that its paths lead to one value at most."""
    condition, problems = compile_when(when, ())
    assert problems == []
    return list(contradictions(condition, lambda _: single))


def at_once(path: str, one: str, other: str) -> str:
    return f"'{path}' cannot be {one} and {other} at once"


@pytest.mark.parametrize(
    ("when", "one", "other"),
    [
        ({"data.a": {"gt": 5, "lt": 3}}, "more than 5", "less than 3"),
        ({"data.a": {"gt": 5, "lt": 5}}, "more than 5", "less than 5"),
        ({"data.a": {"gte": 5, "lt": 5}}, "at least 5", "less than 5"),
        ({"data.a": {"gt": 5, "lte": 5}}, "more than 5", "at most 5"),
        ({"data.a": {"between": [1, 2], "gt": 2}}, "more than 2", "at most 2"),
        ({"data.a": {"between": [1, 2], "lt": 1}}, "at least 1", "less than 1"),
        ({"data.a": {"gt": "2026-01-31", "lte": "2026-01-31"}}, "more than 2026-01-31", "at most 2026-01-31"),
        ({"data.a": {"null": True, "prefix": "x"}}, "null", "starting with x"),
        ({"data.a": {"null": True, "gt": 1}}, "null", "more than 1"),
        ({"data.a": {"exists": False, "not": "x"}}, "absent", "not x"),
        ({"data.a": {"exists": False, "prefix": "x"}}, "absent", "starting with x"),
        ({"data.a": {"all": ["x", {"not": "x"}]}}, "x", "not x"),
        ({"data.a": {"all": [["x", "y"], {"not": {"regex": "[xy]"}}]}}, "x or y", "not regex [xy]"),
        ({"data.a": {"all": ["3253", {"not": 3253}]}}, "3253", "not 3253"),
        ({"data.a": {"all": [5, {"not": {"gt": 3}}]}}, "5", "not more than 3"),
        ({"all": [{"data.a": "x"}, {"data.a": {"not": ["x", "y"]}}]}, "x", "not (x or y)"),
    ],
)
def test_what_excludes_itself_on_any_path_is_found(when: object, one: str, other: str) -> None:
    """Of an array one element has to pass the tests of one mapping, and none may pass a `not`."""
    assert found(when, single=False) == [at_once("data.a", one, other)]
    assert found(when, single=True) == [at_once("data.a", one, other)]


@pytest.mark.parametrize(
    ("when", "one", "other"),
    [
        ({"all": [{"data.a": 1}, {"data.a": 2}]}, "1", "2"),
        ({"data.a": {"all": ["x", "y"]}}, "x", "y"),
        ({"data.a": {"all": [["x", "y"], {"prefix": "z"}]}}, "x or y", "starting with z"),
        ({"data.a": {"all": [1, {"gt": 3}]}}, "1", "more than 3"),
        ({"data.a": {"all": [{"gt": 3}, {"lt": 2}]}}, "more than 3", "less than 2"),
        ({"data.a": {"all": [True, False]}}, "true", "false"),
        ({"data.a": {"all": ["x", {"null": True}]}}, "x", "null"),
        ({"data.a": {"all": ["x", {"any": ["y", {"gt": 1}]}]}}, "x", "y or more than 1"),
        ({"data.a": {"all": ["x", {"glob": ["a*", "b*"]}]}}, "x", "glob a* or glob b*"),
        ({"data.a": {"all": ["x", {"any": [{"exists": False}, "y"]}]}}, "x", "absent or y"),
        (
            {"data.a": {"all": ["x", {"any": [{"all": [{"prefix": "x"}, {"not": "x"}]}, "y"]}]}},
            "x",
            "(starting with x and not x) or y",
        ),
    ],
)
def test_what_excludes_itself_on_one_value_is_found_only_there(when: object, one: str, other: str) -> None:
    """Of an array, one element may be 1 and the next 2."""
    assert found(when, single=True) == [at_once("data.a", one, other)]
    assert found(when, single=False) == []


@pytest.mark.parametrize(
    "when",
    [
        {"data.a": {"gte": 5, "lte": 5}},
        {"data.a": {"gte": "2026-01-31", "lte": "2026-01-31"}},
        {"data.a": {"gt": 5, "gte": 7}},
        {"data.a": {"gt": 5, "lt": "2026-01-01"}},
        {"data.a": {"all": ["010", "10"]}},
        {"data.a": {"all": [3253, {"not": "3253"}]}},
        {"data.a": {"all": ["010", {"prefix": "1"}]}},
        {"data.a": {"all": ["x", ["x", "y"]]}},
        {"data.a": {"all": [["x", "y"], {"suffix": "y"}]}},
        {"data.a": {"all": ["x", {"not": {"not": "x"}}]}},
        {"data.a": {"all": [3253, {"not": {"not": "3253"}}]}},
        {"data.a": {"all": ["010", {"prefix": ["1", "2"]}]}},
        {"data.a": {"all": ["ay", {"glob": ["a*", "b*"]}]}},
        {"data.a": {"exists": False}, "data.b": {"exists": True}},
        {"data.a": {"all": [{"exists": False}, {"any": ["x", {"exists": False}]}]}},
        {"data.a": {"null": False, "prefix": "x"}},
        {"data.a": {"all": [None, {"null": True}]}},
        {"data.a": {"exists": True, "not": "x"}},
        {"data.a": "x", "data.b": "y"},
        {"any": [{"data.a": 1}, {"data.a": 2}]},
        {},
    ],
)
def test_what_can_hold_is_left_alone(when: object) -> None:
    """A warning about a good rule would teach people to ignore warnings."""
    assert found(when, single=True) == []


def test_an_alternative_that_cannot_hold_is_named() -> None:
    """Beside the lines around it, and however deep it stands."""
    when = {"data.a": "x", "any": [{"data.a": "y"}, {"data.b": 1, "all": [{"any": [{"data.b": 2}]}]}]}
    assert found(when, single=True) == [at_once("data.a", "x", "y"), at_once("data.b", "1", "2")]


def test_the_same_reason_is_given_once() -> None:
    """What is wrong around alternatives is not repeated for each of them."""
    when = {"data.a": {"gt": 5, "lt": 3}, "any": [{"data.b": 1}, {"data.b": 2}]}
    assert len(found(when, single=True)) == 1


def test_is_single_is_asked_of_each_path() -> None:
    """One path may lead into an array, and the next to a plain value."""
    condition, _ = compile_when({"data.a": {"all": [1, 2]}, "data.b": {"all": [1, 2]}}, ())

    def only_b(path: FactPath) -> bool:
        return path.text == "data.b"

    assert list(contradictions(condition, only_b)) == [at_once("data.b", "1", "2")]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"kind": "course.completed"}, False),
        ({"kind": "module.completed"}, True),
        ({"kind": "module.completed", "data.a": 1}, None),
        ({"kind": "course.completed", "data.a": 1}, False),
        ({"any": [{"kind": "course.completed"}, {"data.a": 1}]}, None),
        ({"any": [{"kind": "course.completed"}, {"type": {"prefix": "alpaclass."}}]}, False),
        ({"any": [{"kind": "module.completed"}, {"data.a": 1}]}, True),
        ({"data.a": 1}, None),
        ({}, True),
    ],
)
def test_a_verdict_is_given_as_far_as_the_facts_go(when: object, expected: bool | None) -> None:
    """Names that are not among the facts leave a condition open, unless the others decide it."""
    condition, _ = compile_when(when, ())
    assert verdict(condition, {"type": "nutror.module_completed", "kind": "module.completed"}) is expected


SCALARS = st.sampled_from(["x", "y", "3", "03", "3.0", 3, 2, 10, True, False, None])
BOUNDS = st.sampled_from([2, 3, "3", 10])
TESTS = st.recursive(
    st.one_of(
        SCALARS,
        st.lists(SCALARS, min_size=1, max_size=2),
        st.fixed_dictionaries({}, optional={"gt": BOUNDS, "lte": BOUNDS, "prefix": st.sampled_from("xy3")}),
        st.fixed_dictionaries({"null": st.booleans()}),
        st.fixed_dictionaries({"exists": st.booleans()}),
    ).filter(lambda test: test != {}),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=2)}),
    ),
    max_leaves=4,
)
DATA = st.fixed_dictionaries({}, optional={"a": SCALARS})
LISTS = st.fixed_dictionaries({"a": st.lists(SCALARS, max_size=3)})


@settings(max_examples=500)
@given(tests=st.lists(TESTS, min_size=1, max_size=3), data=DATA, lists=LISTS)
def test_what_is_said_never_to_hold_never_holds(
    tests: list[object], data: dict[str, object], lists: dict[str, object]
) -> None:
    """For any tests of one path and any value there, or any list of values where it may hold several."""
    condition, _ = compile_when({"all": [{"data.a": test} for test in tests]}, ())
    if list(contradictions(condition, lambda _: True)):
        assert not condition.matches({"data": data})
    if list(contradictions(condition, lambda _: False)):
        assert not condition.matches({"data": lists})
        assert not condition.matches({"data": data})
