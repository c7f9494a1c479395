"""Many rows as few statements, on SQLite: an INSERT, an UPDATE or a question for up to 32 rows at once.

For every run of a statement SQLite starts and ends a program, and an INSERT into a table that counts up reads
and writes its last number; the driver lets other threads run. Together that is a fifth of what a row costs.

Each number of rows is a text of its own, which SQLite prepares once. There are few: eights of rows go into
one statement, and what is over into a second one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar

from sqlalchemy import Select, bindparam, column, select, values
from sqlalchemy.sql.dml import Insert, Update
from sqlalchemy.sql.elements import BindParameter, ColumnElement, CompilerElement
from sqlalchemy.sql.selectable import FromClause
from sqlalchemy.sql.visitors import replacement_traverse

T = TypeVar("T")
MOST = 32
"""Rows of one statement; a multiple of `STEP`."""
STEP = 8
"""Of more rows than this, the first statement takes as many times so many as there are."""
WORTH = 4
"""Rows from which on one UPDATE for all is cheaper than one for each: it finds all rows before it begins."""


class Several:
    """The texts of one statement for any number of rows, made of those for one and for two.

    Compiling each would cost as much as storing hundreds of rows.
    """

    def __init__(self, one: str, two: str) -> None:
        same = (each == other for each, other in zip(one, two, strict=False))
        place = next((place for place, is_same in enumerate(same) if not is_same), len(one))
        more = two[place : place + len(two) - len(one)]
        if one[:place] + more + one[place:] != two:
            raise ValueError(f"a second row is not just added: {two}")
        self._begin, self._more, self._end = one[:place], more, one[place:]
        self._texts: dict[int, str] = {}

    def of(self, count: int) -> str:
        """Return the text for so many rows."""
        text = self._texts.get(count)
        if text is None:
            text = self._texts[count] = self._begin + self._more * (count - 1) + self._end
        return text


def inserting(
    statement: Insert, names: Sequence[str], fixed: Mapping[str, ColumnElement[Any]], count: int
) -> CompilerElement:
    """Return the INSERT of so many rows of these columns; `fixed` are columns that are the same in each."""
    return statement.values(
        [{**{name: _of_row(name, row) for name in names}, **fixed} for row in range(count)]
    )


def asking(statement: Select[Any], names: Sequence[str], count: int) -> CompilerElement:
    """Return the SELECT that says for so many rows of parameters of these names whether there is anything."""
    given = values(*map(column, names), name="given").data(_rows(names, count)).cte()
    made = _of_given(statement.limit(None), given)
    return select(made.correlate(given).exists()).select_from(given)


def updating(statement: Update, names: Sequence[str], count: int) -> CompilerElement:
    """Return the UPDATE that does for so many rows of parameters what `statement` does for these names."""
    # Python's driver counts no rows of what begins with WITH, so SQLite's own names of the columns it is.
    columns: list[ColumnElement[Any]] = [column(f"column{place}") for place in range(1, len(names) + 1)]
    rows = values(*columns).data(_rows(names, count))
    named = [each.label(name) for each, name in zip(columns, names, strict=True)]
    given = select(*named).select_from(rows).subquery("given")
    return _of_given(statement, given)


Of = TypeVar("Of", Select[Any], Update)


def _of_given(statement: Of, given: FromClause) -> Of:
    """Return the statement with the columns of `given` in the places of its parameters."""

    def in_its_place(element: object, **_: object) -> ColumnElement[Any] | None:
        return given.c[element.key] if isinstance(element, BindParameter) and element.key in given.c else None

    made = replacement_traverse(statement, {}, in_its_place)
    assert isinstance(made, type(statement))  # noqa: S101 - the same kind of thing as before
    return made


def parameters(names: Sequence[str], count: int) -> list[str]:
    """Return the parameters of what is made here, in the order in which they have to stand in it."""
    return [_of_row(name, row).key for row in range(count) for name in names]


def in_parts(rows: Sequence[Sequence[object]], run: Callable[[int, list[object]], T]) -> Iterator[T]:
    """Run a statement for all rows: `run` is given how many there are each time, and all their values."""
    first = 0
    while first < len(rows):
        count = min(MOST, len(rows) - first)
        if count > STEP:
            count -= count % STEP
        yield run(count, list(chain.from_iterable(rows[first : first + count])))
        first += count


def _rows(names: Sequence[str], count: int) -> list[tuple[BindParameter[Any], ...]]:
    return [tuple(_of_row(name, row) for name in names) for row in range(count)]


def _of_row(name: str, row: int) -> BindParameter[Any]:
    return bindparam(f"{name}_{row}")
