"""What an event costs to match, by the number of rules; the index against trying every rule."""

from __future__ import annotations

import gc
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime

from bridge.core.conditions import compile_when
from bridge.core.events import Event, Person, Thing
from bridge.core.routing import Router
from bridge.core.rules import Rule

SIZES = (10, 100, 1_000, 10_000, 100_000)
MATCHING = 3
EVENT = Event(
    type="nutror.module_completed",
    kind="module.completed",
    id="e",
    source="eduzz",
    occurred_at=datetime(2026, 5, 4, tzinfo=UTC),
    learner=Person(name="Maria da Silva", email="maria@aluna.example"),
    course=Thing(id="c" * 40, title="Python Básico"),
    module=Thing(id="3253", title="Funções"),
    data={"course": {"hash": "c" * 40, "progress": 55}, "module": {"id": "3253"}},
)


def whens(count: int) -> list[object]:
    """Return conditions of mixed shapes, `MATCHING` of which match the event."""
    chance = random.Random(7)  # noqa: S311 - the same rules in every run
    shapes: list[Callable[[int], object]] = [
        lambda n: {"course.id": f"{n:040x}"},
        lambda n: {"module.id": [str(10_000 + n), str(20_000 + n)], "course.title": {"prefix": "Py"}},
        lambda n: {"learner.email": {"suffix": f"@school-{n}.example"}},
        lambda n: {"course.title": {"prefix": f"Curso {n} "}},
        lambda n: {"module.title": {"glob": f"Módulo {n}:*"}},
        lambda n: {"data.course.progress": {"between": [1000 + n, 1001 + n]}},
        lambda n: {"course.id": f"{n:040x}", "learner.email": {"not": {"suffix": "@escola.example"}}},
    ]
    made = [shapes[n % len(shapes)](n) for n in range(count - MATCHING)]
    made += [
        {"course.id": "c" * 40},
        {"module.id": 3253, "course.title": {"prefix": "Python"}},
        {"data.course.progress": {"gte": 50}, "learner.email": {"suffix": "@aluna.example"}},
    ]
    chance.shuffle(made)
    return made


def main() -> None:
    print(f"{MATCHING} rules match; µs per event, median of 9 slices\n")
    print(f"{'rules':>8} {'index':>9} {'of 10':>6} {'each rule':>11} {'compile s':>10} {'MB':>6}")
    first = 0.0
    for size in SIZES:
        first = _size(size, first)


def _size(size: int, first: float) -> float:
    gc.collect()
    shapes = whens(size)
    tracemalloc.start()
    rules = _rules(shapes)
    router = Router(rules)
    memory = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    began = time.perf_counter()
    Router(_rules(shapes))
    compiled = time.perf_counter() - began
    facts = EVENT.facts()
    if len(router.plan(EVENT, facts).matched) != MATCHING:
        raise SystemExit("the index does not find the rules that match")
    indexed = _per_event(lambda: router.plan(EVENT, facts), 200)
    naive = _per_event(lambda: [rule for rule in rules if rule.when.matches(facts)], max(1, 2000 // size))
    ratio = indexed / (first or indexed)
    print(
        f"{size:>8} {indexed * 1e6:>9.1f} {ratio:>6.2f} {naive * 1e6:>11.1f} {compiled:>10.2f} {memory / 1e6:>6.1f}"
    )
    return first or indexed


def _rules(shapes: list[object]) -> list[Rule]:
    return [
        Rule(name=f"rule-{number}", on=("module.completed",), when=compile_when(when, ())[0])
        for number, when in enumerate(shapes)
    ]


def _per_event(work: Callable[[], object], times: int) -> float:
    slices = []
    for _ in range(9):
        began = time.perf_counter()
        for _ in range(times):
            work()
        slices.append((time.perf_counter() - began) / times)
    return statistics.median(slices)


if __name__ == "__main__":
    main()
