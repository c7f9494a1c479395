"""The index is a way to find rules faster, never a different answer."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.conditions import compile_when
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
        candidates = index.candidates(facts)
        assert plain <= candidates
        assert {number for number in candidates if conditions[number][1].matches(facts)} == plain


def test_only_rules_that_share_the_events_value_are_candidates() -> None:
    """Ten thousand rules for other courses cost nothing."""
    whens = [{"data.course": f"course-{number}", "data.kind": "all"} for number in range(10_000)]
    index = Index([(number, compile_when(when, ())[0]) for number, when in enumerate(whens)])
    assert index.candidates({"data": {"course": "course-77", "kind": "all"}}) == {77}


def test_a_rule_is_filed_under_its_rarest_test() -> None:
    """A value that every rule asks for does not make every rule a candidate."""
    whens = [{"data.kind": "all", "data.module": {"between": [n, n]}} for n in range(100)]
    whens += [{"data.kind": "all", "data.email": {"suffix": f"@school-{n}.example"}} for n in range(100)]
    index = Index([(number, compile_when(when, ())[0]) for number, when in enumerate(whens)])
    facts = {"data": {"kind": "all", "module": 7, "email": "ana@school-9.example"}}
    assert len(index.candidates(facts)) <= 2


def test_a_rule_without_an_anchor_is_always_a_candidate() -> None:
    """What only a negation says cannot be looked up."""
    index = Index([(1, compile_when({"data.x": {"not": "a"}}, ())[0]), (2, compile_when({}, ())[0])])
    assert index.candidates({"data": {}}) == {1, 2}
