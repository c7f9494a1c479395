"""Statements of the hot path: written in SQLAlchemy Core, compiled once, run on the driver's own cursor.

Core builds each execution anew, which costs three times what SQLite needs for a row. Here only the values
are converted, by the same column types; errors are the same as Core's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from msgspec import Struct
from sqlalchemy import Connection, Dialect, LargeBinary, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import Insert, Update
from sqlalchemy.sql.elements import ColumnElement, CompilerElement
from sqlalchemy.types import TypeEngine

from bridge.store import arrays, several
from bridge.store.arrays import Kind
from bridge.store.several import Several

T = TypeVar("T")
Convert = Callable[[Any], Any]
Later = Callable[[], T]
"""Gives a result that has arrived when `one_trip` is over."""


@contextmanager
def one_trip(connection: Connection) -> Iterator[None]:
    """Send PostgreSQL the statements of the block without a wait for each one's answer.

    For the `send…` methods of `Prepared`; what raises may be raised at the end. Nothing else is to be asked
    in the block. SQLite is no way off.
    """
    driver: Any = connection.dialect.loaded_dbapi
    if connection.dialect.name != "postgresql" or not driver.Pipeline.is_supported():
        yield
        return
    raw: Any = connection.connection.dbapi_connection
    try:
        with raw.pipeline():
            yield
    except driver.Error as error:
        raise _wrapped("several statements", error, connection, None) from error


def run_text(connection: Connection, text: str) -> None:
    """Run a statement that takes no values, as it stands."""
    _run(connection, text, lambda cursor: cursor.execute(text))


def ask_several(
    connection: Connection, texts: Several, rows: Sequence[Sequence[object]]
) -> Iterator[tuple[Any, ...]]:
    """Ask SQLite one question about all of `rows`, which are as they are stored, and yield the answer's."""
    for cursor in _cursors(connection, texts, rows):
        yield from cursor


class Prepared:
    """One statement. `inserted` names the columns an INSERT is given; `returned` are those it returns.

    `fixed` are an INSERT's columns that have the same value in every row.
    `given` names the parameters of any other statement in their order, for `run_stored` and `send_finds`.
    Lists of values ("expanding" parameters) have no place in it: their number is part of the text.
    """

    def __init__(
        self,
        statement: CompilerElement,
        *,
        inserted: Sequence[str] = (),
        given: Sequence[str] = (),
        fixed: Mapping[str, ColumnElement[Any]] | None = None,
        returned: Sequence[ColumnElement[Any]] = (),
    ) -> None:
        self._statement = statement
        self._inserted = list(inserted) or None
        self._given = tuple(given or inserted)
        self._fixed = fixed or {}
        self._returned = tuple(returned)
        self._compiled: dict[str, _Compiled] = {}
        self._together: _Together | None = None
        self._several: Several | None = None

    def first(self, connection: Connection, values: Mapping[str, object]) -> tuple[Any, ...] | None:
        """Run it and return the first row's values, or None."""
        compiled = self._for(connection.dialect)
        row = compiled.run(connection, values).fetchone()
        return None if row is None else compiled.read(row)

    def scalar(self, connection: Connection, values: Mapping[str, object]) -> Any:  # noqa: ANN401 - a column's
        """Run it and return the first row's first value, or None."""
        row = self.first(connection, values)
        return None if row is None else row[0]

    def every_stored(self, connection: Connection, values: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        """Run it and return the values of all rows as they are stored: nothing is converted."""
        rows: Sequence[Sequence[Any]] = self._for(connection.dialect).run(connection, values).fetchall()
        return rows

    def run(self, connection: Connection, values: Mapping[str, object]) -> int:
        """Run it and return how many rows it changed."""
        count: int = self._for(connection.dialect).run(connection, values).rowcount
        return count

    def run_all(self, connection: Connection, rows: Sequence[Mapping[str, object]]) -> int:
        """Run it once for each of `rows`, in their order, and return how many rows all of them changed."""
        return self.send_all(connection, rows)()

    def send(self, connection: Connection, values: Mapping[str, object]) -> Later[tuple[Any, ...] | None]:
        """Run it within `one_trip`, after which what is returned gives the first row's values, or None."""
        compiled = self._for(connection.dialect)
        cursor = compiled.run(connection, values)
        return lambda: None if (row := cursor.fetchone()) is None else compiled.read(row)

    def send_every(
        self, connection: Connection, values: Mapping[str, object]
    ) -> Later[list[tuple[Any, ...]]]:
        """Run it within `one_trip`, after which what is returned gives the values of all rows."""
        compiled = self._for(connection.dialect)
        cursor = compiled.run(connection, values)
        return lambda: [compiled.read(row) for row in cursor.fetchall()]

    def send_all(self, connection: Connection, rows: Sequence[Mapping[str, object]]) -> Later[int]:
        """Run it as `run_all` does within `one_trip`, after which what is returned gives the count."""
        if not rows:
            return lambda: 0
        compiled = self._for(connection.dialect)
        stored = [compiled.stored(row) for row in rows]
        return self._send_for_each(connection, compiled.names, stored)

    def send_finds(self, connection: Connection, rows: Sequence[tuple[object, ...]]) -> Later[list[bool]]:
        """Ask within `one_trip` for each of `rows` whether a SELECT with these values has a result.

        A row is as in `run_stored`.
        """
        if not rows:
            return list
        if connection.dialect.name == "postgresql":
            cursors = [self._run_together(connection, self._given, rows)]
        else:
            cursors = self._run_several(connection, self._given, rows)
        return lambda: [bool(is_there) for cursor in cursors for (is_there,) in cursor.fetchall()]

    def run_stored(self, connection: Connection, rows: Sequence[tuple[object, ...]]) -> int:
        """Run it as `run_all` does; a row is a tuple of the values of `inserted` or `given`, in that order.

        They are values as they are stored: nothing is converted. For what is written for every event: looking
        up names and types costs as much as SQLite does.
        """
        return self.send_stored(connection, rows)()

    def send_stored(self, connection: Connection, rows: Sequence[tuple[object, ...]]) -> Later[int]:
        """Run it as `run_stored` does within `one_trip`, after which what is returned gives the count."""
        if not rows:
            return lambda: 0
        return self._send_for_each(connection, self._given, rows)

    def _send_for_each(
        self, connection: Connection, names: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> Later[int]:
        if connection.dialect.name == "postgresql":
            cursor = self._run_together(connection, names, rows)
            return lambda: int(cursor.rowcount)
        if len(rows) < several.WORTH and isinstance(self._statement, Update):
            cursors = [self._for(connection.dialect).run_for_each(connection, names, rows)]
        else:
            cursors = self._run_several(connection, names, rows)
        count = sum(cursor.rowcount for cursor in cursors)
        return lambda: count

    def _run_several(
        self, connection: Connection, names: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> list[Any]:
        """Run it on SQLite with as few statements as there can be; returns their cursors."""
        texts = self._several
        if texts is None:
            texts = self._several = self._compile_several(connection.dialect, names)

        return list(_cursors(connection, texts, rows))

    def _run_together(
        self, connection: Connection, names: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> Any:  # noqa: ANN401 - a driver's cursor
        if self._together is None:
            self._together = self._compile_together(connection.dialect)
        return self._together.run(connection, names, rows)

    def _for(self, dialect: Dialect) -> _Compiled:
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = self._compile(dialect)
        return compiled

    def _compile(self, dialect: Dialect) -> _Compiled:
        made = _made(self._of_one_row(), dialect, self._inserted)
        fixed = {name: bind.value for bind, name in made.bind_names.items() if not bind.required}
        converts = {name: _conversion(bind.type, dialect) for bind, name in made.bind_names.items()}
        reads = [
            column.type.dialect_impl(dialect).result_processor(dialect, None) for column in self._returned
        ]
        parameters = [(name, converts[name], fixed.get(name)) for name in made.positiontup or converts]
        return _Compiled(str(made), parameters, reads, named=made.positiontup is None)

    def _compile_several(self, dialect: Dialect, names: Sequence[str]) -> Several:
        """Return the statement for many rows, for SQLite."""
        one, two = (self._of_several(dialect, names, count) for count in (1, 2))
        return Several(one, two)

    def _of_several(self, dialect: Dialect, names: Sequence[str], count: int) -> str:
        made = _made(self._for_rows(names, count), dialect)
        _require_order(several.parameters(names, count), made.positiontup)
        return str(made)

    def _for_rows(self, names: Sequence[str], count: int) -> CompilerElement:
        statement = self._statement
        match statement:
            case Select():
                return several.asking(statement, names, count)
            case Update():
                return several.updating(statement, names, count)
            case Insert():
                return several.inserting(statement, names, self._fixed, count)
            case _:
                raise TypeError(f"a statement is not run for each row: {statement}")

    def _of_one_row(self) -> CompilerElement:
        statement = self._statement
        return statement.values(self._fixed).inline() if isinstance(statement, Insert) else statement

    def _compile_together(self, dialect: Dialect) -> _Together:
        """Return the statement for many rows, for PostgreSQL."""
        of_one = _made(self._of_one_row(), dialect, self._inserted)
        given = {name: bind.type for bind, name in of_one.bind_names.items() if bind.required}
        kinds = {name: arrays.kind_of(type_, dialect) for name, type_ in given.items()}
        made = _made(arrays.together(self._statement, kinds, self._fixed), dialect)
        fixed = {name: bind.value for bind, name in made.bind_names.items() if not bind.required}
        return _Together(str(made), kinds, fixed)


class _Together(Struct, frozen=True):
    """The text of a statement for many rows, what each parameter's values are sent as, and what is fixed."""

    text: str
    kinds: Mapping[str, Kind]
    fixed: Mapping[str, object]

    def run(self, connection: Connection, names: Sequence[str], rows: Sequence[Sequence[object]]) -> Any:  # noqa: ANN401 - a driver's cursor
        """Run it; `rows` have the stored values of `names`."""
        columns = zip(names, zip(*rows, strict=True), strict=True)
        packed = {name: self.kinds[name].packed(values) for name, values in columns if name in self.kinds}
        return _run(connection, self.text, lambda cursor: cursor.execute(self.text, {**self.fixed, **packed}))


class _Compiled(Struct, frozen=True):
    """The text for one kind of database; of each parameter the name, the conversion, and what is fixed."""

    text: str
    parameters: Sequence[tuple[str, Convert | None, object]]
    reads: Sequence[Convert | None]
    named: bool
    """Whether the parameters have names."""

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.parameters]

    def run(self, connection: Connection, values: Mapping[str, object]) -> Any:  # noqa: ANN401 - a driver's cursor
        stored = self.stored(values)
        parameters = dict(zip(self.names, stored, strict=True)) if self.named else stored
        return _run(connection, self.text, lambda cursor: cursor.execute(self.text, parameters))

    def run_for_each(
        self, connection: Connection, names: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> Any:  # noqa: ANN401 - a driver's cursor
        _require_order(names, self.names)
        return _run(connection, self.text, lambda cursor: cursor.executemany(self.text, rows))

    def read(self, row: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(
            value if convert is None or value is None else convert(value)
            for convert, value in zip(self.reads, row, strict=True)
        )

    def stored(self, values: Mapping[str, object]) -> Sequence[object]:
        """Return the values in the statement's order, as they are stored."""
        made: list[object] = []
        for name, convert, fixed in self.parameters:
            value = values[name] if fixed is None else fixed
            made.append(value if convert is None or value is None else convert(value))
        return made


def _made(statement: CompilerElement, dialect: Dialect, inserted: Sequence[str] | None = None) -> SQLCompiler:
    made = statement.compile(dialect=dialect, column_keys=inserted)
    assert isinstance(made, SQLCompiler)  # noqa: S101 - no statement here is DDL
    return made


def _run(connection: Connection, text: str, run: Callable[[Any], object]) -> Any:  # noqa: ANN401 - a driver's cursor
    """Run a statement on a cursor of the driver, and return that."""
    cursor = connection.connection.cursor()
    try:
        run(cursor)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _wrapped(text, error, connection, cursor) from error
    return cursor


def _cursors(connection: Connection, texts: Several, rows: Sequence[Sequence[object]]) -> Iterator[Any]:
    """Run a statement of SQLite for many rows, as few times as can be."""

    def run(count: int, values: list[object]) -> Any:  # noqa: ANN401 - a driver's cursor
        text = texts.of(count)
        return _run(connection, text, lambda cursor: cursor.execute(text, values))

    return several.in_parts(rows, run)


def _require_order(given: Sequence[str], wanted: Sequence[str] | None) -> None:
    """Refuse a statement of ours whose values would land in each other's places."""
    if list(given) != list(wanted or ()):
        raise ValueError(f"the statement takes {wanted}, in this order, and is given {given}")


def _conversion(type_: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    """Return what makes of a value that is not None what the driver takes."""
    own: Convert | None = getattr(type_, "stored", None)  # our types, without SQLAlchemy's detour
    if own is not None:
        return own
    if isinstance(type_, LargeBinary):
        # For bytes, SQLite's driver looks for an adapter each time; PostgreSQL's takes them as they are.
        return bytearray if dialect.name == "sqlite" else None
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
