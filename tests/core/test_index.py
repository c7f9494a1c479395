"""The index is a way to find rules faster, never a different answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.anchors import is_all
from bridge.core.conditions import AllOf, AnyOf, compile_when
from bridge.core.events import Facts
from bridge.core.index import Index

TEXTS = ["", "a", "ab", "abc", "b", "bc", "3", "03", "3.0", "-1", "1e1", "Módulo", "Mo\u0301dulo", "a*", "[b"]
SCALARS = st.sampled_from([*TEXTS, 3, 3.0, 0, -1, 10, 2.5, 2**70, True, False, None])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
EVENTS = st.dictionaries(
    st.sampled_from(["x", "y"]), VALUES | st.fixed_dictionaries({"z": VALUES}), max_size=2
)
WORDS = st.sampled_from([text for text in TEXTS if text])
NUMBERS = st.sampled_from([-1, 0, 2, 2.5, 3, 10, "3"])
OPERATORS = st.one_of(
    SCALARS,
    st.lists(SCALARS, min_size=1, max_size=3),
    st.fixed_dictionaries({"prefix": WORDS | st.lists(WORDS, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"suffix": WORDS}),
    st.fixed_dictionaries({"contains": WORDS}),
    st.fixed_dictionaries(
        {"glob": st.sampled_from(["a*", "*b", "a?c", "[ab]*", "abc", "*", "3", "*[c]", "a[b"])}
    ),
    st.fixed_dictionaries({"ignore_case": WORDS}),
    st.fixed_dictionaries({"gte": NUMBERS}),
    st.fixed_dictionaries({"lt": NUMBERS, "gt": NUMBERS}),
    st.fixed_dictionaries({"between": st.just([0, 3])}),
    st.fixed_dictionaries({"exists": st.booleans()}),
    st.fixed_dictionaries({"null": st.booleans()}),
)
TESTS = st.recursive(
    OPERATORS,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=2), "prefix": WORDS}),
    ),
    max_leaves=3,
)
PATHS = st.sampled_from(["data.x", "data.y", "data.x.z", "data.y.z", "data.x[0]"])
LINES = st.dictionaries(PATHS, TESTS, min_size=1, max_size=2)
CONDITIONS = LINES | st.fixed_dictionaries({"any": st.lists(LINES, min_size=1, max_size=3)})


@settings(max_examples=600)
@given(whens=st.lists(CONDITIONS, max_size=8), events=st.lists(EVENTS, min_size=1, max_size=4))
def test_the_index_finds_exactly_what_trying_every_rule_finds(
    whens: list[object], events: list[object]
) -> None:
    """For any rules and any events, candidates that hold are all conditions that hold."""
    conditions = [(number, compile_when(when, ())[0]) for number, when in enumerate(whens)]
    index = Index(conditions)
    for event in events:
        facts = {"data": event}
        plain = {number for number, condition in conditions if condition.matches(facts)}
        found = candidates(index, facts)
        assert plain <= found
        assert {number for number in found if conditions[number][1].matches(facts)} == plain
        assert {number for number in found if is_all(conditions[number][1])} <= plain


def index_of(*whens: object) -> Index:
    return Index([(number, compile_when(when, ())[0]) for number, when in enumerate(whens)])


def candidates(index: Index, facts: Facts) -> set[int]:
    found: set[int] = set()
    index.collect(facts, found)
    return found


def test_only_rules_that_share_the_events_value_are_candidates() -> None:
    """Ten thousand rules for other courses cost nothing."""
    whens = [{"data.course": f"course-{number}", "data.kind": "all"} for number in range(10_000)]
    assert candidates(index_of(*whens), {"data": {"course": "course-77", "kind": "all"}}) == {77}


def test_a_rule_is_filed_under_its_rarest_test() -> None:
    """A value that every rule asks for does not make every rule a candidate."""
    whens: list[object] = [{"data.kind": "all", "data.module": {"between": [n, n]}} for n in range(100)]
    whens += [{"data.kind": "all", "data.email": {"suffix": f"@school-{n}.example"}} for n in range(100)]
    facts = {"data": {"kind": "all", "module": 7, "email": "ana@school-9.example"}}
    assert len(candidates(index_of(*whens), facts)) <= 2


def test_a_rule_without_an_anchor_is_always_a_candidate() -> None:
    """What only a negation says cannot be looked up."""
    index = Index([(1, compile_when({"data.x": {"not": "a"}}, ())[0]), (2, compile_when({}, ())[0])])
    assert candidates(index, {"data": {}}) == {1, 2}


class Odd:
    """A condition of a kind that the index knows nothing of."""

    def matches(self, facts: Facts) -> bool:
        return True


def test_a_condition_of_another_kind_is_always_a_candidate() -> None:
    """Alone, and among parts of which one can be looked up."""
    looked_up = compile_when({"data.x": "a"}, ())[0]
    assert candidates(Index([(1, Odd())]), {}) == {1}
    assert candidates(Index([(1, AnyOf((looked_up, Odd())))]), {}) == {1}
    assert candidates(Index([(1, AllOf((Odd(), looked_up)))]), {}) == set()


@pytest.mark.parametrize(
    ("when", "near", "far"),
    [
        ({"data.x": "a"}, ["a"], ["b", "", 1, None]),
        ({"data.x": [1, "b"]}, [1, "1", 1.0, "b"], ["1.5", "a", 2]),
        ({"data.x": "3"}, ["3", 3, 3.0], ["03", "3.0", 4]),
        ({"data.x": 3}, ["3", 3, "03", "3.0"], ["4", "x"]),
        ({"data.x": None}, [None], ["", 0, False]),
        ({"data.x": True}, [True], [1, "true", False]),
        ({"data.x": {"prefix": "ab"}}, ["ab", "abc"], ["a", "xab", "ba", None]),
        ({"data.x": {"prefix": ["ab", "x"]}}, ["abc", "xyz"], ["a", "yx"]),
        ({"data.x": {"prefix": 12}}, [123, "12"], [1, "x12"]),
        ({"data.x": {"suffix": "ab"}}, ["ab", "cab"], ["b", "abx", None]),
        ({"data.x": {"suffix": ["ab", "x"]}}, ["cab", "x"], ["a", "xy"]),
        ({"data.x": {"glob": "ab*"}}, ["ab", "abc"], ["a", "xab"]),
        ({"data.x": {"glob": "ab?d*"}}, ["abcd"], ["a", "xab"]),
        ({"data.x": {"glob": "a[bc]"}}, ["ab"], ["b", "xa"]),
        ({"data.x": {"glob": "*ab"}}, ["ab", "cab"], ["abx", "b"]),
        ({"data.x": {"glob": "?[x]ab"}}, ["cxab"], ["abx", "b"]),
        ({"data.x": {"glob": "abc"}}, ["abc"], ["abcd", "ab", "xabc"]),
        ({"data.x": {"glob": "*b"}}, ["b", "ab"], ["bc"]),
        ({"data.x": {"glob": "aXb*"}}, ["aXb"], ["aYb"]),
        ({"data.x": {"glob": "*aXb"}}, ["aXb"], ["aYb"]),
        ({"data.x": {"glob": ["ab*", "cd*"]}}, ["abx", "cd"], ["x"]),
        ({"data.x": {"glob": ["*ab", "*cd"]}}, ["xab", "cd"], ["x"]),
        ({"data.x": {"gt": 5}}, [6, "7", 1e9], [4, "x", None, True]),
        ({"data.x": {"gte": 5}}, [5, "5.0"], [4]),
        ({"data.x": {"lt": 5}}, [4, -1e9, "4"], [6, "x"]),
        ({"data.x": {"lte": 5}}, [5], [5.1]),
        ({"data.x": {"between": [2, 4]}}, [2, 3, "4"], [1, 5, "x"]),
        ({"data.x": {"prefix": "a", "not": "ab"}}, ["a", "ac"], ["b"]),
        ({"data.x": {"all": [{"prefix": "a"}, {"not": "ab"}]}}, ["a"], ["b"]),
        ({"data.x": {"any": ["a", {"gt": 5}]}}, ["a", 6], ["b", 4]),
        ({"data.x": {"any": ["a", {"any": ["b", {"prefix": "c"}]}]}}, ["a", "b", "cd"], ["d"]),
        ({"any": [{"data.x": "a"}, {"data.x": {"suffix": "z"}, "data.y": 1}]}, ["a", "xz"], ["b"]),
        ({"all": [{"data.x": "a"}, {"data.x": {"not": "b"}}]}, ["a"], ["b"]),
    ],
)
def test_each_kind_of_test_is_looked_up(when: object, near: list[object], far: list[object]) -> None:
    """An event with another value costs nothing; one with such a value finds the rule."""
    index = index_of({"data.other": "z"}, when)
    for value in near:
        assert candidates(index, {"data": {"x": value}}) == {1}
        assert candidates(index, {"data": {"x": ["-", value]}}) == {1}
    for value in far:
        assert candidates(index, {"data": {"x": value}}) == set()
    assert candidates(index, {"data": {}}) == set()


@pytest.mark.parametrize(
    "test",
    [
        {"contains": "a"},
        {"regex": "^a"},
        {"ignore_case": "a"},
        {"ignore_case": {"prefix": "a"}},
        {"ignore_case": {"glob": "a*"}},
        {"glob": "*a*"},
        {"glob": ["a*", "*b"]},
        {"glob": ["a*", "*"]},
        {"not": "a"},
        {"null": False},
        {"exists": True},
        {"gt": "2026-01-01"},
        {"between": ["2026-01-01", "2026-01-31"]},
        {"any": ["a", {"not": "b"}]},
    ],
)
def test_what_cannot_be_looked_up_is_tried_on_every_event(test: object) -> None:
    """Alternatives too, unless each of them can."""
    assert candidates(index_of({"data.x": test}), {"data": {"x": "zzz"}}) == {0}
    assert candidates(index_of({"data.x": test, "data.y": "a"}), {"data": {"x": "zzz"}}) == set()


def test_of_many_ranges_only_those_around_a_number_are_candidates() -> None:
    """However they overlap, whether they are open at an end, and at their very ends."""
    whens: list[object] = [
        {"data.x": {"between": [low, low + width]}} for low in range(40) for width in range(6)
    ]
    whens += [{"data.x": {"gte": low}} for low in range(40)] + [
        {"data.x": {"lte": high}} for high in range(40)
    ]
    index = index_of(*whens)
    for value in [-1, 0, 0.5, 7, 7.5, 39, 44, 45, 100]:
        facts = {"data": {"x": value}}
        assert candidates(index, facts) == {
            number for number, when in enumerate(whens) if compile_when(when, ())[0].matches(facts)
        }


def test_a_crowded_place_is_avoided_whichever_line_comes_first() -> None:
    """The crowd is counted over all alternatives and values of a choice."""
    crowd: list[object] = [{"data.a": "all"} for _ in range(50)]
    for when in (
        {"data.a": "all", "data.b": "b"},
        {"data.b": "b", "data.a": "all"},
        {"data.a": ["rare", "all"], "data.b": "b"},
        {"any": [{"data.a": "rare"}, {"data.a": "all"}], "data.b": "b"},
        {"data.a": {"prefix": "x"}, "data.b": "b"},
    ):
        assert 50 not in candidates(index_of(*crowd, when), {"data": {"a": "all"}})
    for operator in ("prefix", "suffix"):
        crowd = [{"data.a": {operator: "all"}} for _ in range(50)]
        when = {"data.a": {operator: ["rare", "all"]}, "data.b": "b"}
        assert 50 not in candidates(index_of(*crowd, when), {"data": {"a": "all"}})
    crowd = [{"data.a": {"gt": number}} for number in range(50)]
    when = {"data.a": {"gt": 1}, "data.b": "b"}
    assert 50 not in candidates(index_of(*crowd, when), {"data": {"a": 60}})


def test_paths_are_read_once_for_all_their_rules() -> None:
    """The cost of an event grows with the number of different paths, not with that of rules."""
    read: list[str] = []

    class Data(dict[str, object]):
        def __contains__(self, name: object) -> bool:
            read.append(str(name))
            return super().__contains__(name)

    index = index_of(*({"data.a": f"{number}"} for number in range(1000)), {"data.b": {"gt": 5}})
    candidates(index, {"data": Data(a="7", b=6)})
    assert sorted(read) == ["a", "b"]
