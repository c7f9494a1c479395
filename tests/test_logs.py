"""What the log tells, and to whom."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

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
