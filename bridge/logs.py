"""One line per finished unit of work: for people on a terminal, as JSON otherwise.

Lines carry ids, names from the configuration, outcomes and durations; never a body, a signature, a
secret or a person's name or address. Callers keep to that, and `bridge.core.redact` helps them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TextIO, cast

import orjson

from bridge.clock import SystemClock

if TYPE_CHECKING:
    import structlog

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE


class Log(Protocol):
    """What the program needs of a logger: a sentence, and fields beside it."""

    def debug(self, event: str, **fields: object) -> object:
        """Log what only a developer wants."""
        ...

    def info(self, event: str, **fields: object) -> object:
        """Log finished work."""
        ...

    def warning(self, event: str, **fields: object) -> object:
        """Log what someone may have to look at."""
        ...

    def error(self, event: str, **fields: object) -> object:
        """Log what someone must look at."""
        ...

    def exception(self, event: str, **fields: object) -> object:
        """Log an error with the traceback at hand."""
        ...


def configure(stream: TextIO | None = None, *, level: int = logging.INFO) -> Log:
    """Set up logging for the process and return the program's log; libraries speak from `WARNING` on."""
    out = cast("TextIO", _Unfailing(stream or sys.stderr))
    handler = logging.StreamHandler(out)
    if out.isatty():
        log, formatter = _painted(out, level)
    else:
        at_once, formatter = AtOnce(out, level), _Json()
        log = at_once if level > logging.INFO else Lines(out, at_once)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    return log


class _Unfailing:
    """Takes what it can: a full disk, or a reader that has gone, stops nobody who tells of work."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self.isatty = out.isatty

    def write(self, text: str) -> int:
        """Write, or lose the text."""
        with contextlib.suppress(OSError, ValueError):  # ValueError: it is closed
            return self._out.write(text)
        return len(text)

    def flush(self) -> None:
        """Let nothing wait."""
        with contextlib.suppress(OSError, ValueError):
            self._out.flush()


class Lines:
    """The program's log away from a terminal; what is told of every event is written without structlog.

    Lines about finished work that come in one turn of the event loop are one write.
    """

    def __init__(self, out: TextIO, others: Log) -> None:
        """`others` takes what is seldom."""
        self._out = out
        self._others = others
        self._clock = SystemClock()
        self._gathered: list[bytes] = []
        self._ends: dict[str, bytes] = {}

    def info(self, event: str, **fields: object) -> None:
        """Log finished work."""
        end = self._ends.get(event) or self._end(event)
        try:
            line = orjson.dumps(fields, repr)[:-1] + end if fields else b"{" + end[1:]
        except TypeError:
            line = orjson.dumps(_writable(fields), repr)[:-1] + end
        if self._gathered:
            self._gathered.append(line)
            return
        self._gathered = [line]
        try:
            asyncio.get_running_loop().call_soon(self._write)
        except RuntimeError:  # there is no turn whose end could be waited for
            self._write()

    def debug(self, event: str, **fields: object) -> None:
        """Log what only a developer wants."""
        self._write()
        self._others.debug(event, **fields)

    def warning(self, event: str, **fields: object) -> None:
        """Log what someone may have to look at."""
        self._write()
        self._others.warning(event, **fields)

    def error(self, event: str, **fields: object) -> None:
        """Log what someone must look at."""
        self._write()
        self._others.error(event, **fields)

    def exception(self, event: str, **fields: object) -> None:
        """Log an error with the traceback at hand."""
        self._write()
        self._others.exception(event, **fields)

    def _end(self, event: str) -> bytes:
        """Return what ends the lines of a kind in this moment, from the comma on."""
        said = {"event": event, "level": "info", "timestamp": self._clock.now()}
        end = self._ends[event] = b"," + orjson.dumps(said, repr, _OPTIONS)[1:]
        return end

    def _write(self) -> None:
        if self._gathered:
            lines, self._gathered = self._gathered, []
            self._ends = {}  # one turn is one moment, and has few kinds of lines
            self._out.write(b"".join(lines).decode())
            self._out.flush()


class AtOnce:
    """Writes each line away from a terminal at once, as JSON, from a level on."""

    def __init__(self, out: TextIO, level: int) -> None:
        self._out = out
        self._level = level
        self._clock = SystemClock()

    def debug(self, event: str, **fields: object) -> None:
        """Log what only a developer wants."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Log finished work."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Log what someone may have to look at."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Log what someone must look at."""
        self._write(logging.ERROR, event, fields)

    def exception(self, event: str, **fields: object) -> None:
        """Log an error with the traceback at hand."""
        self._write(logging.ERROR, event, fields, exception=traceback.format_exc().rstrip())

    def _write(self, level: int, event: str, fields: dict[str, object], **more: object) -> None:
        if level >= self._level:
            self._out.write(_line(level, event, self._clock.now(), fields, more) + "\n")
            self._out.flush()


class _Json(logging.Formatter):
    """Makes lines of the same form of what libraries say."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        more = {"exception": self.formatException(record.exc_info)} if record.exc_info else {}
        at = datetime.fromtimestamp(record.created, UTC)
        return _line(record.levelno, record.getMessage(), at, {}, more)


def _line(level: int, event: str, at: datetime, fields: dict[str, object], more: dict[str, Any]) -> str:
    """Return a line as JSON; what JSON has no word for is written as Python shows it."""
    said = fields | {"event": event, "level": logging.getLevelName(level).lower(), "timestamp": at} | more
    try:
        return orjson.dumps(said, repr, orjson.OPT_UTC_Z).decode()
    except TypeError:
        return orjson.dumps(_writable(said), repr, orjson.OPT_UTC_Z).decode()


def _writable(said: dict[str, Any]) -> dict[str, Any]:
    """Return what can be written: no work may fail because it is told of.

    A path that is no UTF-8 has halves of pairs of surrogates, and a number may have more than 64 bits.
    """
    return {name: value if _is_writable(value) else ascii(value) for name, value in said.items()}


def _is_writable(value: object) -> bool:
    try:
        orjson.dumps(value, repr)
    except TypeError:
        return False
    return True


def _painted(out: TextIO, level: int) -> tuple[Log, logging.Formatter]:
    """Return what writes for people, and what does so with what libraries say."""
    library = _structlog()
    shared: list[structlog.typing.Processor] = [
        library.stdlib.add_log_level,
        library.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final = _console(library, colours=_colours_wanted(out))
    library.configure(
        processors=[*shared, *final],
        wrapper_class=library.make_filtering_bound_logger(level),
        logger_factory=library.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    formatter = library.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[library.stdlib.ProcessorFormatter.remove_processors_meta, *final],
    )
    # Bound once: the lazy logger would be made anew for every line.
    return cast("Log", library.get_logger().bind()), formatter


def _structlog() -> ModuleType:
    """Import what only a terminal needs; it would take rich along, for tracebacks, which is most of it."""
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
    import structlog  # noqa: PLC0415

    if sys.modules.get("rich") is None:
        sys.modules.pop("rich", None)
    return structlog


def _colours_wanted(out: TextIO) -> bool:
    """Follow https://no-color.org and terminals that know no colours."""
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _console(library: Any, *, colours: bool) -> list[structlog.typing.Processor]:  # noqa: ANN401 - a module
    # The default formatter prints the local variables, which are people's data.
    renderer = library.dev.ConsoleRenderer(
        colors=colours, pad_event_to=0, pad_level=False, exception_formatter=library.dev.plain_traceback
    )
    return [_said, renderer]


def _said(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Leave out what says nothing: a person reads these lines."""
    return {name: value for name, value in line.items() if value is not None}
