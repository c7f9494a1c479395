"""Rows that are given as they are stored reach the columns they are meant for, whatever their order."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, MetaData, String, Table, insert, literal, select, update
from sqlalchemy.schema import Column

from bridge.store.prepared import Prepared
from bridge.store.schema import given

NOTES = Table("notes", MetaData(), Column("name", String), Column("said", String), prefixes=["TEMPORARY"])
INSERT = Prepared(insert(NOTES).inline(), inserted=("said", "name"))
UPDATE = Prepared(
    update(NOTES)
    .where(NOTES.c.name == given("name"))
    .values(said=given("said", String) + literal("!") + given("said", String)),
    given=("given_name", "given_said"),
)


@pytest.fixture(autouse=True)
def _notes(connection: Connection) -> None:
    NOTES.create(connection)


def test_rows_in_an_order_of_their_own(connection: Connection) -> None:
    """What a statement wants twice, and what is fixed in it, stands where it belongs."""
    assert INSERT.run_stored(connection, [("1", "a"), ("2", "b")]) == 2
    assert UPDATE.run_stored(connection, [("a", "x"), ("b", "y"), ("c", "z")]) == 2
    rows = connection.execute(select(NOTES.c.name, NOTES.c.said).order_by(NOTES.c.name)).all()
    assert [tuple(row) for row in rows] == [("a", "x!x"), ("b", "y!y")]


def test_no_rows(connection: Connection) -> None:
    """Nothing is asked of the store."""
    assert UPDATE.run_stored(connection, []) == 0


def test_a_value_that_nobody_gives(connection: Connection) -> None:
    """It is a mistake of ours, and not stored as nothing."""
    lacking = Prepared(insert(NOTES).inline().values(said=given("said")), given=("given_name",))
    with pytest.raises(ValueError, match="given_said"):
        lacking.run_stored(connection, [("a",)])
