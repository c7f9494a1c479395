"""What the log tells, and to whom."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from bridge import logs


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Give the process its own logging back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def fail(log: logs.Log) -> None:
    address = "maria@aluna.example"
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        log.exception("work failed", entry=len(address))


def test_away_from_a_terminal_a_line_is_json_with_a_time_in_utc() -> None:
    """Machines read one object per line."""
    out = io.StringIO()
    logs.configure(out).info("event dispatched", entry=7)
    line = json.loads(out.getvalue())
    assert (line["event"], line["entry"], line["level"]) == ("event dispatched", 7, "info")
    assert line["timestamp"].endswith("Z")


def test_trouble_away_from_a_terminal_has_the_same_form() -> None:
    """Whoever reads the lines needs one way for the work and for what went wrong, ours or a library's."""
    out = io.StringIO()
    log = logs.configure(out)
    log.debug("ping answered")
    log.warning("request refused", source="eduzz", path=Path("a"))
    fail(log)
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        logging.getLogger("some.library").exception("failed for %s", "once")
    refused, failed, of_a_library = (json.loads(line) for line in out.getvalue().splitlines())
    assert list(refused) == ["source", "path", "event", "level", "timestamp"]
    assert (refused["level"], refused["path"]) == ("warning", "PosixPath('a')")
    assert list(failed) == ["entry", "event", "level", "timestamp", "exception"]
    assert (failed["level"], failed["exception"].splitlines()[-1]) == ("error", "RuntimeError: broken")
    assert list(of_a_library) == ["event", "level", "timestamp", "exception"]
    assert (of_a_library["event"], of_a_library["level"]) == ("failed for once", "error")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("/srv/caf\udce9/bridge.db", r"'/srv/caf\udce9/bridge.db'"),
        (2**64, "18446744073709551616"),
        ({1: "a"}, "{1: 'a'}"),
    ],
    ids=["a path that is no UTF-8", "a long number", "keys that are no text"],
)
@pytest.mark.parametrize("level", ["info", "warning", "error", "exception"])
def test_what_json_cannot_hold_is_told_of_all_the_same(level: str, value: object, shown: str) -> None:
    """Whoever tells of work goes on with it, so telling never fails."""
    out = io.StringIO()
    getattr(logs.configure(out), level)("the store cannot be used", why=value, entry=7)
    line = json.loads(out.getvalue())
    assert (line["why"], line["entry"], line["level"]) == (shown, 7, level.replace("exception", "error"))
    assert line["timestamp"].endswith("Z")


def test_a_command_that_is_quiet_tells_only_of_trouble() -> None:
    """Its own words are what people asked for."""
    out = io.StringIO()
    log = logs.configure(out, level=logging.WARNING)
    log.info("event dispatched")
    log.warning("request refused")
    (line,) = out.getvalue().splitlines()
    assert json.loads(line)["event"] == "request refused"


@pytest.mark.parametrize("out", [io.StringIO(), Terminal()], ids=["json", "terminal"])
def test_a_traceback_never_shows_local_variables(out: io.StringIO) -> None:
    """They hold people's names and addresses."""
    fail(logs.configure(out))
    assert "RuntimeError" in out.getvalue()
    assert "maria@" not in out.getvalue()


def test_a_terminal_that_wants_no_colours_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR is honoured, and what says nothing is left out."""
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    logs.configure(out).info("attempt finished", delivery="ab", reason=None)
    assert "\x1b" not in out.getvalue()
    assert "reason" not in out.getvalue()


def test_libraries_speak_through_the_same_log_from_warnings_on() -> None:
    """One format for all lines, and no chatter."""
    out = io.StringIO()
    logs.configure(out)
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("take care")
    (line,) = out.getvalue().splitlines()
    assert json.loads(line)["event"] == "take care"


class Full(io.StringIO):
    """A stream to a disk that is full, or to a reader that has gone."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.isatty = lambda: terminal  # type: ignore[method-assign]

    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("terminal", [True, False])
async def test_a_log_that_cannot_be_written_stops_no_work(
    capsys: pytest.CaptureFixture[str], *, terminal: bool
) -> None:
    """Whoever tells of what is done has to do the rest."""
    log = logs.configure(Full(terminal=terminal))
    failed: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))
    log.info("event dispatched")
    await asyncio.sleep(0)
    log.info("event dispatched")
    log.debug("ping answered")
    log.warning("request refused", source="eduzz")
    log.error("event not stored")
    fail(log)
    logging.getLogger("of.a.library").warning("careful")
    await asyncio.sleep(0)
    assert (failed, capsys.readouterr().err) == ([], "")
