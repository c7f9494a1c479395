"""A catalogue of one course, learners who go through it, and messages that say how far they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from bridge.core.catalogue import Catalogue, Course
from bridge.core.events import Facts
from bridge.core.rules import Action
from bridge.sources.registry import tellers
from bridge.store.database import Database
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule

COURSE = Course("python-basico", "c" * 40, "Python Básico", ("3251", "3252", "3253"))
CATALOGUE = Catalogue({COURSE.id: COURSE}, tellers())


@dataclass
class Far:
    """Content that says what happened, and how far the learner is by what the rules see."""

    def render(self, facts: Facts) -> Mapping[str, object]:
        progress, module = facts.get("progress"), facts.get("module")
        done = f"{progress['done']}/{progress['total']}" if isinstance(progress, Mapping) else "?"
        last = module.get("is_last") if isinstance(module, Mapping) else None
        return {"text": f"{facts['kind']} {done} {last}", "to": "x"}


def saying(name: str) -> Action:
    return replace(action(name, "wins"), content=Far())


def school(
    database: Database, wins: ScriptedChannel, *, catalogue: Catalogue = CATALOGUE, **changes: object
) -> Pipeline:
    """Return a pipeline that tells of each module and of each course."""
    rules = [rule("modules", saying("modules")), rule("courses", saying("courses"), on="course.completed")]
    of_node = {"catalogue": catalogue}
    return Pipeline(database, rules, channels(wins), of_node=of_node, **changes)  # type: ignore[arg-type]


def finishes(module: str, event_id: str = "", *, minute: int = 0, **changes: object) -> dict[str, object]:
    """Return Nutror's event that Maria finished a module, some minutes after twelve."""
    of = {
        "module": {"id": module, "title": f"Módulo {module}"},
        "createdAt": f"2026-05-04T12:{minute:02}:00Z",
    }
    return completion(event_id or f"m{module}", **{**of, **changes})


def watched(progress: object, event_id: str = "w1", **changes: object) -> dict[str, object]:
    """Return Nutror's event that Maria watched a lesson, with the course's progress."""
    course = {"hash": COURSE.id, "title": "Python Básico", "progress": progress}
    made = completion(event_id, course=course, **changes)
    data = made["data"]
    assert isinstance(data, dict)
    del data["module"]
    return {**made, "event": "nutror.lesson_watched"}


def alpaclass(what: str, event_id: str, **parts: object) -> dict[str, object]:
    """Return an event of AlpaClass about the same course."""
    data = {
        "student": {
            "id": "457391c9c82bfdcbb4947278c0401e41",
            "name": "Maria",
            "email": "maria@aluna.example",
        },
        "course": {"id": COURSE.id, "name": "Python Básico"},
        "team": {"id": "16943848cc6495142a8e3011d0173252", "name": "Escola"},
        **parts,
    }
    sent = f"2026-05-04T12:{int(event_id[1:]):02}:00.000Z"
    return {"id": event_id, "event": f"alpaclass.student_{what}", "data": data, "sentDate": sent}
