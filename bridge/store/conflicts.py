"""INSERT … ON CONFLICT: one statement for both databases.

SQLite took the clause over from PostgreSQL word for word, so SQLAlchemy's construct for the one is made fit
for the other: a bridge with a file does not load PostgreSQL's dialect, which is larger than all of `store/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Insert, Table, alias, insert
from sqlalchemy.dialects.sqlite.dml import OnConflictDoNothing, OnConflictDoUpdate


def insert_or_skip(table: Table) -> Insert:
    """Return an INSERT that does nothing where a key is taken."""
    return insert(table).ext(_Skip())


def insert_or_update(
    table: Table,
    key: Iterable[str],
    names: Iterable[str],
    *,
    also: Callable[[FromClause], Mapping[str, ColumnElement[Any]]] = lambda _: {},
    where: Callable[[FromClause], ColumnElement[bool]] | None = None,
    among: ColumnElement[bool] | None = None,
) -> Insert:
    """Return an INSERT that writes these columns of the new row into the one that has its key.

    `also` and `where` are given the new row: what else to write, and whether to. `among` is the condition of
    the index, if the key is unique only among some rows.
    """
    new = alias(table, name="excluded")
    values = {**{name: new.c[name] for name in names}, **also(new)}
    clause = _Update(tuple(key), among, set_=values, where=None if where is None else where(new))
    return insert(table).ext(clause)


class _Skip(OnConflictDoNothing):
    inherit_cache = True
    constraint_target = None
    """PostgreSQL's compiler asks for a constraint's name, which SQLite's clause cannot have."""


class _Update(OnConflictDoUpdate):
    inherit_cache = True
    constraint_target = None
    """As above."""
