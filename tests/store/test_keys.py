"""`(source, event id)` is stored once for ever, on SQLite without a unique index."""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import Connection, func, select

from bridge.core.identity import entry_key
from bridge.store import inbox, keys
from bridge.store.batches import Batches, Done, Failed, Operation
from bridge.store.creation import prepare
from bridge.store.engines import Engines, make_engines
from bridge.store.entries import Accepted
from bridge.store.schema import entry_keys
from bridge.store.schema import inbox as inbox_table
from bridge.store.schema import settings as settings_table
from tests.store.test_processes import running
from tests.support.stored import new_entry

POOL = 60
"""Different events in the play; their keys have few tags, so that many have one in common."""
TAGS = 7
SMALL = (6, 3)
"""How many keys are kept in memory, and moved in one go."""


def key_of(number: int) -> bytes:
    return bytes([number % TAGS * 40]) * keys.TAG_BYTES + entry_key("eduzz", str(number))[keys.TAG_BYTES :]


def sweep(connection: Connection, most: int = keys.MOST, step: int = keys.STEP) -> None:
    """Take in what is new, and move keys, as before something is stored."""
    last = connection.scalar(select(func.max(inbox_table.c.seq))) or 0
    assert keys.stored(connection, [], last=last, most=most, step=step) == {}


def accept(connection: Connection, numbers: Sequence[int], most: int, step: int) -> list[Accepted]:
    """Store entries as the bridge does, with fewer keys in memory."""
    sweep(connection, most, step)
    return inbox.accept_all(connection, [(new_entry(number, key=key_of(number)), None) for number in numbers])


def in_memory(connection: Connection) -> int:
    """Return how many keys there are, which must be how many it thinks there are."""
    counted = connection.exec_driver_sql("SELECT count(*) FROM temp.recent_keys").scalar()
    assert connection.info["bridge-keys-seen"][1] == counted
    return int(counted or 0)


class Wanted(Exception):
    """A rollback that was asked for."""


transactions = st.lists(
    st.tuples(st.lists(st.integers(0, POOL - 1), min_size=1, max_size=8), st.booleans()),
    min_size=1,
    max_size=4,
)
"""Operations of one transaction: the events that come, and whether it fails in the end."""


class Play(RuleBasedStateMachine):
    """Two processes write to one file, and die; `numbers` is what the store must know."""

    made: bytes
    """An empty store."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.file = self.folder / "bridge.db"
        self.file.write_bytes(self.made)
        self.numbers: dict[int, int] = {}
        self.lives = 0
        self.open()

    def open(self) -> None:
        self.engines = [make_engines(f"sqlite:///{self.file}") for _ in range(2)]
        self.batches = [Batches(engines.writer, "x") for engines in self.engines]

    def close(self) -> None:
        for batches, engines in zip(self.batches, self.engines, strict=True):
            batches.close()
            engines.dispose()

    def teardown(self) -> None:
        self.close()
        shutil.rmtree(self.folder)

    @rule(
        who=st.integers(0, 1),
        together=transactions,
        size=st.sampled_from([SMALL, (0, 1), (9, 4), (10**6, 1)]),
    )
    def come(self, who: int, together: list[tuple[list[int], bool]], size: tuple[int, int]) -> None:
        """Events come, some again, some of them in one operation; an operation that fails leaves nothing."""

        def operation(numbers: list[int], *, fails: bool) -> Operation:
            def run(connection: Connection) -> list[Accepted]:
                accepted = accept(connection, numbers, *size)
                if fails:
                    raise Wanted
                return accepted

            return run

        done = self.batches[who].run([operation(numbers, fails=fails) for numbers, fails in together])
        for (numbers, fails), result in zip(together, done, strict=True):
            if fails:
                assert isinstance(result, Failed)
                assert isinstance(result.error, Wanted)
            else:
                assert isinstance(result, Done), result
                self.compare(numbers, result.value)

    def compare(self, numbers: list[int], accepted: Any) -> None:
        for number, each in zip(numbers, accepted, strict=True):
            assert each.duplicate == (number in self.numbers)
            assert each.seq == self.numbers.setdefault(number, each.seq)

    @rule(who=st.integers(0, 1))
    def reconnect(self, who: int) -> None:
        """A connection is dropped, as after an error."""
        self.batches[who]._drop()

    @rule()
    def restart(self) -> None:
        """Both processes end, and begin anew."""
        self.close()
        self.open()

    @rule()
    def lose_power(self) -> None:
        """Everything ends where it is, and goes on with what is in the files; or a backup is restored."""
        self.lives += 1
        folder = self.folder / str(self.lives)
        folder.mkdir()
        for file in self.file.parent.glob("bridge.db*"):
            if not file.name.endswith("-shm"):
                shutil.copy(file, folder)
        self.close()
        self.file = folder / "bridge.db"
        self.open()

    @invariant()
    def whoever_reads_finds_the_same(self) -> None:
        pool = {key_of(number): number for number in range(POOL)}
        with self.engines[0].reader.begin() as connection:
            found = keys.find(connection, list(pool))
            count = connection.scalar(select(func.count()).select_from(inbox_table))
        assert {pool[key]: seq for key, seq in found.items()} == self.numbers
        assert count == len(self.numbers)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of an empty store."""
    file = tmp_path_factory.mktemp("empty") / "bridge.db"
    engines = make_engines(f"sqlite:///{file}")
    prepare(engines)
    engines.dispose()
    return file.read_bytes()


@pytest.mark.timeout(300)
def test_an_event_is_stored_once_whatever_happens(empty: bytes) -> None:
    """Beside a plain dictionary: two processes, rollbacks, restarts, keys that are moved all the time."""

    class OnCopy(Play):
        made = empty

    # The first play that fails is shown as it is: to make it short would take longer than a test may.
    found = settings(max_examples=40, stateful_step_count=30, derandomize=True, phases=(Phase.generate,))
    run_state_machine_as_test(OnCopy, settings=found)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Engines]:
    """A store in a file."""
    engines = make_engines(f"sqlite:///{tmp_path / 'bridge.db'}")
    prepare(engines)
    yield engines
    engines.dispose()


def test_no_operation_moves_more_than_its_share(sqlite: Engines) -> None:
    """And memory holds no more than the limit and what came since; all but the newest get into the store."""
    most, step = 300, 40
    moved: list[int] = []
    held: list[int] = []
    with sqlite.writer.connect() as connection:
        for first in range(0, 4000, 20):
            with connection.begin():
                before = connection.scalar(select(func.count()).select_from(entry_keys))
                sweep(connection, most, step)
                inbox.accept_all(
                    connection, [(new_entry(number), None) for number in range(first, first + 20)]
                )
                after = connection.scalar(select(func.count()).select_from(entry_keys))
                moved.append((after or 0) - (before or 0))
                held.append(in_memory(connection))
    assert max(moved) == step
    assert max(held) < most + 2 * 20
    assert sum(moved) > 4000 - most - step
    with sqlite.reader.begin() as connection:
        left = connection.exec_driver_sql(
            f"SELECT count(*) FROM inbox WHERE seq > (SELECT CAST(value AS INTEGER) FROM settings "
            f"WHERE key = '{keys.MARK}')"
        ).scalar()
        assert 0 < (left or 0) <= 4 * most + step, "a start need not read more than two rounds"


def test_a_start_reads_no_more_than_two_rounds(sqlite: Engines) -> None:
    """What memory holds then is moved like all else, and everything is known."""
    most, step = 100, 60
    with sqlite.writer.connect() as connection, connection.begin():
        for first in range(0, 3000, 50):
            sweep(connection, most, step)
            inbox.accept_all(connection, [(new_entry(number), None) for number in range(first, first + 50)])
    sqlite.writer.dispose()
    with sqlite.writer.connect() as connection, connection.begin():
        sweep(connection)
        assert 0 < in_memory(connection) <= 4 * (most + 50)
        for _ in range(20):
            sweep(connection, most, step)
        assert in_memory(connection) < most
        again = inbox.accept_all(connection, [(new_entry(number), None) for number in range(3000)])
        assert all(each.duplicate for each in again)


def stores(engines: Engines, numbers: Sequence[int]) -> list[bool]:
    """Store entries in a transaction; returns which of them were there."""
    with engines.writer.begin() as connection:
        accepted = inbox.accept_all(connection, [(new_entry(number), None) for number in numbers])
        return [each.duplicate for each in accepted]


def test_nothing_to_store_is_nothing(sqlite: Engines) -> None:
    """And what comes after it is stored."""
    for numbers in ([0], [1], [], [2], [0, 1, 2]):
        again = stores(sqlite, numbers)
    assert again == [True, True, True]


def test_an_older_store_is_put_into_the_file_of_one_that_is_open(sqlite: Engines, tmp_path: Path) -> None:
    """As `sqlite3 bridge.db ".restore …"` does it: what was stored by then is still known."""
    stores(sqlite, range(5))
    copy(tmp_path / "bridge.db", tmp_path / "backup.db")
    with sqlite.writer.begin() as connection:
        inbox.accept_all(connection, [(new_entry(number), None) for number in range(5, 20)])
        sweep(connection, 1, 10)  # half of them leave memory for a table that is about to go back
    copy(tmp_path / "backup.db", tmp_path / "bridge.db")
    assert stores(sqlite, range(10)) == [True] * 5 + [False] * 5
    assert stores(sqlite, range(10)) == [True] * 10


def copy(source: Path, target: Path) -> None:
    """Copy a store into a file as SQLite does it, while others have both open."""
    with closing(sqlite3.connect(source)) as whence, closing(sqlite3.connect(target)) as where:
        whence.backup(where)


def test_a_mark_beyond_all_entries_is_no_mark(sqlite: Engines) -> None:
    """Somebody has emptied the inbox by hand, and its numbers begin anew."""
    with sqlite.writer.begin() as connection:
        connection.exec_driver_sql("INSERT INTO settings (key, value) VALUES (?, ?)", (keys.MARK, b"10"))
    assert stores(sqlite, range(5)) == [False] * 5
    sqlite.writer.dispose()
    assert stores(sqlite, range(20)) == [True] * 5 + [False] * 15
    sqlite.writer.dispose()
    assert stores(sqlite, range(20)) == [True] * 20
    with sqlite.reader.begin() as connection:
        assert len(keys.find(connection, [new_entry(number).key for number in range(20)])) == 20


def test_what_another_process_has_moved_is_not_taken_into_memory(sqlite: Engines) -> None:
    """A bridge that has little to do must not hold all that is imported beside it."""
    most, step = 100, 60
    with sqlite.writer.connect() as quiet:
        with quiet.begin():
            inbox.accept_all(quiet, [(new_entry(number), None) for number in range(10)])
            sweep(quiet, 1, 3)  # the beginning of a round
        other = make_engines(f"sqlite:///{sqlite.file}")
        with other.writer.connect() as connection, connection.begin():
            for first in range(0, 3000, 50):
                sweep(connection, most, step)
                inbox.accept_all(
                    connection, [(new_entry(number), None) for number in range(first, first + 50)]
                )
        other.dispose()
        with quiet.begin():
            sweep(quiet, most, step)
            assert 0 < in_memory(quiet) <= 4 * (most + 50)
            again = inbox.accept_all(quiet, [(new_entry(number), None) for number in range(3000)])
            assert all(each.duplicate for each in again)
            marks = [mark(quiet)]
            while in_memory(quiet):
                sweep(quiet, 1, step)
                marks.append(mark(quiet))
            assert marks == sorted(marks), "the quiet one's round began long ago"
            assert marks[0] > 2000


def mark(connection: Connection) -> int:
    """Return up to which entry all keys are in the store, as it says."""
    value = connection.scalar(select(settings_table.c.value).where(settings_table.c.key == keys.MARK))
    return int(value or 0)


def moves(connection: Connection) -> None:
    """Do what the sweep does, from round to round."""
    for first in range(0, 200, 10):
        sweep(connection, 10, 4)
        inbox.accept_all(connection, [(new_entry(number), None) for number in range(first, first + 10)])


def plan_of(connection: Connection, statement: Any, values: Mapping[str, object]) -> list[str]:
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
    return [row.detail for row in rows]


TEXTS = {
    "take in": str(keys._TAKE_IN._statement),
    "ask": keys._ALIKE.of(8),
    "end of a step": str(keys._END_OF_STEP._statement),
    "move": str(keys._MOVE._statement),
    "drop": str(keys._DROP._statement),
}


@pytest.mark.parametrize(
    ("name", "indexes"),
    [
        ("take in", ["SEARCH inbox USING COVERING INDEX inbox_keys (seq>? AND seq<?)"]),
        ("ask", ["SEARCH recent USING PRIMARY KEY (tag=?)", "SEARCH older USING PRIMARY KEY (tag=?)"]),
        ("end of a step", ["SEARCH recent_keys USING PRIMARY KEY (tag>?)"]),
        ("move", ["SEARCH recent_keys USING PRIMARY KEY (tag>? AND tag<?)"]),
        ("drop", ["SEARCH recent_keys USING PRIMARY KEY (tag>? AND tag<?)"]),
    ],
)
def test_keys_are_looked_up_never_read_through(sqlite: Engines, name: str, indexes: list[str]) -> None:
    """Whatever is done for every event costs the same in a big store."""
    text = re.sub(r":given_\w+", "?", TEXTS[name])
    with sqlite.writer.begin() as connection:
        moves(connection)
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", (b"",) * text.count("?"))
        plan = [row.detail.replace("temp.", "").replace(" TABLE", "").replace(" AS ", " ") for row in rows]
    for index in indexes:
        assert any(index in step.replace("recent_keys recent", "recent") for step in plan), plan
    assert [
        step for step in plan if step.startswith("SCAN") and "given" not in step and "CONST" not in step
    ] == []


def test_a_kill_in_the_middle_of_moving_leaves_each_event_once(tmp_path: Path) -> None:
    """After kill -9 the same events come again, to a new process that is killed as well, and so on."""
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    acknowledged: dict[int, int] = {}
    for life in range(4):
        with running("keys_for_ever.py", url) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(300 + 50 * life)]
            process.send_signal(signal.SIGKILL)
            lines += process.stdout.read().split("\n")[:-1]
        for line in lines:
            number, seq, _ = map(int, line.split())
            assert acknowledged.setdefault(number, seq) == seq
    engines = make_engines(url)
    with engines.reader.begin() as connection:
        rows = connection.execute(select(inbox_table.c.key, inbox_table.c.seq)).all()
        assert len({row.key for row in rows}) == len(rows) >= len(acknowledged)
        assert (connection.scalar(select(func.count()).select_from(entry_keys)) or 0) > 100
        found = keys.find(connection, [new_entry(number).key for number in acknowledged])
    assert found == {new_entry(number).key: seq for number, seq in acknowledged.items()}
    engines.dispose()
