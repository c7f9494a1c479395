"""Group commit: many operations in one transaction, and a bad one that does not harm its neighbours."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import assert_never

from msgspec import Struct
from sqlalchemy import Connection, Engine, Transaction
from sqlalchemy.exc import SQLAlchemyError

from bridge.store.errors import StoreError, StoreInDoubt, StoreUnavailable
from bridge.store.faults import Fault, fault_of, reason

Operation = Callable[[Connection], object]
"""Reads and writes in a transaction it does not end. May be run again from the start after a rollback."""

CONFLICT_TRIES = 3


class Done(Struct, frozen=True):
    """The operation was committed; `value` is what it returned."""

    value: object


class Failed(Struct, frozen=True):
    """The operation left no trace, or, after a connection lost in a commit, an unknown one."""

    error: BaseException


class Batches:
    """Runs batches over one connection, which it opens when needed and drops when the store fails.

    `check` is called before each connection and each commit, and raises when the store is not what it was;
    `committed` after each commit, and what it raises harms nobody. Belongs to one thread.
    """

    def __init__(
        self,
        engine: Engine,
        name: str,
        check: Callable[[], None] = lambda: None,
        committed: Callable[[Connection], None] = lambda _: None,
    ) -> None:
        self._engine = engine
        self._name = name
        self._check = check
        self._committed = committed
        self._connection: Connection | None = None

    def run(self, operations: Sequence[Operation]) -> list[Done | Failed]:
        """Run and commit the operations together; where one raises, the rest still commit.

        After an error the halves are run on their own, and so on down to the operation at fault: it costs one
        bad operation a few commits more, not one commit for each of its neighbours.
        """
        return self._run(operations, tries=1)

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self, operations: Sequence[Operation], *, tries: int) -> list[Done | Failed]:
        try:
            return [Done(value) for value in self._transaction(operations)]
        except BaseException as raised:  # noqa: BLE001 - whatever an operation raises belongs to its caller
            error = raised
        # Outside the `except`, so that the errors of later tries do not drag the earlier ones along.
        return self._failed(operations, error, tries)

    def _failed(
        self, operations: Sequence[Operation], error: BaseException, tries: int
    ) -> list[Done | Failed]:
        match fault_of(error):
            case Fault.LOST if tries == 1:  # the server was restarted while the connection lay idle
                self._drop()
                return self._run(operations, tries=2)
            case Fault.LOST | Fault.UNAVAILABLE:
                self._drop()
                return [Failed(self._unavailable(error)) for _ in operations]
            case Fault.OWN | Fault.CONFLICT | Fault.CHANGED if len(operations) > 1:
                middle = len(operations) // 2
                return self.run(operations[:middle]) + self.run(operations[middle:])
            case Fault.CONFLICT if tries < CONFLICT_TRIES:
                return self._run(operations, tries=tries + 1)
            case Fault.CONFLICT | Fault.CHANGED:
                return [Failed(self._unavailable(error))]
            case Fault.OWN:
                return [Failed(error)]
            case never:
                assert_never(never)

    def _transaction(self, operations: Sequence[Operation]) -> list[object]:
        connection = self._connect()
        transaction = connection.begin()
        try:
            values = [operation(connection) for operation in operations]
            self._check()
        except BaseException:
            self._roll_back(transaction)
            raise
        try:
            transaction.commit()
        except Exception as error:
            # Run again, a commit that did arrive would be run twice: this one is for the callers to sort out.
            self._drop()
            raise StoreInDoubt(*self._unavailable(error).args) from error
        with contextlib.suppress(Exception):  # what is committed stands, and is not run again
            self._committed(connection)
        return values

    def _roll_back(self, transaction: Transaction) -> None:
        """Undo; where that fails too, the connection is given up, and the first error is told."""
        try:
            transaction.rollback()
        except Exception:  # noqa: BLE001 - the database undoes what nobody is connected for any more
            self._drop()

    def _connect(self) -> Connection:
        if self._connection is None:
            try:
                self._check()  # SQLite would make an empty file where there is none
                self._connection = self._engine.connect()
            except (SQLAlchemyError, StoreError) as error:
                raise self._unavailable(error) from error
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self.close()

    def _unavailable(self, error: BaseException) -> StoreUnavailable:
        if isinstance(error, StoreUnavailable):
            return error
        if isinstance(error, StoreError):
            return StoreUnavailable(*error.args)
        return StoreUnavailable(f"the store {self._name} cannot be written: {reason(error)}")
