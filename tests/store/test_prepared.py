"""Rows that are given as they are stored reach the columns they are meant for, however many there are."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, MetaData, String, Table, literal_column, select, update
from sqlalchemy.schema import Column

from bridge.store.prepared import Prepared
from bridge.store.schema import constant, given, new_row
from bridge.store.several import MOST, STEP, WORTH

NOTES = Table(
    "notes",
    MetaData(),
    Column("name", String, primary_key=True),
    Column("kind", String),
    Column("said", String),
    prefixes=["TEMPORARY"],
)
INSERT = Prepared(new_row(NOTES), inserted=("name", "said"), fixed={"kind": constant("note")})
UPDATE = Prepared(
    update(NOTES).where(NOTES.c.name == given("name")).values(said=given("said", String) + constant("!")),
    given=("given_said", "given_name"),
)
IS_SAID = Prepared(
    select(NOTES.c.name)
    .where(NOTES.c.name == given("name"), NOTES.c.said != given("said"))
    .limit(literal_column("1")),
    given=("given_name", "given_said"),
)


@pytest.fixture(autouse=True)
def _notes(connection: Connection) -> None:
    NOTES.create(connection)


def notes(connection: Connection) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(select(NOTES).order_by(NOTES.c.name))]


@pytest.mark.parametrize("count", [1, 2, STEP, STEP + 1, MOST - 1, MOST, MOST + 1, 3 * MOST + 21])
def test_any_number_of_rows(connection: Connection, count: int) -> None:
    """They are one statement or several, and the rows are the same: also what is fixed, and what is NULL."""
    rows: list[tuple[object, ...]] = [(f"{row:03}", None if row % 5 == 4 else "x") for row in range(count)]
    assert INSERT.run_stored(connection, rows) == count
    assert notes(connection) == [(name, "note", said) for name, said in rows]


@pytest.mark.parametrize("count", [2, MOST + 1])
def test_rows_whose_key_is_taken(connection: Connection, count: int) -> None:
    """The count leaves them out, whether the key was taken before or by a row of the same go."""
    assert INSERT.run_stored(connection, [("000", "first")]) == 1
    rows: list[tuple[object, ...]] = [(f"{row:03}", "x") for row in range(count)]
    assert INSERT.run_stored(connection, [*rows, rows[-1]]) == count - 1
    assert notes(connection) == [
        ("000", "note", "first"),
        *((f"{row:03}", "note", "x") for row in range(1, count)),
    ]


@pytest.mark.parametrize("count", [1, MOST, MOST + 3])
def test_many_questions(connection: Connection, count: int) -> None:
    """Each is answered by its own values, in their order; asked twice, it is answered twice."""
    INSERT.run_stored(connection, [(f"{row:03}", "x") for row in range(0, count, 3)])
    asked: list[tuple[object, ...]] = [(f"{row:03}", "y" if row % 2 else "x") for row in range(count)]
    expected = [row % 2 == 1 and row % 3 == 0 for row in range(count)]
    assert IS_SAID.send_finds(connection, asked)() == expected
    assert IS_SAID.send_finds(connection, [*asked, *asked])() == expected * 2


@pytest.mark.parametrize("count", [1, WORTH - 1, WORTH, STEP + 1, MOST, MOST + 3])
def test_any_number_of_changes(connection: Connection, count: int) -> None:
    """Each row has its own; what is fixed stands where it belongs, and what is not there is not counted."""
    INSERT.run_stored(connection, [(f"{row:03}", "x") for row in range(0, count, 2)])
    changes: list[tuple[object, ...]] = [(f"{row}", f"{row:03}") for row in range(count)]
    assert UPDATE.run_stored(connection, changes) == (count + 1) // 2
    assert notes(connection) == [(f"{row:03}", "note", f"{row}!") for row in range(0, count, 2)]


def test_no_rows(connection: Connection) -> None:
    """Nothing is asked of the store."""
    assert INSERT.run_stored(connection, []) == 0
    assert UPDATE.run_stored(connection, []) == 0
    assert IS_SAID.send_finds(connection, [])() == []


def test_values_in_another_order(connection: Connection) -> None:
    """A mistake of ours is refused where values are known by their places alone."""
    swapped = Prepared(new_row(NOTES), inserted=("said", "name"))
    lacking = Prepared(update(NOTES).values(said=given("said"), kind=given("kind")), given=("given_said",))
    if connection.dialect.name == "postgresql":
        assert swapped.run_stored(connection, [("1", "a")]) == 1
        assert notes(connection) == [("a", None, "1")]
        return
    with pytest.raises(ValueError, match="in this order"):
        swapped.run_stored(connection, [("1", "a")])
    with pytest.raises(ValueError, match="given_kind"):
        lacking.run_stored(connection, [("a",)])
