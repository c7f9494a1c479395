"""`--set path=value`: bodies that change on the way out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cli.body import Added, added, apply, parse_changes, read_body, write_body
from bridge.cli.exits import ExitCode, Failure


def changed(body: dict[str, object], *texts: str) -> dict[str, object]:
    for change in parse_changes(texts):
        apply(body, change)
    return body


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "data.learner.email=maria@aluna.example",
            {"data": {"learner": {"email": "maria@aluna.example"}, "n": [1]}},
        ),
        ("data.new.deep=1", {"data": {"learner": {}, "n": [1], "new": {"deep": 1}}}),
        ("data.learner=null", {"data": {"learner": None, "n": [1]}}),
        ('data.learner={"name": "Ana"}', {"data": {"learner": {"name": "Ana"}, "n": [1]}}),
        ('data.learner="7"', {"data": {"learner": "7", "n": [1]}}),
        ("data.learner=7", {"data": {"learner": 7, "n": [1]}}),
        ("data.learner=", {"data": {"learner": "", "n": [1]}}),
        ("data.learner=a=b", {"data": {"learner": "a=b", "n": [1]}}),
        ("data.n[0]=2", {"data": {"learner": {}, "n": [2]}}),
        ("data.n[1]=2", {"data": {"learner": {}, "n": [1, 2]}}),
        ("id=x", {"data": {"learner": {}, "n": [1]}, "id": "x"}),
    ],
)
def test_values_are_json_where_they_parse_and_text_where_not(text: str, expected: dict[str, object]) -> None:
    assert changed({"data": {"learner": {}, "n": [1]}}, text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("learner.email=x", "the body has no 'learner', did you mean 'data.learner.email'?"),
        ("learner.emial=x", "the body has no 'learner', did you mean 'data.learner.email'?"),
        ("dtaa.learner=x", "did you mean 'data'?"),
        ("data.n.name=x", "a list of 1 where an object is needed"),
        ("data.n[5]=x", "a list of 1 where a longer list is needed"),
        ("data.word.x=1", "a plain value where an object is needed"),
        ("data.learner", "expected a path of the body and a value"),
        ("=x", "expected a path of the body and a value"),
        ("a..b=x", "expected a path of the body and a value"),
        ("[0]=x", "expected a path of the body and a value"),
    ],
)
def test_paths_that_lead_nowhere_are_explained(text: str, said: str) -> None:
    with pytest.raises(Failure) as raised:
        changed({"data": {"learner": {"email": "e"}, "n": [1], "word": "w"}}, text)
    assert raised.value.code == ExitCode.USAGE
    assert said in raised.value.lines[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data.learner.email=x", None),
        ("data.n[0]=x", None),
        ("data.n[1]=x", Added("data.n[1]")),
        ("data.learner.emial=x", Added("data.learner.emial", "data.learner.email", slip=True)),
        ("data.lerner.email=x", Added("data.lerner", "data.learner.email", slip=True)),
        ("data.learner.femail=x", Added("data.learner.femail", "data.learner.email", slip=True)),
        ("data.learner.nickname=x", Added("data.learner.nickname", "data.learner.name")),
        ("data.nota.deep=x", Added("data.nota")),
        ("sent=x", Added("sent")),
        ("learner.email=x", None),  # is refused, so nothing is added
    ],
)
def test_what_a_change_adds_is_known_with_what_was_perhaps_meant(text: str, expected: Added | None) -> None:
    (change,) = parse_changes([text])
    body: dict[str, object] = {"data": {"learner": {"email": "e", "name": "n"}, "n": [1]}}
    assert added(body, change) == expected


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists)))
def test_a_body_that_is_read_and_written_is_the_same(body: dict[str, object]) -> None:
    assert json.loads(write_body(read_body(json.dumps(body).encode(), "x"))) == body


@pytest.mark.parametrize("body", [b"", b"[1]", b"1", b"{", b"[" * 100_000, b"\xff"])
def test_only_an_object_can_be_changed(body: bytes) -> None:
    with pytest.raises(Failure, match="the file is"):
        read_body(body, "the file")
