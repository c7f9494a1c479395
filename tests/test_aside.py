"""Standard error that keeps nobody waiting: a pipe that nobody reads, as of a supervisor that hangs."""

from __future__ import annotations

import fcntl
import io
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest

from bridge import aside
from bridge.aside import Aside, keeps_waiting

PATIENCE_S = 20
PIPE_BYTES = 4096
LINE = "x" * 99 + "\n"


@dataclass
class Pipe:
    """A pipe of one page, its two ends, and what writes to it."""

    reading: int
    writing: TextIO
    err: Aside

    def fill(self) -> None:
        """Write what a pipe of one page takes."""
        os.write(self.writing.fileno(), b"." * PIPE_BYTES)

    def read(self, count: int) -> str:
        """Return so many bytes, once they are there."""
        got = b""
        while len(got) < count:
            got += os.read(self.reading, count - len(got))
        return got.decode()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    reading, writing = os.pipe()
    if sys.platform == "linux":
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    with os.fdopen(writing, "w", encoding="utf-8", errors="backslashreplace") as stream:
        err = Aside(stream)
        yield Pipe(reading, stream, err)
        os.close(reading)
        err.close()


def test_only_what_has_a_reader_keeps_its_writer_waiting(pipe: Pipe, tmp_path: Path) -> None:
    """A file takes everything, or fails."""
    with (tmp_path / "log").open("w") as file:
        assert [keeps_waiting(pipe.writing), keeps_waiting(file)] == [True, False]
    assert keeps_waiting(file) is False  # it is closed
    assert keeps_waiting(io.StringIO()) is False


def test_all_is_written_in_order_as_it_was_said(pipe: Pipe) -> None:
    """Nothing changes for who reads."""
    print("olá", 1, file=pipe.err)
    assert pipe.err.write("\udce9 fim\n") == 6
    pipe.err.flush()
    expected = "olá 1\n\\udce9 fim\n"
    assert pipe.read(len(expected.encode())) == expected
    pipe.err.close()


def test_who_writes_does_not_wait_for_who_does_not_read(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """So much is kept, in whole lines; the rest is lost, and counted when it can be told."""
    monkeypatch.setattr(aside, "MOST_BYTES", 10_000)
    told: list[int] = []
    heard = threading.Event()

    def lost(lines: int) -> None:
        told.append(lines)
        heard.set()

    pipe.err.lost = lost
    pipe.fill()  # else there would be room again for as much as it takes
    for number in range(1000):
        pipe.err.write(f"{number:5}" + LINE[5:])
    pipe.read(PIPE_BYTES)
    kept = pipe.read(10_000).splitlines(keepends=True)
    assert heard.wait(PATIENCE_S)
    assert kept == [f"{number:5}" + LINE[5:] for number in range(100)]
    assert told == [900]
    pipe.err.write("again\n")
    assert pipe.read(6) == "again\n"


def test_the_end_waits_a_moment_only(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is asked to stop stops, whoever does not read."""
    monkeypatch.setattr(aside, "CLOSING_S", 0.01)
    for _ in range(1000):
        pipe.err.write(LINE)
    pipe.err.close()


def test_a_reader_that_has_gone_disturbs_nobody(pipe: Pipe) -> None:
    """As `bridge run 2>&1 | head -1` leaves it."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, pipe.reading)
    os.close(nothing)
    pipe.err.write(LINE)
    pipe.err.close()
    pipe.err.write(LINE)
    pipe.err.close()


def test_a_pipe_that_keeps_nobody_waiting_gets_all(pipe: Pipe) -> None:
    """Another program that has the same pipe may have told it so."""
    os.set_blocking(pipe.writing.fileno(), False)
    for _ in range(1000):
        pipe.err.write(LINE)
    assert pipe.read(1000 * len(LINE)) == LINE * 1000
