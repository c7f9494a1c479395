"""What an event costs to match, by the number of rules: the index, trying every rule, and other engines.

`python -m bench.matching`; memory is read from Linux's /proc.
"""

from __future__ import annotations

import gc
import random
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.engines import ENGINES, Engine
from bridge.core.conditions import compile_when
from bridge.core.events import Event, Person, Thing
from bridge.core.routing import Router
from bridge.core.rules import Rule

SIZES = (10, 100, 1_000, 10_000, 100_000)
LARGEST_OF_OTHERS = 10_000
SLICES = 9
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


def whens(count: int) -> list[Mapping[str, object]]:
    """Return conditions of mixed shapes, `MATCHING` of which match the event."""
    chance = random.Random(7)  # the same rules in every run
    shapes: list[Callable[[int], Mapping[str, object]]] = [
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
    engines = [engine for engine in ENGINES if engine.installed]
    print(f"{MATCHING} rules match; µs per event, median of {SLICES} slices; the index beside other ways\n")
    names = "".join(f" {engine.name:>12}" for engine in engines)
    print(f"{'rules':>8} {'index':>8} {'of 10':>6} {'each rule':>10}{names} {'compile s':>10} {'MB':>6}")
    first: float | None = None
    for size in SIZES:
        first = _size(size, first, engines)


def _size(size: int, first: float | None, engines: Sequence[Engine]) -> float:
    shapes = whens(size)
    facts = EVENT.facts()
    gc.collect()
    before = _resident()
    began = time.perf_counter()
    rules = _rules(shapes)
    router = Router(rules)
    compiled = time.perf_counter() - began
    memory = _resident() - before
    if len(router.plan(EVENT, facts).matched) != MATCHING:
        raise SystemExit("the index does not find the rules that match")
    indexed = _per_event(lambda: router.plan(EVENT, facts), 200)
    each = _per_event(lambda: [rule for rule in rules if rule.when.matches(facts)], max(1, 2000 // size))
    others = "".join(f" {_other(engine, shapes, facts):>12}" for engine in engines)
    first = first or indexed
    costs = f"{indexed * 1e6:>8.1f} {indexed / first:>6.2f} {each * 1e6:>10.1f}{others}"
    print(f"{size:>8} {costs} {compiled:>10.2f} {memory / 1e6:>6.1f}", flush=True)
    return first


def _other(engine: Engine, shapes: Sequence[Mapping[str, object]], facts: Mapping[str, object]) -> str:
    if len(shapes) > LARGEST_OF_OTHERS:
        return "-"
    plain = {name: value for name, value in facts.items() if not isinstance(value, datetime)}
    count = engine.compiled(shapes)
    if count(plain) != MATCHING:
        raise SystemExit(f"{engine.name} does not find the rules that match")
    return f"{_per_event(lambda: count(plain), max(1, 1000 // len(shapes))) * 1e6:.1f}"


def _resident() -> int:
    """Return the bytes of memory this process holds; what was freed may be among them."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


def _rules(shapes: Sequence[object]) -> list[Rule]:
    return [
        Rule(name=f"rule-{number}", on=("module.completed",), when=compile_when(when, ())[0])
        for number, when in enumerate(shapes)
    ]


def _per_event(work: Callable[[], object], times: int) -> float:
    slices = []
    for _ in range(SLICES):
        began = time.perf_counter()
        for _ in range(times):
            work()
        slices.append((time.perf_counter() - began) / times)
    return statistics.median(slices)


if __name__ == "__main__":
    main()
