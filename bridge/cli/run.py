"""`bridge run`: the whole bridge in this process, until a signal asks it to stop."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import errno
import gc
import os
import re
import resource
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import typer
from msgspec import Struct, field

from bridge import logs
from bridge.aside import Aside, keeps_waiting
from bridge.cli.exits import ExitCode, Failure, unavailable
from bridge.cli.opening import good, load_config, need_file, store_trouble, tell_config
from bridge.cli.options import Setup
from bridge.cli.program import say
from bridge.cli.tables import show
from bridge.clock import SystemClock
from bridge.config import last_good
from bridge.config.origin import Origin
from bridge.config.receiving import receiving
from bridge.config.reception import Reception
from bridge.running import start
from bridge.running.start import Running

if TYPE_CHECKING:
    from bridge.sandbox.sandbox import Sandbox

GARBAGE = 10_000
"""Objects that are made before the collector looks; most that an event makes go by themselves."""
OPEN_FILES = 65_536
_PORT = re.compile(r"', (\d+)")
"""In what asyncio says of an address that it cannot bind."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop(Struct):
    """Turns signals into the wish to stop: the first asks, the second ends the process there and then.

    SIGHUP is the wish to load the configuration again.

    Ending at once is safe: what was answered is on disk, and leases that are not given back run out.
    """

    event: asyncio.Event = field(default_factory=asyncio.Event)
    reload: asyncio.Event = field(default_factory=asyncio.Event)
    by: signal.Signals | None = None

    def listen(self) -> None:
        """Take the signals over; called inside the running loop."""
        loop = asyncio.get_running_loop()
        for each in SIGNALS:
            loop.add_signal_handler(each, self._asked, each)
        loop.add_signal_handler(signal.SIGHUP, self._hung_up, _has_terminal())

    def _hung_up(self, had_terminal: bool) -> None:
        """Load the configuration again, unless it is the terminal that was closed."""
        if had_terminal and not _has_terminal():
            self._asked(signal.SIGHUP)
        else:
            self.reload.set()

    def _asked(self, by: signal.Signals) -> None:
        if self.event.is_set():
            os._exit(128 + by)
        self.by = by
        self.event.set()
        say("stopping when what is under way is finished; once more stops at once")


def _has_terminal() -> bool:
    return sys.stdin is not None and not sys.stdin.closed and os.isatty(sys.stdin.fileno())


def run(setup: Setup, *, watch: bool = True) -> None:
    """Run until stopped; exits with 130 after Ctrl-C, with 0 after SIGTERM."""
    if keeps_waiting(sys.stderr):
        sys.stderr = aside = Aside(sys.stderr)
        atexit.register(aside.close)
    stop = asyncio.run(_run(setup, watch=watch))
    if stop.by is signal.SIGINT:
        raise typer.Exit(ExitCode.INTERRUPTED)


async def _run(setup: Setup, *, watch: bool) -> Stop:
    stop = Stop()
    stop.listen()
    _allow_connections()
    log = logs.configure()
    _tell_of_lost_lines(log)
    async with _configured(setup) as (config, origin, stand_ins):
        with store_trouble():
            try:
                await start.run(
                    config,
                    origin,
                    log=log,
                    stop=stop.event,
                    reload=stop.reload,
                    watch=watch,
                    sandbox=stand_ins,
                    started=lambda found: _greet(config, found, sandbox=setup.sandbox),
                )
            except OSError as error:
                raise _cannot_listen(config, error) from error
    return stop


def _tell_of_lost_lines(log: logs.Log) -> None:
    """Have it logged when nobody has read the log for so long that some of it is lost."""
    if not isinstance(sys.stderr, Aside):
        return
    loop = asyncio.get_running_loop()

    def lost(lines: int) -> None:
        with contextlib.suppress(RuntimeError):  # it has ended
            loop.call_soon_threadsafe(
                partial(log.warning, "the log was not read, lines are lost", lines=lines)
            )

    sys.stderr.lost = lost


def _cannot_listen(config: Reception, error: OSError) -> Failure:
    port = next((int(each) for each in _PORT.findall(str(error))), None)
    if error.errno != errno.EADDRINUSE or port is None:
        return unavailable(f"cannot listen: {error.strerror or error}")
    setting = "listen.admin" if port == config.listen.admin.port else "listen.public"
    return unavailable(f"port {port} is in use; stop the other program or change `{setting}`")


@asynccontextmanager
async def _configured(setup: Setup) -> AsyncIterator[tuple[Reception, Origin, Sandbox | None]]:
    """Yield what receiving begins with, and where the rest comes from, at a sandbox if one is wanted."""
    if not setup.sandbox:
        tells = partial(tell_config, setup.path)
        origin = Origin(setup.path, lambda: load_config(setup.path), keeps=True, tells=tells)
        yield _to_receive(origin), origin, None
        return
    from bridge.sandbox.sandbox import Sandbox

    need_file(setup.path)
    stand_ins = Sandbox(SystemClock())
    await stand_ins.open()
    try:
        endpoints = stand_ins.endpoints()
        tells = partial(tell_config, setup.path, sandbox=endpoints)
        origin = Origin(setup.path, lambda: load_config(setup.path, sandbox=endpoints), tells=tells)
        yield good(setup.path, origin.begin().loaded).config, origin, stand_ins
    finally:
        await stand_ins.close()


def _to_receive(origin: Origin) -> Reception:
    """Return what receiving needs; once there was a good configuration, a broken one does not matter."""
    kept = last_good.recall(origin.path)
    found = None if kept is None else receiving(origin.path, os.environ, kept)
    if found is None:
        need_file(origin.path)
        return good(origin.path, origin.begin().loaded).config
    if found.kept:
        say(f"receiving begins with the last good configuration, for {', '.join(found.kept)}")
    if found.lost:
        say(f"nothing is received from {', '.join(found.lost)}: nothing is known of the secrets")
    return found.config


def _allow_connections() -> None:
    """Raise the limit of open files to what the system allows: every idle connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, OPEN_FILES)), hard))


def _greet(config: Reception, running: Running, *, sandbox: bool) -> None:
    gc.freeze()  # rules, modules, statements: looking through them again and again would find nothing
    gc.enable()
    gc.set_threshold(GARBAGE, 10, 10)
    for name in config.sources:
        show(f"receiving {name} on {running.public_url}/hooks/{name}")
    if running.services is None:
        say(running.configuration.sentence, *running.configuration.problems)
    else:
        for warning in running.services.loaded.warnings:
            say(str(warning))
    show(f"admin pages on {running.admin_url}" + (", with everything that is sent" if sandbox else ""))
