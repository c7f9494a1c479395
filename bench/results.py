"""What the cases came to: medians and quartiles of the pairs, kept in a JSON file as they come in."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.case import Aim, Case, Pair


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table; without pairs there is a note that says why."""

    case: str
    base: float | None = None
    ours: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    slices: int = 0
    note: str = ""

    def meets(self, aim: Aim | None) -> bool | None:
        """Say whether the aim is met; None where there is none, or nothing was measured."""
        return None if aim is None or self.ratio is None else aim.met_by(self.ratio)


@dataclass(slots=True)
class Run:
    """The results of one run, which may have stopped early, and where it ran."""

    machine: dict[str, str]
    effort: str
    results: dict[str, Result]

    def save(self, file: Path) -> None:
        """Write the file anew; a reader sees the old one or the new one."""
        data = {
            "machine": self.machine,
            "effort": self.effort,
            "results": [asdict(result) for result in self.results.values()],
        }
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")
        fresh.replace(file)


def load(file: Path) -> Run:
    """Read what `save` wrote."""
    data = json.loads(file.read_text("utf-8"))
    return Run(data["machine"], data["effort"], {each["case"]: Result(**each) for each in data["results"]})


def result(case: Case, pairs: Sequence[Pair], note: str = "") -> Result:
    """Return the medians of pairs, and the quartiles of their ratios."""
    if not pairs:
        return Result(case.name, note=note)
    ratios = [pair.ours / pair.base for pair in pairs]
    low, high = _quartiles(ratios)
    return Result(
        case.name,
        base=_short(statistics.median(pair.base for pair in pairs)),
        ours=_short(statistics.median(pair.ours for pair in pairs)),
        ratio=_short(statistics.median(ratios)),
        low=_short(low),
        high=_short(high),
        slices=len(pairs),
        note=note,
    )


def _quartiles(ratios: Sequence[float]) -> tuple[float, float]:
    """Return the lower and the upper one; of two ratios these are the two, since no figure is made up."""
    if len(ratios) < 3:
        return min(ratios), max(ratios)
    low, _, high = statistics.quantiles(ratios, n=4)
    return low, high


def _short(number: float) -> float:
    """Return four digits of it: more would say what was not measured."""
    return float(f"{number:.4g}")
