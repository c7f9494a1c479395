"""Many rows as one statement, on PostgreSQL: the values of each column travel as one array.

Of a statement that is run once for each row, the server reads, plans, starts and ends every run, and the
driver writes and reads a message for it: together that costs more than what is done to the row.

The arrays are in the binary form of the server's `array_recv`: number of dimensions, whether there are NULLs,
the elements' type, length, lower bound, then each element's length (-1 for NULL) and bytes, all of it in
network byte order (src/backend/utils/adt/arrayfuncs.c).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from struct import Struct as Layout
from typing import Any, cast

from msgspec import Struct
from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    Integer,
    LargeBinary,
    Select,
    String,
    Text,
    TypeDecorator,
    all_,
    bindparam,
    column,
    func,
    select,
)
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.elements import CompilerElement
from sqlalchemy.sql.visitors import ExternallyTraversible, replacement_traverse
from sqlalchemy.types import TypeEngine, UserDefinedType

_Elements = Callable[[Sequence[Any]], Sequence[bytes | bytearray]]
_HEAD = Layout(">iiIii")
_NULL = b"\xff\xff\xff\xff"


class Packed(bytes):
    """An array as the server takes it."""

    __slots__ = ()


class Numbers(UserDefinedType[Sequence[int]]):
    """Whole numbers as one array: however many there are, the statement's text is the same."""

    cache_ok = True
    render_bind_cast = True

    def get_col_spec(self, **_: object) -> str:
        """Return what the server calls it."""
        return "BIGINT[]"

    def bind_processor(self, dialect: Dialect) -> Callable[[Sequence[int] | None], Packed]:
        """Return what makes of numbers what the driver takes."""
        kind = kind_of(BigInteger(), dialect)
        return lambda numbers: kind.packed(numbers or ())


def is_not_among(number: Column[int], name: str) -> ColumnElement[bool]:
    """Return the test that a column has none of the numbers of the parameter `given_<name>`."""
    return number != all_(bindparam(f"given_{name}", type_=Numbers()))


class Kind(Struct, frozen=True):
    """How a type's values are sent: the array's type, its elements' number in `pg_type`, their bytes."""

    type: TypeEngine[Any]
    oid: int
    elements: _Elements

    def packed(self, values: Sequence[Any]) -> Packed:
        """Return the array of values, None for NULL."""
        head = _HEAD.pack(1, None in values, self.oid, len(values), 1)
        return Packed(head + b"".join(self.elements(values)))


def kind_of(type_: TypeEngine[Any], dialect: Dialect) -> Kind:
    """Return how the stored values of a column of this type are sent."""
    plain = type_.load_dialect_impl(dialect) if isinstance(type_, TypeDecorator) else type_
    return next(kind for of, kind in _KINDS if isinstance(plain, of))


def together(
    statement: CompilerElement,
    kinds: Mapping[str, Kind],
    fixed: Mapping[str, ColumnElement[Any]],
) -> CompilerElement:
    """Return the statement that does for arrays what `statement` does for the parameters of these names.

    `fixed` are an INSERT's columns that have the same value in every row. What is made of a SELECT says for
    each row of the arrays, in their order, whether there is anything.
    """
    arrays = [bindparam(name, type_=ARRAY(kind.type)) for name, kind in kinds.items()]
    columns = [column(name, kind.type) for name, kind in kinds.items()]
    given = func.unnest(*arrays).table_valued(*columns).render_derived(name="given")
    if isinstance(statement, Insert):
        return statement.from_select([*kinds, *fixed], select(*given.c, *fixed.values()))

    def in_its_place(element: object, **_: object) -> ColumnElement[Any] | None:
        return given.c[element.key] if isinstance(element, BindParameter) and element.required else None

    made = replacement_traverse(cast("ExternallyTraversible", statement), {}, in_its_place)
    if isinstance(made, Select):
        # Asked row by row: as a join, it would depend on what the server knows of the table's size.
        return select(made.correlate(given).scalar_subquery().is_not(None)).select_from(given)
    assert isinstance(made, CompilerElement)  # noqa: S101 - the same kind of thing as before
    return made


def teach(connection: Any) -> None:  # noqa: ANN401 - psycopg may not be installed
    """Let a connection take arrays that are packed."""
    from psycopg.adapt import Dumper  # noqa: PLC0415
    from psycopg.pq import Format  # noqa: PLC0415

    class PackedDumper(Dumper):
        """Passes the bytes on; the statement says what they are."""

        format = Format.BINARY
        oid = 0

        def dump(self, obj: Packed) -> Packed:
            return obj

    connection.adapters.register_dumper(Packed, PackedDumper)


def _numbers(layout: Layout) -> _Elements:
    length, pack = layout.size - 4, layout.pack
    return lambda values: [_NULL if value is None else pack(length, value) for value in values]


def _raw(values: Sequence[bytes | bytearray | None]) -> list[bytes | bytearray]:
    parts: list[bytes | bytearray] = []
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            parts += (len(value).to_bytes(4, "big"), value)
    return parts


def _texts(values: Sequence[str | None]) -> list[bytes | bytearray]:
    return _raw([None if value is None else value.encode() for value in values])


# The first one fits: a big number is a number, and a text a string.
_KINDS = (
    (Boolean, Kind(Boolean(), 16, _numbers(Layout(">i?")))),
    (BigInteger, Kind(BigInteger(), 20, _numbers(Layout(">iq")))),
    (Integer, Kind(Integer(), 23, _numbers(Layout(">ii")))),
    (LargeBinary, Kind(LargeBinary(), 17, _raw)),
    (String, Kind(Text(), 25, _texts)),
)
