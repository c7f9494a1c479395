"""What most commands begin with: read the configuration, open the store; or fail with the right exit code."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr

from bridge import logs
from bridge.bootstrap import Services, open_services
from bridge.channels.base import Endpoints
from bridge.cli.exits import Failure, not_found, unavailable
from bridge.cli.options import Setup
from bridge.cli.program import say
from bridge.cli.text import so_many
from bridge.config import last_good
from bridge.config.loaded import Broken, Loaded
from bridge.config.receiving import receiving
from bridge.config.reception import Reception
from bridge.store.creation import plan
from bridge.store.errors import StoreError, StoreInUse, StoreUnavailable

T = TypeVar("T")
NOWHERE = Endpoints(
    smtp_url="smtp://127.0.0.1:1", slack_api_url="http://127.0.0.1:1/", webhook_url="http://127.0.0.1:1"
)
"""Stand-ins for commands that deliver nothing; nobody listens there."""
_SQLITE = "sqlite:///"


def read_config(path: Path, *, sandbox: Endpoints | None = None) -> Loaded | Broken:
    """Read the configuration, its channels pointed at `sandbox`; fails when there is no such file."""
    need_file(path)
    return load_config(path, sandbox=sandbox)


def need_file(path: Path) -> None:
    """Fail when there is no such file."""
    if not path.is_file():
        raise not_found(
            f"there is no configuration file {path}", "`bridge init` writes one; `-c FILE` names another"
        )


def load_config(path: Path, *, sandbox: Endpoints | None = None) -> Loaded | Broken:
    """Load the configuration; without a file it is broken.

    In a sandbox the store is another one too, so that trying things out touches no real delivery.
    """
    found = _load(path, sandbox)
    return _with_own_store(found) if sandbox and isinstance(found, Loaded) else found


def _load(path: Path, sandbox: Endpoints | None) -> Loaded | Broken:
    from bridge.config.load import load  # `run` receives before it compiles rules and templates

    return load(path, os.environ, sandbox=sandbox)


def tell_config(
    path: Path, first: Reception, good: bytes | None, *, sandbox: Endpoints | None = None
) -> Loaded | str:
    """Return what tells the owner while the configuration is broken, or why nothing can."""
    from bridge.config.telling import telling

    return telling(path, os.environ, first, good, sandbox)


def need_config(path: Path, *, sandbox: Endpoints | None = None) -> Loaded:
    """Return the configuration, or fail with every problem."""
    return good(path, read_config(path, sandbox=sandbox))


def config_to_look_at(setup: Setup, *, quiet: bool = False) -> Loaded:
    """Return the configuration for a command that delivers nothing, so that no secret has to be set."""
    return good(setup.path, look(setup, quiet=quiet))


def config_to_list(setup: Setup) -> Loaded:
    """Return the configuration for a command that lists what is stored, which no broken file hides.

    Of a broken one the store and the zone are known, by the last good one if need be; rules and channels not.
    """
    found = look(setup, quiet=True)
    return _without_rules(setup, found, "this is what the store knows without it")


def config_to_send(setup: Setup) -> Loaded:
    """Return the configuration for a command that plays a platform: a bridge receives with a broken one too.

    Of a broken one the sources are known, and where the bridge listens.
    """
    return _without_rules(setup, look(setup), "what a running bridge receives by is known all the same")


def _without_rules(setup: Setup, found: Loaded | Broken, comfort: str) -> Loaded:
    """Return a configuration, of a broken one what receiving needs, and say so; or fail with the problems."""
    if isinstance(found, Loaded):
        return found
    kept = None if setup.sandbox else last_good.recall(setup.path)
    known = None if kept is None else receiving(setup.path, os.environ, kept)
    if known is None:
        return good(setup.path, found)
    say(f"{setup.path} is broken, see `bridge check`; {comfort}")
    from bridge.config.load import bare

    return bare(setup.path, known.config)


def look(setup: Setup, *, quiet: bool = False) -> Loaded | Broken:
    """Return the same, or what is wrong with it."""
    if setup.sandbox:
        return read_config(setup.path, sandbox=NOWHERE)
    found = read_config(setup.path)
    if isinstance(found, Loaded):
        return found
    lenient = _load(setup.path, NOWHERE)
    if isinstance(lenient, Loaded) and not quiet:
        say("not everything is set up: secrets and addresses are stand-ins, see `bridge check`")
    return lenient


def with_services(loaded: Loaded, work: Callable[[Services], Awaitable[T]]) -> T:
    """Open the store and what belongs to it, do the work, close it; store trouble ends the command."""

    async def run() -> T:
        async with open_services(loaded, log=logs.configure(level=logging.WARNING)) as opened:
            return await work(opened)

    with store_trouble():
        _need_store(loaded)
        return asyncio.run(run())


@contextmanager
def store_trouble() -> Iterator[None]:
    """End the command with the store's own sentence when it cannot be used."""
    try:
        yield
    except (StoreUnavailable, StoreInUse) as error:
        raise unavailable(str(error)) from error
    except StoreError as error:
        raise Failure(str(error)) from error


def _need_store(loaded: Loaded) -> None:
    """Fail unless the store is there and up to date: looking at it makes and migrates nothing."""
    found = plan(loaded.config.store.get_secret_value())
    if found.current is None:
        hint = "`bridge run` makes it; the one of `run --sandbox` is seen with --sandbox"
        raise not_found("there is no store yet", hint)
    if found.steps:
        hint = "stop the bridge, back the store up, and run `bridge migrate`"
        raise Failure("the store is older than this program", hint)


def _with_own_store(loaded: Loaded) -> Loaded:
    """Return the configuration with `bridge.sandbox.db` in place of `bridge.db`, or of PostgreSQL."""
    url = loaded.config.store.get_secret_value()
    real = Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else loaded.path.absolute()
    own = real.with_name(f"{real.stem}.sandbox.db")
    config = loaded.config.model_copy(update={"store": SecretStr(f"{_SQLITE}{own}")})
    return replace(loaded, config=config)


def good(path: Path, found: Loaded | Broken) -> Loaded:
    """Return a configuration that may run, or fail with every problem."""
    if isinstance(found, Loaded):
        return found
    raise broken(path, found, [str(problem) for problem in found.problems])


def broken(path: Path, found: Broken, lines: Sequence[str]) -> Failure:
    """Return the failure of a configuration with its problems, told in `lines`."""
    count = sum(not problem.warning for problem in found.problems)
    return Failure(f"{path} has {so_many(count, 'problem')}", *lines)
