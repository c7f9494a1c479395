"""Statements of the hot path: written in SQLAlchemy Core, compiled once, run on the driver's own cursor.

Core builds each execution anew, which costs three times what SQLite needs for a row. Here only the values
are converted, by the same column types; errors are the same as Core's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, cast

from msgspec import Struct
from sqlalchemy import Connection, Dialect, LargeBinary
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement, CompilerElement
from sqlalchemy.types import TypeEngine

Convert = Callable[[Any], Any]


def run_text(connection: Connection, text: str) -> None:
    """Run a statement that takes no values, as it stands."""
    _run(connection, text, lambda cursor: cursor.execute(text))


class Prepared:
    """One statement. `inserted` names the columns an INSERT is given; `returned` are those it returns.

    `given` names the parameters of any other statement, in the order in which `run_stored` is given them.
    Lists of values ("expanding" parameters) have no place in it: their number is part of the text.
    """

    def __init__(
        self,
        statement: CompilerElement,
        *,
        inserted: Sequence[str] = (),
        given: Sequence[str] = (),
        returned: Sequence[ColumnElement[Any]] = (),
    ) -> None:
        self._statement = statement
        self._inserted = list(inserted) or None
        self._given = tuple(given or inserted)
        self._returned = tuple(returned)
        self._compiled: dict[str, _Compiled] = {}

    def first(self, connection: Connection, values: Mapping[str, object]) -> tuple[Any, ...] | None:
        """Run it and return the first row's values, or None."""
        compiled = self._for(connection.dialect)
        row = compiled.run(connection, values).fetchone()
        return None if row is None else compiled.read(row)

    def scalar(self, connection: Connection, values: Mapping[str, object]) -> Any:  # noqa: ANN401 - a column's
        """Run it and return the first row's first value, or None."""
        row = self.first(connection, values)
        return None if row is None else row[0]

    def every(self, connection: Connection, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Run it and return the values of all rows."""
        compiled = self._for(connection.dialect)
        return [compiled.read(row) for row in compiled.run(connection, values).fetchall()]

    def run(self, connection: Connection, values: Mapping[str, object]) -> int:
        """Run it and return how many rows it changed."""
        count: int = self._for(connection.dialect).run(connection, values).rowcount
        return count

    def run_all(self, connection: Connection, rows: Sequence[Mapping[str, object]]) -> int:
        """Run it once for each of `rows`, in their order, and return how many rows all of them changed."""
        return self._for(connection.dialect).run_all(connection, rows) if rows else 0

    def run_stored(self, connection: Connection, rows: Sequence[tuple[object, ...]]) -> int:
        """Run it as `run_all` does; a row is a tuple of the values of `inserted` or `given`, in that order.

        They are values as they are stored: nothing is converted. For what is written for every event: looking
        up names and types costs as much as SQLite does.
        """
        return self._for(connection.dialect).run_stored(connection, rows) if rows else 0

    def _for(self, dialect: Dialect) -> _Compiled:
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = self._compile(dialect)
        return compiled

    def _compile(self, dialect: Dialect) -> _Compiled:
        made = self._statement.compile(dialect=dialect, column_keys=self._inserted)
        assert isinstance(made, SQLCompiler)  # noqa: S101 - no statement here is DDL
        fixed = {name: bind.value for bind, name in made.bind_names.items() if not bind.required}
        converts = {name: _conversion(bind.type, dialect) for bind, name in made.bind_names.items()}
        reads = [
            column.type.dialect_impl(dialect).result_processor(dialect, None) for column in self._returned
        ]
        order = made.positiontup or list(converts)
        parameters = [(name, converts[name], fixed.get(name)) for name in order]
        arrange = _arrangement(self._given, order, fixed)
        return _Compiled(str(made), parameters, reads, arrange, named=made.positiontup is None)


class _Compiled(Struct, frozen=True):
    """The text for one kind of database; of each parameter the name, the conversion, and what is fixed.

    `arrange` makes of a row as it is given one in the order of the parameters; None where that is the same.
    """

    text: str
    parameters: Sequence[tuple[str, Convert | None, object]]
    reads: Sequence[Convert | None]
    arrange: Callable[[tuple[object, ...]], tuple[object, ...]] | None
    named: bool

    def run(self, connection: Connection, values: Mapping[str, object]) -> Any:  # noqa: ANN401 - a driver's cursor
        parameters = self._parameters(values)
        return _run(connection, self.text, lambda cursor: cursor.execute(self.text, parameters))

    def run_all(self, connection: Connection, rows: Sequence[Mapping[str, object]]) -> int:
        return self._run_many(connection, [self._parameters(row) for row in rows])

    def run_stored(self, connection: Connection, rows: Sequence[tuple[object, ...]]) -> int:
        if self.arrange is not None:
            rows = list(map(self.arrange, rows))
        if not self.named:
            return self._run_many(connection, rows)
        names = [name for name, _, _ in self.parameters]
        return self._run_many(connection, [dict(zip(names, row, strict=True)) for row in rows])

    def _run_many(self, connection: Connection, rows: Sequence[object]) -> int:
        count: int = _run(connection, self.text, lambda cursor: cursor.executemany(self.text, rows)).rowcount
        return count

    def read(self, row: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(
            value if convert is None or value is None else convert(value)
            for convert, value in zip(self.reads, row, strict=True)
        )

    def _parameters(self, values: Mapping[str, object]) -> Sequence[object] | Mapping[str, object]:
        made: list[object] = []
        for name, convert, fixed in self.parameters:
            value = values[name] if fixed is None else fixed
            made.append(value if convert is None or value is None else convert(value))
        if not self.named:
            return made
        return {name: value for (name, _, _), value in zip(self.parameters, made, strict=True)}


def _run(connection: Connection, text: str, run: Callable[[Any], object]) -> Any:  # noqa: ANN401 - a driver's cursor
    """Run a statement on a cursor of the driver, and return that."""
    cursor = connection.connection.cursor()
    try:
        run(cursor)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _wrapped(text, error, connection, cursor) from error
    return cursor


def _arrangement(
    given: Sequence[str], order: Sequence[str], fixed: Mapping[str, object]
) -> Callable[[tuple[object, ...]], tuple[object, ...]] | None:
    """Return what puts a row of what is `given`, and what is fixed, in the order of the parameters."""
    if not given or list(order) == list(given):
        return None
    others = [name for name in fixed if name not in given]
    values = tuple(fixed[name] for name in others)
    places = [*given, *others]
    pick = itemgetter(*map(places.index, order))
    return lambda row: pick(row + values)


def _conversion(type_: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    """Return what makes of a value that is not None what the driver takes."""
    own: Convert | None = getattr(type_, "stored", None)  # our types, without SQLAlchemy's detour
    if own is not None:
        return own
    if dialect.name == "sqlite" and isinstance(type_, LargeBinary):
        return bytearray  # for bytes, the driver looks for an adapter each time
    return type_.dialect_impl(dialect).bind_processor(dialect)


def _wrapped(text: str, error: Exception, connection: Connection, cursor: Any) -> BaseException:  # noqa: ANN401 - a driver's
    """Return the error as SQLAlchemy would raise it, without the values, and without PostgreSQL's DETAIL."""
    dialect = connection.dialect
    base = dialect.loaded_dbapi.Error
    gone = dialect.is_disconnect(cast("Any", error), connection.connection.dbapi_connection, cursor)
    if error.args:
        error.args = (str(error.args[0]).partition("\n")[0], *error.args[1:])
    return DBAPIError.instance(
        text, None, error, base, hide_parameters=True, connection_invalidated=gone, dialect=dialect
    )
