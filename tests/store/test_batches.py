from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import Connection, event, func, make_url, select

from bridge.store.batches import CONFLICT_TRIES, Batches, Done, Failed, Operation
from bridge.store.creation import prepare
from bridge.store.engines import Engines, make_engines
from bridge.store.errors import StoreInDoubt, StoreUnavailable
from bridge.store.news import tell_of_entries
from bridge.store.schema import inbox
from tests.support.stored import new_entry, store_entry

ALONE = timedelta(seconds=1)
"""Long enough for a busy machine to do what nobody hinders, and waited for where somebody does."""


class Commits:
    """Counts the commits of an engine."""

    def __init__(self, engines: Engines) -> None:
        self.count = 0
        event.listen(engines.writer, "commit", self._one_more)

    def _one_more(self, _connection: object) -> None:
        self.count += 1


@pytest.fixture
def batches(engines: Engines) -> Iterator[Batches]:
    made = Batches(engines.writer, engines.name)
    yield made
    made.close()


@pytest.fixture
def admin(store_url: str, backend: str) -> Iterator[psycopg.Connection]:
    """A connection beside the store's own, for what another client may do to it."""
    if backend != "postgresql":
        pytest.fail("ask for PostgreSQL only")
    dsn = make_url(store_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def storing(number: int) -> Operation:
    return lambda connection: store_entry(connection, number)


def raising(error: BaseException) -> Operation:
    """Write something, then fail."""

    def operation(connection: Connection) -> None:
        store_entry(connection, 999)
        raise error

    return operation


def stored(engines: Engines) -> list[str]:
    with engines.reader.begin() as connection:
        return list(connection.scalars(inbox.select().with_only_columns(inbox.c.delivery_key)))


def names(*numbers: int) -> list[str]:
    return [new_entry(number).delivery_key for number in numbers]


def test_a_batch_is_one_commit(engines: Engines, batches: Batches) -> None:
    """One flush of the disk for all that was waiting."""
    commits = Commits(engines)

    results = batches.run([storing(number) for number in range(100)])

    assert all(isinstance(result, Done) for result in results)
    assert len(stored(engines)) == 100
    assert commits.count == 1


@pytest.mark.parametrize("bad", [0, 57, 99])
def test_one_bad_operation_fails_alone(engines: Engines, batches: Batches, bad: int) -> None:
    """Its neighbours are committed, its own writes are not, and it costs a few commits only."""
    commits = Commits(engines)
    operations = [storing(number) for number in range(100)]
    operations[bad] = raising(error := KeyError("mine"))

    results = batches.run(operations)

    assert results[bad] == Failed(error)
    assert sum(isinstance(result, Done) for result in results) == 99
    assert sorted(stored(engines)) == sorted(names(*(n for n in range(100) if n != bad)))
    assert commits.count <= 7


def test_a_row_that_the_database_refuses_fails_alone(engines: Engines, batches: Batches) -> None:
    """On PostgreSQL an error spoils the whole transaction; the others are run again without it."""

    def refused(connection: Connection) -> None:
        connection.execute(inbox.insert(), {"source": "eduzz"})

    first, bad, last = batches.run([storing(1), refused, storing(2)])

    assert isinstance(bad, Failed)
    assert not isinstance(bad.error, StoreUnavailable)
    assert isinstance(first, Done)
    assert isinstance(last, Done)
    assert sorted(stored(engines)) == names(1, 2)


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit(), StopIteration()])
def test_whatever_an_operation_raises_is_its_own(batches: Batches, error: BaseException) -> None:
    """Nothing an operation raises may end the thread that everyone writes through."""
    bad, good = batches.run([raising(error), storing(1)])

    assert bad == Failed(error)
    assert isinstance(good, Done)


def test_all_may_be_bad(engines: Engines, batches: Batches) -> None:
    """Each gets its own error, and the errors do not drag each other along."""
    errors = [ValueError(str(number)) for number in range(5)]

    results = batches.run([raising(error) for error in errors])

    assert results == [Failed(error) for error in errors]
    assert all(error.__context__ is None for error in errors)
    assert stored(engines) == []


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("PRAGMA max_page_count = 1", "database or disk is full"),
        ("PRAGMA query_only = ON", "readonly database"),
    ],
)
@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_full_or_read_only_disk_is_unavailable_and_then_tried_anew(
    engines: Engines, batches: Batches, statement: str, words: str
) -> None:
    """All writers are told, nothing is half written, and the next batch finds the disk as it is then."""
    filler = b"x" * 100_000

    def full(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    batches.run([full])
    failed = batches.run([lambda c: store_entry(c, 1, body=filler), storing(2)])

    for result in failed:
        assert isinstance(result, Failed)
        assert isinstance(result.error, StoreUnavailable)
        assert words in str(result.error)
        assert engines.name in str(result.error)
    assert stored(engines) == []
    assert isinstance(batches.run([storing(3)])[0], Done)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_another_process_that_keeps_the_lock_makes_the_store_unavailable(store_url: str) -> None:
    """After the busy timeout the writers are told; once the lock is gone they write again."""
    engines, other = make_engines(store_url, busy_timeout=ALONE), make_engines(store_url)
    prepare(engines)
    batches = Batches(engines.writer, engines.name)

    with other.writer.begin():
        (failed,) = batches.run([storing(1)])
    (done,) = batches.run([storing(2)])

    assert isinstance(failed, Failed)
    assert isinstance(failed.error, StoreUnavailable)
    assert "database is locked" in str(failed.error)
    assert isinstance(done, Done)
    batches.close()
    engines.dispose()
    other.dispose()


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_connection_lost_while_idle_is_not_noticed(
    engines: Engines, batches: Batches, admin: psycopg.Connection
) -> None:
    """A server that was restarted costs no event."""
    pid = process_of(batches)
    admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))

    assert [type(result) for result in batches.run([storing(1), storing(2)])] == [Done, Done]
    assert process_of(batches) != pid
    assert sorted(stored(engines)) == names(1, 2)


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_lost_connection_is_not_noticed_whatever_notices_it_first(
    engines: Engines, batches: Batches, admin: psycopg.Connection
) -> None:
    """SQLAlchemy gives a connection up by itself, and there is nothing to be found in it after that."""

    def looking(connection: Connection) -> object:
        tell_of_entries(connection)
        return connection.scalar(select(func.count()).select_from(inbox))

    pid = process_of(batches)
    admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    assert batches.run([looking]) == [Done(0)]
    assert process_of(batches) != pid


def test_what_cannot_even_be_undone_is_told_by_its_own_error(engines: Engines, batches: Batches) -> None:
    """And harms no neighbour: nothing of it is left on the connection that follows."""

    def failing(_: Connection) -> None:
        raise RuntimeError("cannot be undone")

    event.listen(engines.writer, "rollback", failing)
    first, bad, last = batches.run([storing(1), raising(LookupError("mine")), storing(2)])
    event.remove(engines.writer, "rollback", failing)
    assert isinstance(bad, Failed)
    assert isinstance(bad.error, LookupError)
    assert [type(result) for result in (first, last)] == [Done, Done]
    assert sorted(stored(engines)) == names(1, 2)


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_connection_lost_before_the_commit_is_tried_anew(
    engines: Engines, batches: Batches, admin: psycopg.Connection
) -> None:
    """Nothing was committed, so the operations are run again from their start."""
    runs = []

    def interrupted(connection: Connection) -> int:
        seq = store_entry(connection, 1)
        runs.append(seq)
        if len(runs) == 1:
            end_session(admin, connection)
            store_entry(connection, 2)
        return seq

    (result,) = batches.run([interrupted])

    assert isinstance(result, Done)
    assert len(runs) == 2
    assert stored(engines) == names(1)


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_connection_lost_in_the_commit_is_told(
    engines: Engines, batches: Batches, admin: psycopg.Connection
) -> None:
    """Whether it was committed nobody knows, so it is not run again behind the callers' backs."""
    runs = []

    def interrupted(connection: Connection) -> None:
        runs.append(store_entry(connection, 1))
        end_session(admin, connection)

    (result,) = batches.run([interrupted])

    assert isinstance(result, Failed)
    assert isinstance(result.error, StoreInDoubt)
    assert len(runs) == 1
    assert isinstance(batches.run([storing(2)])[0], Done)


@pytest.mark.parametrize("backend", ["postgresql"])
@pytest.mark.parametrize("code", ["40P01", "40001"])
def test_a_deadlock_is_tried_again_for_the_operation_alone(
    engines: Engines, batches: Batches, code: str
) -> None:
    """Two nodes that got in each other's way do not fail either's callers."""
    left = CONFLICT_TRIES  # one in company, the rest alone

    def deadlocked(connection: Connection) -> None:
        nonlocal left
        store_entry(connection, 1)
        if left:
            left -= 1
            connection.exec_driver_sql(f"DO $$ BEGIN RAISE 'in the way' USING ERRCODE = '{code}'; END $$")

    assert [type(result) for result in batches.run([storing(2), deadlocked])] == [Done, Done]
    left = 1000
    good, bad = batches.run([storing(3), deadlocked])
    assert isinstance(good, Done)
    assert isinstance(bad, Failed)
    assert isinstance(bad.error, StoreUnavailable)
    assert sorted(stored(engines)) == names(1, 2, 3)


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_row_that_somebody_keeps_locked_holds_up_only_its_own_writer(
    store_url: str, admin: psycopg.Connection
) -> None:
    """An open transaction in somebody's terminal does not stop the bridge."""
    engines = make_engines(store_url, busy_timeout=ALONE)
    batches = Batches(engines.writer, engines.name)

    def blocked(connection: Connection) -> None:
        connection.execute(inbox.update().values(why="blocked"))

    try:
        prepare(engines)
        batches.run([storing(1)])
        with admin.transaction():
            admin.execute("SELECT * FROM inbox FOR UPDATE")
            good, bad = batches.run([storing(2), blocked])
    finally:
        batches.close()
        engines.dispose()

    assert isinstance(good, Done)
    assert isinstance(bad, Failed)
    assert "lock timeout" in str(bad.error)


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_server_that_may_not_be_written_makes_the_store_unavailable(
    engines: Engines, batches: Batches
) -> None:
    """After a fail-over the old address may lead to a standby."""

    def standby(connection: Connection) -> None:
        connection.exec_driver_sql("SET default_transaction_read_only = on")

    batches.run([standby])
    (failed,) = batches.run([storing(1)])

    assert isinstance(failed, Failed)
    assert isinstance(failed.error, StoreUnavailable)
    assert not isinstance(failed.error, StoreInDoubt)
    assert isinstance(batches.run([storing(2)])[0], Done)


def process_of(batches: Batches) -> object:
    (result,) = batches.run([lambda c: c.exec_driver_sql("SELECT pg_backend_pid()").scalar()])
    assert isinstance(result, Done)
    return result.value


def end_session(admin: psycopg.Connection, connection: Connection) -> None:
    pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
    admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
