"""One statement about many rows: as often as it takes, each time with as many as one may name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, Executable, bindparam

TOGETHER = 1000
"""Rows that one statement names."""


def in_parts(
    connection: Connection, statement: Executable, ids: Sequence[Any], values: dict[str, Any]
) -> None:
    """Execute a statement about `given_ids()` for all of these."""
    for some in parts_of(ids):
        connection.execute(statement, {**values, "given_ids": some})


def given_ids() -> BindParameter[Sequence[object]]:
    """Return the parameter for the rows that a statement is about."""
    return bindparam("given_ids", expanding=True)


def parts_of(ids: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield these ids in lists that one statement may name."""
    for first in range(0, len(ids), TOGETHER):
        yield list(ids[first : first + TOGETHER])
