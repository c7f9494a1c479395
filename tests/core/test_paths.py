"""Paths: what they say, where they lead, and what is said of one that is wrong."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.paths import FactPath, parse_path

DATA = {
    "a": {"b": [{"c": 1}, {"c": [2, [3]]}, {}]},
    "list": [[1, 2], [3]],
    "empty": [],
    "null": None,
    "pair": (1, 2),
}
PLAIN = "is a plain value and has no"


def path(text: str) -> FactPath:
    parsed = parse_path(text)
    assert isinstance(parsed, FactPath), parsed
    return parsed


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("data", ("data",)),
        ("data.a", ("data", "a")),
        ("data.a[]", ("data", "a")),
        ("data.a[][].b", ("data", "a", "b")),
        ("data.a[0]", ("data", "a", 0)),
        ("data.a[12][3].b", ("data", "a", 12, 3, "b")),
        ("data.a[0][].b", ("data", "a", 0, "b")),
        ("data.módulo-1.$x", ("data", "módulo-1", "$x")),
        ("learner.email", ("learner", "email")),
        ("occurred_at", ("occurred_at",)),
    ],
)
def test_a_path_is_names_and_positions(text: str, steps: tuple[str | int, ...]) -> None:
    """Brackets without a number only say what an array means anyway."""
    assert path(text) == FactPath(text, steps)


@pytest.mark.parametrize(
    "text",
    ["", ".", "data.", ".data", "data..a", "data a", "data.a[x]", "data.a[-1]", "data.a[][0]", "data.[0]"],
)
def test_what_is_no_path_is_refused_with_an_example(text: str) -> None:
    """Whatever was meant."""
    expected = "expected names joined by dots, such as 'data.course.hash'"
    assert parse_path(text) == f"'{text}' is not a path; {expected}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("learner.mail", "no event has 'learner.mail', did you mean 'learner.email'?"),
        ("course.name", "no event has 'course.name'; known are course.id, course.title"),
        ("curse.id", "no event has 'curse', did you mean 'course'?"),
        ("type.x", f"'type' {PLAIN} 'x'"),
        ("type[0]", f"'type' {PLAIN} '0'"),
        ("learner.email.x", f"'learner.email' {PLAIN} 'x'"),
        ("learner.email[0]", f"'learner.email' {PLAIN} '0'"),
    ],
)
def test_names_that_no_event_has_are_refused(text: str, sentence: str) -> None:
    """Below `data` and `raw` anything may stand; the rest is known."""
    said = parse_path(text)
    assert isinstance(said, str)
    assert said.startswith(sentence)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("data.a.b.c", [1, 2, 3]),
        ("data.a.b[1].c", [2, 3]),
        ("data.a.b[1].c[1]", [3]),
        ("data.a.b[2].c", None),
        ("data.a.b[3]", None),
        ("data.a.b.x", None),
        ("data.list", [1, 2, 3]),
        ("data.list[0]", [1, 2]),
        ("data.list[1][0]", [3]),
        ("data.list[0][5]", None),
        ("data.empty", []),
        ("data.empty[0]", None),
        ("data.empty.x", None),
        ("data.null", [None]),
        ("data.null.x", None),
        ("data.null[0]", None),
        ("data.pair", [1, 2]),
        ("data.pair[1]", [2]),
        ("data.a[0]", None),
        ("raw", None),
    ],
)
def test_a_path_leads_to_every_value_or_nowhere(text: str, values: list[object] | None) -> None:
    """An array stands for its elements; an empty one is there and has none."""
    assert path(text).values({"data": DATA}) == values


NODES = st.recursive(
    st.none() | st.integers() | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=12,
)


@given(NODES, st.lists(st.sampled_from([".a", ".b", "[0]", "[1]", "[]"]), max_size=4))
def test_plain_objects_are_walked_like_any_mapping(data: object, rest: list[str]) -> None:
    """Parsed JSON takes a shorter way to the same values as a mapping of another kind does."""
    parsed = parse_path("data" + "".join(rest))
    if isinstance(parsed, FactPath):
        assert parsed.values({"data": data}) == parsed.values(MappingProxyType({"data": data}))


@given(st.text(max_size=30))
def test_any_text_is_a_path_or_told_why_not(text: str) -> None:
    """Parsing never fails."""
    parsed = parse_path(text)
    assert parsed if isinstance(parsed, str) else parsed.text == text


def test_a_path_gives_one_value_for_keys_or_none() -> None:
    """Keys are never made from an absent, null or ambiguous value."""
    one = path("data.a.b").one
    assert one({"data": {"a": {"b": 7}}}) == "7"
    assert one({"data": {"a": [{"b": "x"}]}}) == "x"
    assert one({"data": {"a": [{"b": 1}, {"b": 2}]}}) is None
    assert one({"data": {"a": {"b": []}}}) is None
    assert one({"data": {"a": {"b": None}}}) is None
    assert one({"data": {"a": {"b": {}}}}) is None
    assert one({}) is None
