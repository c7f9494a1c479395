"""Parts of statements that all of the store writes in the same way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Index,
    String,
    Table,
    bindparam,
    func,
    literal_column,
)
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.types import TypeEngine

from bridge.store.conflicts import insert_or_skip


def constant(value: str) -> ColumnElement[str]:
    """Return one of our own words as SQL text: a bound value could not be matched with a partial index."""
    return literal_column(f"'{value}'", String)


def constants(values: Iterable[str]) -> list[ColumnElement[str]]:
    """Return several of our own words as SQL text."""
    return [constant(value) for value in values]


def given(name: str, type_: type[TypeEngine[Any]] | None = None) -> BindParameter[Any]:
    """Return the parameter `given_<name>`, which no column is called, so that it never lands in a SET clause.

    It takes the type of the column it meets; `type_` is for where it meets none.
    """
    return bindparam(f"given_{name}", type_=type_)


def under(lease: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the test that a row is under a lease whose name begins with the parameter `given_lease`."""
    return func.substr(lease, 1, func.length(given("lease", String))) == given("lease", String)


def new_row(table: Table, *returning: Column[Any]) -> ReturningInsert[Any]:
    """Return an INSERT that does nothing, and returns nothing, where a key is taken."""
    return insert_or_skip(table).returning(*returning)


def partial_index(name: str, *columns: Column[Any], where: ColumnElement[bool], unique: bool = False) -> None:
    """Give a table an index of the rows that a condition holds for."""
    Index(name, *columns, unique=unique, sqlite_where=where)  # `creation` says it in PostgreSQL's words
