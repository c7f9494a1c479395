"""The specification of matching, row by row: docs/reference/matching.md says what the program does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bridge.config.files import read
from bridge.core.conditions import NOTHING, compile_when
from bridge.core.events import TIMES, Event, Facts
from bridge.core.findings import findings_of
from bridge.core.routing import Router
from bridge.core.rules import PredicateFailed, Rule
from bridge.rendering.renderer import Renderer

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "matching.md"
ZONE = ZoneInfo("America/Sao_Paulo")
CELL = re.compile(r"`(.*)`|(yes|no|error|fails)")
TABLES = {
    ("when", "data", "holds"),
    ("when", "event", "holds"),
    ("on", "type", "kind", "holds"),
    ("if", "event", "holds"),
}


@dataclass(frozen=True)
class Row:
    """One row: the cells under their headings, as written between the backticks."""

    cells: Mapping[str, str]

    def __str__(self) -> str:
        return " ~ ".join(self.cells.values())


def rows() -> Iterator[Row]:
    """Yield every row of every table of the page; a cell that no test would understand is a failure."""
    head: tuple[str, ...] = ()
    for line in PAGE.read_text("utf-8").partition("## Where this differs")[0].splitlines():
        texts = [text.strip().replace(r"\|", "|") for text in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not line.startswith("|") or set(line) <= set("| -"):
            continue
        if tuple(texts) in TABLES:
            head = tuple(texts)
            continue
        cells = [CELL.fullmatch(text) for text in texts]
        assert None not in cells, line
        found = [cell[1] if cell[1] is not None else cell[2] for cell in cells if cell]
        yield Row(dict(zip(head, found, strict=True)))


ROWS = list(rows())


def those(heading: str) -> list[Row]:
    return [row for row in ROWS if heading in row.cells]


def event_of(row: Row) -> Facts:
    """Return the facts of a row's event."""
    if "data" in row.cells:
        return {"data": json.loads(row.cells["data"])}
    facts: dict[str, object] = json.loads(row.cells["event"])
    return {
        name: datetime.fromisoformat(str(value)) if name in TIMES else value for name, value in facts.items()
    }


def written(folder: Path, key: str, text: str) -> object:
    """Return what `config.yaml` makes of one key of a rule, or a KeyError when it is not YAML."""
    path = folder / "config.yaml"
    path.write_text(f"rules:\n  - {key}:\n      {text}\n", "utf-8")
    material = read(path, {})
    if material.problems:
        raise KeyError(str(material.problems[0]))
    return material.as_typed(("rules", 0, key))


def test_the_page_has_rows_for_every_kind_of_table() -> None:
    """A heading that changes would silently take its rows from the tests."""
    assert {tuple(row.cells) for row in ROWS} == TABLES
    assert len(those("when")) >= 160
    assert len({str(row) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", those("when"), ids=str)
def test_a_condition_means_what_the_page_says(row: Row, tmp_path: Path) -> None:
    """Each row holds, does not hold, or is refused, as written; and the explanation agrees."""
    try:
        condition, problems = compile_when(written(tmp_path, "when", row.cells["when"]), ("when",), ZONE)
    except KeyError:
        assert row.cells["holds"] == "error"
        return
    if row.cells["holds"] == "error":
        assert problems
        return
    assert problems == []
    facts = event_of(row)
    holds = row.cells["holds"] == "yes"
    assert condition.matches(facts) is holds
    found = [finding.matched for finding in findings_of(condition, facts)]
    assert (any(found) or not found) if holds else not all(found)


@pytest.mark.parametrize("row", those("on"), ids=str)
def test_on_names_the_events_the_page_says(row: Row, tmp_path: Path) -> None:
    """A type, a kind, a pattern or a list finds the event, or does not."""
    on = written(tmp_path, "on", row.cells["on"])
    names = (on,) if isinstance(on, str) else tuple(on) if isinstance(on, list) else ()
    event = Event(
        type=row.cells["type"],
        kind=row.cells["kind"],
        id="e",
        source="eduzz",
        occurred_at=datetime(2026, 5, 4, tzinfo=UTC),
    )
    router = Router([Rule(name="r", on=names, when=NOTHING)])
    expected = ("r",) if row.cells["holds"] == "yes" else ()
    assert router.plan(event, event.facts()).matched == expected


@pytest.mark.parametrize("row", those("if"), ids=str)
def test_an_expression_means_what_the_page_says(row: Row, tmp_path: Path) -> None:
    """Each expression holds, does not, fails on this event, or is refused at load."""
    source = written(tmp_path, "if", row.cells["if"])
    renderer = Renderer(tmp_path, locale="pt_BR", timezone=ZONE, monotonic=lambda: 0.0)
    predicate, problems = renderer.predicate(str(source))
    if row.cells["holds"] == "error":
        assert problems
        return
    assert predicate is not None
    if row.cells["holds"] == "fails":
        with pytest.raises(PredicateFailed):
            predicate.holds(event_of(row))
        return
    assert predicate.holds(event_of(row)) is (row.cells["holds"] == "yes")
