"""Follows the files of the configuration: looks whether they changed, and decides what comes of it.

A broken configuration changes nothing: whatever ran before goes on, and without any, events are stored and
wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from msgspec.structs import replace

from bridge.config.loaded import Broken, Loaded
from bridge.config.origin import Found, Origin, Settling
from bridge.config.reception import Reception
from bridge.core.trouble import Trouble
from bridge.pipeline.strays import tell_strays
from bridge.running.admin import Admin
from bridge.running.exchange import Exchange
from bridge.store import incidents
from bridge.store.database import Connection, StoreUnavailable
from bridge.web.configuration import Configuration

LOOK_S = 1.0
"""Seconds between looks at the files of the configuration."""


class Follower:
    """Has a good configuration take the place of the one before, and says what runs in `configuration`."""

    def __init__(
        self,
        first: Reception,
        origin: Origin,
        exchange: Exchange,
        admin: Admin,
        wanted: asyncio.Event | None = None,
        *,
        watch: bool = True,
    ) -> None:
        """`first` is what receiving began with; `wanted` is set by whoever wants the files loaded.

        Without `watch` nobody else does.
        """
        self.configuration = Configuration(file=str(origin.path), watched=watch)
        self._first = first
        self._origin = origin
        self._exchange = exchange
        self._admin = admin
        self._node = exchange.node
        self._wanted = wanted or asyncio.Event()
        self._asking: list[asyncio.Future[Configuration]] = []
        self._settling = Settling(frozenset())
        self._unnoted: Callable[[Connection], None] | None = None
        """What could not be written down for the owner."""

    async def begin(self, found: Found) -> None:
        """Work by what was loaded first, or wait for better."""
        self._settling.loaded = found.signature
        if isinstance(found.loaded, Loaded):
            await self._take(found.loaded, found)
        else:
            await self._tell_meanwhile()
            await self._refuse(_problems(found.loaded))
            await self._show()

    async def serve(self, stop: asyncio.Event) -> None:
        """Look after the configuration until asked to stop; a loop that ends early is an error."""
        asked = asyncio.create_task(stop.wait())
        watching = asyncio.create_task(self._watch(), name="configuration")
        try:
            while not stop.is_set():
                wanted = asyncio.create_task(self._wanted.wait())
                loops = [watching, *self._loops()]
                ended, _ = await asyncio.wait([asked, wanted, *loops], return_when=asyncio.FIRST_COMPLETED)
                wanted.cancel()
                for task in ended.intersection(loops):
                    task.result()
                    raise RuntimeError(f"the loop '{task.get_name()}' ended by itself")
                if self._wanted.is_set() and not stop.is_set():
                    await self._reload()
        finally:
            asked.cancel()
            watching.cancel()

    def _loops(self) -> Iterable[asyncio.Task[None]]:
        work = self._exchange.at_work
        return work.engine.watch() if work else ()

    async def reload(self) -> Configuration:
        """Load the files now; returns what came of it."""
        asking: asyncio.Future[Configuration] = asyncio.get_running_loop().create_future()
        self._asking.append(asking)
        self._wanted.set()
        return await asking

    def close(self) -> None:
        """Answer nobody any more."""
        for asking in self._asking:
            asking.cancel()

    async def _watch(self) -> None:
        """Have the files loaded when they have changed."""
        while True:
            await self._node.clock.sleep(LOOK_S)
            if self._unnoted is not None:
                await self._note(self._unnoted)
            if not self.configuration.watched:
                continue
            if self._settling.has_settled(await asyncio.to_thread(self._origin.signature)):
                self._wanted.set()

    async def _reload(self) -> None:
        self._wanted.clear()
        asking, self._asking = self._asking, []
        try:
            found = await asyncio.to_thread(self._origin.load)
        except Exception:  # a mistake of ours in reading must not end what runs
            self._node.log.exception("configuration not loaded by a mistake of the bridge")
            _answer(asking, self.configuration)
            return
        self._settling.loaded = found.signature
        if not isinstance(found.loaded, Loaded):
            await self._tell_meanwhile()
            await self._refuse(_problems(found.loaded))
            _answer(asking, self.configuration)
            return
        former = self._exchange.work
        try:
            await self._take(found.loaded, found)
        except Exception as error:  # the former one has worked
            if former is None:
                raise
            self._node.log.exception("new configuration cannot begin, the former one goes on")
            await self._go_back(former.loaded, type(error).__name__)
        _answer(asking, self.configuration)

    async def _go_back(self, loaded: Loaded, why: str) -> None:
        """Let the former configuration work again; if not even that can be, receive at least."""
        try:
            await self._exchange.begin(loaded)
        except Exception:  # of a bridge that receives nothing is lost
            self._node.log.exception("the former configuration cannot begin either, events wait")
            self.configuration = Configuration(file=self._file, watched=self.configuration.watched)
            await self._tell_meanwhile()
        await self._show()
        await self._refuse((f"{self._file}: it cannot begin ({why}); the log of the bridge says more",))

    async def _refuse(self, problems: tuple[str, ...]) -> None:
        """Note a configuration that may not run, once for each text."""
        if problems == self.configuration.problems:
            return
        now, waits = self._node.clock.now(), self.configuration.waits
        self.configuration = replace(self.configuration, problems=problems, broken_at=now)
        self._node.log.error(self.configuration.sentence, problems=list(problems))
        await self._note(lambda c: _broken(c, self._file, now, problems[0], waits=waits))

    async def _tell_meanwhile(self) -> None:
        """Have the owner told of trouble while nothing is dispatched, if the files say how.

        Whoever could be told by files before is told as long as those of now say nothing better.
        """
        if not self.configuration.waits:
            return
        try:
            found = await asyncio.to_thread(self._origin.telling, self._first)
            if isinstance(found, Loaded):
                await self._exchange.tell(found)
        except Exception as error:  # a mistake of ours in telling must not end what receives
            self._node.log.exception("the owner cannot be told")
            found = f"it cannot begin ({type(error).__name__}), the log says more"
        if isinstance(found, Loaded):
            told_by = found.owner.name if found.owner else ""
            self.configuration = replace(self.configuration, told_by=told_by, untold="")
        elif self._exchange.at_work is None:
            self.configuration = replace(self.configuration, told_by="", untold=found)

    async def _take(self, loaded: Loaded, found: Found) -> None:
        """Let a good configuration work in the place of whatever was before."""
        if found.not_kept:
            self._node.log.warning("good configuration not kept for a later start", why=found.not_kept)
        await self._exchange.begin(loaded)
        self.configuration = self._of(loaded, found)
        await self._show()
        now = self._node.clock.now()
        await self._note(lambda c: _mended(c, self._file, now))
        self._node.log.info("configuration runs", digest=found.digest)
        if self.configuration.restart:
            self._node.log.warning("changes wait for a restart", settings=list(self.configuration.restart))
        await tell_strays(self._node, loaded.rules)

    async def _show(self) -> None:
        await self._admin.show(self._exchange.work, self)

    def _of(self, loaded: Loaded, found: Found) -> Configuration:
        return Configuration(
            file=self._file,
            watched=self.configuration.watched,
            digest=found.digest,
            since=self._node.clock.now(),
            restart=tuple(_needing_restart(self._first, loaded.config)),
        )

    @property
    def _file(self) -> str:
        return str(self._origin.path)

    async def _note(self, work: Callable[[Connection], None]) -> None:
        """Write down what the owner is to be told; while that cannot be, it is tried again at each look."""
        again, self._unnoted = work is self._unnoted, None
        try:
            await self._node.database.write(work)
        except StoreUnavailable as error:
            self._unnoted = work
            if not again:
                self._node.log.warning("state of the configuration not noted for the owner", why=str(error))
            return
        self._exchange.look_soon()


def _broken(connection: Connection, file: str, now: datetime, why: str, *, waits: bool) -> None:
    """Note that a file is broken; that nothing is dispatched any more is another trouble, and told anew."""
    if waits:
        incidents.replaced(connection, Trouble.CONFIGURATION, file, now=now)
    kind = Trouble.WAITING if waits else Trouble.CONFIGURATION
    incidents.happened(connection, kind, file, now=now, why=why)


def _mended(connection: Connection, file: str, now: datetime) -> None:
    for kind in (Trouble.CONFIGURATION, Trouble.WAITING):
        incidents.ended(connection, kind, file, now=now)


def _problems(broken: Broken) -> tuple[str, ...]:
    return tuple(str(each) for each in broken.problems if not each.warning)


def _needing_restart(first: Reception, config: Reception) -> Iterator[str]:
    """Yield the settings that differ from those the listeners and the store were opened with."""
    if first.store != config.store:
        yield "store"
    if first.listen.public != config.listen.public:
        yield "listen.public"
    if first.listen.admin != config.listen.admin:
        yield "listen.admin"
    if first.listen.trusted_proxies != config.listen.trusted_proxies:
        yield "listen.trusted_proxies"


def _answer(asking: Iterable[asyncio.Future[Configuration]], configuration: Configuration) -> None:
    for each in asking:
        if not each.done():
            each.set_result(configuration)
