"""Near misses: what a failed condition was close to."""

from __future__ import annotations

import pytest

from bridge.cli.near import near_miss
from bridge.core.conditions import compile_when

FACTS = {
    "type": "nutror.module_completed",
    "learner": {"name": "Maria", "email": "maria@aluna.example"},
    "course": {"id": "4bba1d18", "title": "Python Basico"},
    "module": {"id": "3253"},
    "data": {"courses": [{"hash": "abc"}, {"hash": "def"}], "note": "", "n": None},
}


def hint(when: object) -> str | None:
    condition, problems = compile_when(when, ())
    assert problems == []
    (finding,) = condition.findings(FACTS)
    return near_miss(finding, FACTS)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"course.title": "Python Basic"}, "differs in 1 character"),
        ({"course.title": "Pyton Bascio"}, "differs in 3 characters"),
        ({"course.title": ["Java", "Python Basics"]}, "differs in 1 character"),
        ({"course.title": "python basico"}, "differs only in upper and lower case; ignore_case would match"),
        ({"course.title": "Python Básico"}, "differs only in accents or case; ignore_case would match"),
        ({"course.title": " Python Basico"}, "differs only in spaces around it"),
        ({"course.title": "Python  Basico"}, "differs only in spaces"),
        ({"course.title": {"prefix": "Pyhton"}}, "differs in 2 characters"),
        ({"learner.email": {"suffix": "@aluno.example"}}, "differs in 1 character"),
        ({"data.courses[].hash": "abd"}, None),
        ({"learner.id": "7"}, "learner has no 'id'; it has name, email"),
        ({"producer.name": "Rui"}, "this event has no producer"),
        (
            {"data.curses": {"exists": True}},
            "data has no 'curses', did you mean 'courses'?; it has courses, note, n",
        ),
        ({"data.courses[7].hash": "x"}, "data.courses has no element 7"),
        ({"data.note.inner": "x"}, "data.note holds no 'inner'"),
        ({"module.id": "3251"}, None),
        ({"module.id": {"gt": 4000}}, None),
        ({"course.title": "Contabilidade"}, None),
        ({"data.n": "x"}, None),
        ({"data.courses": {"exists": False}}, None),
        ({"course.title": {"not": {"prefix": "Python"}}}, None),
        ({"learner.id": {"not": "7"}}, "learner has no 'id'; it has name, email"),
        ({"course.title": {"regex": "^Java"}}, None),
        ({"course.title": {"glob": "Pyton*"}}, None),
    ],
)
def test_near_misses(when: object, said: str | None) -> None:
    """A slip is pointed out; another id, a short word or an operator of numbers is not called a slip."""
    assert hint(when) == said


def test_what_holds_is_no_near_miss() -> None:
    assert hint({"course.title": "Python Basico"}) is None
