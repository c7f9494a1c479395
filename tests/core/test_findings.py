"""What was found at each line of a rule, and what a line that failed was close to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core import near
from bridge.core.conditions import NOTHING, Condition, compile_when
from bridge.core.explanations import finding_plain
from bridge.core.findings import (
    Alternatives,
    Finding,
    Found,
    evaluate,
    farness,
    findings_of,
    misses,
)
from bridge.core.near_texts import edits
from bridge.core.near_values import Bound
from bridge.core.rules import PredicateFailed
from bridge.core.telling import told

FACTS: Mapping[str, object] = {
    "type": "nutror.module_completed",
    "occurred_at": datetime(2026, 5, 4, 12, 3, tzinfo=UTC),
    "learner": {"name": "Maria", "email": "maria@aluna.example"},
    "course": {"id": "4bba1d18c02755a13ee97521ae61958c3cf9e665", "title": "Python Basico"},
    "module": {"id": "3253"},
    "data": {
        "courses": [{"hash": "abc", "n": 1}, {"hash": "def", "n": 5}],
        "course": {"hash": "x"},
        "tags": ["vip", "novo"],
        "note": "",
        "n": None,
        "points": 12,
        "code": "010",
        "paid": "true",
        "price": "R$ 5",
        "token": "abc",
    },
}


def compiled(when: object) -> Condition:
    condition, problems = compile_when(when, ())
    assert problems == []
    return condition


def lines(when: object, data: object) -> list[tuple[str, str, tuple[object, ...] | None, bool]]:
    """Return each finding as a tuple: path, wanted, found, matched."""
    found = findings_of(compiled(when), {"data": data})
    return [(e.path, e.wanted, e.found, e.matched) for e in found if isinstance(e, Finding)]


def hint(when: object) -> str:
    (line,) = told(findings_of(compiled(when), FACTS), UTC)
    assert not line.matched
    return line.hint


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"course.id": "4bba1d18c02755a13ee97521ae61958c3cf9e666"}, "differs in 1 of 40 characters"),
        ({"course.title": "Python Basic"}, "differs in 1 of 13 characters"),
        ({"course.title": "Pyton Bascio"}, "differs in 3 of 13 characters"),
        ({"course.title": ["Java", "Python Basics"]}, "differs from 'Python Basics' in 1 of 13 characters"),
        ({"course.title": "python basico"}, "differs only in upper and lower case; ignore_case would match"),
        ({"course.title": "Python Básico"}, "differs only in accents or case; ignore_case would match"),
        (
            {"course.title": ["Java", "python basico"]},
            "differs from 'python basico' only in upper and lower case; ignore_case would match",
        ),
        ({"course.title": " Python Basico"}, "differs only in spaces around it"),
        ({"course.title": "Python  Basico"}, "differs only in spaces"),
        ({"course.title": "Python"}, "contains 'Python', but has more; contains would match"),
        ({"course.title": {"ignore_case": "pyton basico"}}, "differs in 1 of 13 characters"),
        ({"course.title": {"prefix": "Pyhton"}}, "differs in 2 of 6 characters"),
        (
            {"course.title": {"prefix": "python"}},
            "differs only in upper and lower case; ignore_case would match",
        ),
        ({"course.title": {"prefix": " Python"}}, "differs only in spaces around it"),
        ({"course.title": {"prefix": "Basico"}}, "contains 'Basico', but does not start with it"),
        ({"course.title": {"prefix": "Python Avançado"}}, ""),
        ({"course.title": {"prefix": "Python Avancados"}}, ""),
        ({"course.title": {"prefix": "Python Bolsinhas"}}, "only the first 8 of 16 characters agree"),
        ({"learner.email": {"suffix": "@aluno.example"}}, "differs in 1 of 14 characters"),
        ({"learner.email": {"suffix": "maria"}}, "contains 'maria', but does not end with it"),
        (
            {"course.title": {"contains": "basico"}},
            "differs only in upper and lower case; ignore_case would match",
        ),
        (
            {"course.title": {"contains": "Básico"}},
            "differs only in accents or case; ignore_case would match",
        ),
        ({"course.title": {"contains": "Python  B"}}, "differs only in spaces"),
        (
            {"course.title": {"glob": "python*"}},
            "differs only in upper and lower case; ignore_case would match",
        ),
        ({"course.title": {"regex": "^python"}}, "differs only in upper and lower case; (?i) would match"),
        ({"course.title": {"regex": "^Java"}}, ""),
        ({"course.title": {"glob": "Pyton*"}}, ""),
        ({"course.title": "Contabilidade"}, ""),
        ({"module.id": "3251"}, ""),
        ({"data.courses[].hash": "abd"}, ""),
        ({"module.id": {"gt": 4000}}, "is 747 too low"),
        ({"data.points": {"lte": 10}}, "is 2 too high"),
        ({"data.points": {"lte": 10.5}}, "is 1.5 too high"),
        ({"data.points": {"lt": 12}}, "is exactly the bound, which does not count; lte would match"),
        ({"data.points": {"gt": 12}}, "is exactly the bound, which does not count; gte would match"),
        ({"data.points": {"between": [1, 9]}}, "is 3 too high"),
        ({"data.points": {"between": [20, 30]}}, "is 8 too low"),
        ({"occurred_at": {"lt": "2026-05-04T12:00:00Z"}}, "would have matched 3 minutes earlier"),
        ({"occurred_at": {"gte": "2026-05-05"}}, "would have matched 11 hours 57 minutes later"),
        ({"data.price": {"gt": 4}}, "is a text, not a number"),
        ({"data.price": {"gt": "2026-01-01"}}, "is a text, not a date"),
        ({"data.code": "10"}, "is the same number, but two texts are compared as text"),
        ({"data.paid": True}, "looks alike, but is a text and not true or false"),
        ({"data.note": None}, "is an empty text, not null"),
        (
            {"course": "Python"},
            "is an object, so name one of its members: course.id, course.title",
        ),
        ({"data.tags": {"not": "vip"}}, "one of its 2 values is vip"),
        ({"data.courses.n": {"gt": 6, "lt": 9}}, "is 1 too low"),
        ({"data.tags": {"prefix": "v", "suffix": "vo"}}, "no single one of its 2 values passes every test"),
        ({"learner.id": "7"}, "learner has no 'id'; it has name, email"),
        (
            {"producer.name": "Rui"},
            "the event has no 'producer'; it has type, occurred_at, learner, course, module, data",
        ),
        ({"data.curse.hash": "x"}, "data has no 'curse', did you mean data.course.hash? It would match."),
        (
            {"data.course.hahs": "y"},
            "data.course has no 'hahs', did you mean data.course.hash? It has hash",
        ),
        ({"data.courses[7].hash": "x"}, "data.courses has no element 7, it is a list of 2"),
        ({"data.note.inner": "x"}, "data.note has no 'inner', it is an empty text"),
        ({"data.n.inner": "x"}, "data.n has no 'inner', it is null"),
        ({"data.n": "x"}, ""),
        ({"data.courses": {"exists": False}}, ""),
        ({"course.title": {"not": {"prefix": "Python"}}}, ""),
        ({"learner.id": {"not": "7"}}, "learner has no 'id'; it has name, email"),
        ({"data.token": "abd"}, ""),
    ],
)
def test_a_near_miss_is_pointed_out(when: object, said: str) -> None:
    """A slip is; another id, a short word or another thing is not called one."""
    assert hint(when) == said


def test_near_misses_are_data_first() -> None:
    """JSON has what the words are made of."""
    (found,) = findings_of(compiled({"data.points": {"lte": 10}}), FACTS)
    assert isinstance(found, Finding)
    assert found.near == Bound("high", Decimal(2), Decimal(10))
    assert finding_plain(found) == {
        "path": "data.points",
        "wanted": "at most 10",
        "found": [12],
        "matched": False,
        "near": {"kind": "bound", "side": "high", "by": 2, "operand": 10},
        "hint": "is 2 too high",
    }


@pytest.mark.parametrize("sent", ["1e5000", "1e999999", "1e999999999", "-1e999999999", "1e-999999999"])
def test_a_number_beyond_all_measure_is_no_near_miss(sent: str) -> None:
    """Its distance could not be computed, and its digits would fill the memory."""
    when = {"data.n": {"lt": -5} if sent.startswith("1") else {"gt": 5}}
    (found,) = findings_of(compiled(when), {"data": {"n": sent}})
    assert isinstance(found, Finding)
    assert not found.matched
    assert finding_plain(found)["near"] is None


def test_the_value_at_a_path_with_a_secrets_name_is_not_shown() -> None:
    """Neither itself nor how near it came."""
    (found,) = findings_of(compiled({"data.token": "abcd"}), FACTS)
    assert found == Finding("data.token", "abcd", ("***",), matched=False)


def test_findings_name_what_was_wanted_and_found() -> None:
    """An explanation has a line per condition, with an absent path told from a null."""
    when = {"data.a": {"prefix": "x"}, "data.b": [1, 2], "data.c": {"not": None}, "data.d": {"exists": False}}
    assert lines(when, {"a": "y", "c": None}) == [
        ("data.a", "starting with x", ("y",), False),
        ("data.b", "1 or 2", None, False),
        ("data.c", "not null", (None,), False),
        ("data.d", "absent", None, True),
    ]


@pytest.mark.parametrize(
    ("test", "wanted"),
    [
        ({"prefix": "x", "suffix": "y"}, "starting with x and ending with y"),
        ({"prefix": "x", "not": "y"}, "starting with x and not y"),
        ({"not": "y", "prefix": "x"}, "starting with x and not y"),
        ({"any": ["x", {"gt": 5}]}, "x or more than 5"),
        ({"all": ["x", {"gt": 5}]}, "x and more than 5"),
        ({"any": ["x"]}, "x"),
        ({"exists": True}, "present"),
        ({"not": {"exists": True}}, "absent"),
        ({"not": {"exists": False}}, "present"),
        ({"not": {"any": [{"exists": True}]}}, "absent"),
        ({"not": {"not": "x"}}, "not not x"),
    ],
)
def test_a_line_says_all_it_wants(test: object, wanted: str) -> None:
    """Joined as the tests are."""
    assert [each[1] for each in lines({"data.a": test}, {})] == [wanted]


def test_alternatives_are_one_line_that_has_lines() -> None:
    """Told by the part that holds, or else by every part; a miss of all of them is one miss."""
    when = {"any": [{"data.a": 1, "data.b": 2}, {"data.c": 3}]}
    (holds,) = findings_of(compiled(when), {"data": {"c": 3}})
    (fails,) = findings_of(compiled(when), {"data": {"a": 1}})
    assert isinstance(holds, Alternatives)
    assert [len(part) for part in holds.parts] == [2, 1]
    assert (holds.matched, fails.matched, misses([fails])) == (True, False, 1)
    assert [line.label for line in told([holds], UTC)] == ["any", "data.c"]
    assert [line.label for line in told([fails], UTC)] == ["any", "data.a", "data.b", "or", "data.c"]
    assert [line.depth for line in told([fails], UTC)] == [0, 1, 1, 1, 1]
    assert [part["path"] for part in finding_plain(fails)["any"][0]] == ["data.a", "data.b"]  # type: ignore[index]


def test_no_condition_has_nothing_to_tell() -> None:
    assert findings_of(NOTHING, {}) == ()


class Fails:
    source = "{{ data.points.x > 1 and occurred_at.hour > 3 and data.token }}"
    paths: tuple[str, ...] = ("data.points", "occurred_at.hour", "data.token", "data.gone")

    def holds(self, facts: Mapping[str, object]) -> bool:
        raise PredicateFailed("'data.points.x' is undefined")


def test_an_if_shows_its_error_and_the_values_it_looked_at() -> None:
    found = evaluate(Fails(), FACTS)
    (line,) = told([found], UTC)
    assert line.found == "an error: 'data.points.x' is undefined"
    assert line.hint == (
        "data.points is 12, occurred_at is 2026-05-04 12:03:00 UTC, data.token is ***, "
        "data.gone is nothing there"
    )
    assert finding_plain(found)["error"] == "'data.points.x' is undefined"


VALUE = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("2026-05-04")
TEST = st.sampled_from(
    [
        "x",
        [1, "y", None],
        {"prefix": "x"},
        {"suffix": "xy", "contains": "abc"},
        {"ignore_case": "abcd"},
        {"gt": 3},
        {"between": ["2026-01-01", "2026-02-01"]},
        {"null": True},
        {"regex": "^$"},
        {"glob": "a*"},
        {"any": ["x", {"lt": 3}]},
        {"not": ["x", 1]},
        {"exists": False},
    ]
)
DATA = VALUE | st.lists(VALUE, max_size=3) | st.dictionaries(st.sampled_from("ab"), VALUE, max_size=2)


@given(test=TEST, data=DATA)
def test_a_finding_agrees_with_the_verdict(test: object, data: object) -> None:
    """What is explained is what was decided; only what fails has a near miss, and words for it."""
    condition = compiled({"data.a": test})
    facts: Mapping[str, object] = {"data": {"a": data}}
    (found,) = findings_of(condition, facts)
    assert isinstance(found, Finding)
    assert found.found == (tuple(data) if isinstance(data, list) else (data,))
    assert found.matched is condition.matches(facts)
    assert (farness(found) == 0) is found.matched
    assert farness(found) <= 1
    assert not (found.matched and found.near)
    assert list(told([found], UTC))
    assert found.near is None or near.plain(found.near)["kind"]


@given(left=st.text("ab", max_size=8), right=st.text("ab", max_size=8), most=st.integers(0, 3))
def test_edit_distances_are_those_of_the_whole_table(left: str, right: str, most: int) -> None:
    """The cells that are left out never matter."""
    exact = _levenshtein(left, right)
    assert edits(left, right, most) == (exact if exact <= most else None)


def _levenshtein(left: str, right: str) -> int:
    if not left or not right:
        return len(left) + len(right)
    change = _levenshtein(left[1:], right[1:]) + (left[0] != right[0])
    return (
        change
        if change == 0 or left[0] == right[0]
        else min(change, _levenshtein(left[1:], right) + 1, _levenshtein(left, right[1:]) + 1)
    )


def test_a_miss_nearer_to_matching_is_nearer() -> None:
    """A slip before another word, a minute before a week."""
    order: list[dict[str, object]] = [
        {"course.title": "python basico"},
        {"occurred_at": {"lt": "2026-05-04T12:02:00Z"}},
        {"course.title": "Pyton Basico"},
        {"occurred_at": {"lt": "2026-04-27"}},
        {"course.title": "Java"},
    ]
    found: list[Found] = [findings_of(compiled(when), FACTS)[0] for when in order]
    assert [farness(each) for each in found] == sorted(farness(each) for each in found)


@pytest.mark.parametrize(
    ("when", "as_far_as"),
    [
        (["Java", "python basico"], "python basico"),
        (["python basico", "Java"], "python basico"),
        (["Java", "Rust"], "Java"),
        ([], "Java"),
    ],
)
def test_an_any_is_as_far_as_its_nearest_part(when: list[str], as_far_as: str) -> None:
    """In whatever order its parts are written."""
    parts = tuple(findings_of(compiled({"course.title": title}), FACTS) for title in when)
    (alone,) = findings_of(compiled({"course.title": as_far_as}), FACTS)
    assert farness(Alternatives(parts, matched=False)) == farness(alone)


def test_a_part_of_an_any_is_as_far_as_its_lines_together_but_no_farther_than_nothing_near() -> None:
    """So that a long part is not worse than a line that is plainly wrong."""
    close, other = {"course.title": "python basico"}, {"module.id": {"prefix": "3254"}}
    for part in ({**close, **other}, {"data.code": "x", "data.paid": "y", "data.points": 77}):
        (found,) = findings_of(compiled({"any": [part]}), FACTS)
        apart = [farness(each) for each in findings_of(compiled(part), FACTS)]
        assert farness(found) == pytest.approx(min(1.0, sum(apart)))


def test_an_if_that_does_not_hold_is_as_far_as_can_be() -> None:
    """An expression says nothing of how nearly it held; it is as far as a line with nothing near."""
    (plain,) = findings_of(compiled({"course.title": "Java"}), FACTS)
    assert farness(evaluate(Fails(), FACTS)) == farness(plain) == 1.0


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("learner.name", ("learner.name", ("Maria",))),
        ("learner.name.first.letter", ("learner.name", ("Maria",))),
        ("learner.nobody", ("learner", (FACTS["learner"],))),
        ("nobody", ("nobody", None)),
        ("nobody.at.all", ("nobody", None)),
    ],
)
def test_an_if_shows_the_longest_path_it_looked_at(written: str, shown: tuple[str, object]) -> None:
    """What it asks of a value is no path of its own, and a name that no event has leads nowhere."""
    asked = Fails()
    asked.paths = (written,)
    assert evaluate(asked, FACTS).given == (shown,)
