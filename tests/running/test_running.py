"""The running bridge in this process: what happens when a configuration that is good cannot begin."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridge.config.load import Loaded, load
from bridge.config.origin import Origin
from bridge.config.telling import UNNAMED
from bridge.pipeline.engine import Engine
from bridge.running.following import LOOK_S
from bridge.running.start import Running, run
from bridge.web.desk import Desk
from tests.support.clock import FakeClock
from tests.support.pipeline import RecordingLog

SECRET = "a-secret-for-tests"
CONFIG = """\
store: sqlite:///STORE
listen: { public: "127.0.0.1:0", admin: "127.0.0.1:0" }
locale: LOCALE
sources:
  eduzz: { type: eduzz, secrets: ["${SECRET}"] }
rules: []
"""


@pytest.fixture
def good(tmp_path: Path) -> Loaded:
    return written(tmp_path)


def written(folder: Path, locale: str = "en") -> Loaded:
    path = folder / "config.yaml"
    text = CONFIG.replace("STORE", str(folder / "bridge.db")).replace("LOCALE", locale)
    path.write_text(text, "utf-8")
    loaded = load(path, {"SECRET": SECRET})
    assert isinstance(loaded, Loaded)
    return loaded


class Script(list[Loaded]):
    """What is loaded, one after the other; the last one again and again."""

    def read(self) -> Loaded:
        return self.pop(0) if len(self) > 1 else self[0]


def broken_by_us(loaded: Loaded) -> Loaded:
    """Return a configuration that passes every check, and that nothing can be made from."""
    channels: Any = {"nobody": object()}
    return replace(loaded, config=loaded.config.model_copy(update={"channels": channels}))


class Bridge:
    """A running bridge, asked over its ports."""

    def __init__(self, running: Running, reload: asyncio.Event, log: RecordingLog) -> None:
        self.running = running
        self.wanted = reload
        self.log = log

    async def reload(self) -> tuple[int, dict[str, Any]]:
        """Load the next configuration and return what is said of it."""
        return await self._asked("POST", f"{self.running.admin_url}/api/configuration/reload")

    async def look(self) -> dict[str, Any]:
        return (await self._asked("GET", f"{self.running.admin_url}/api/configuration"))[1]

    async def ping(self) -> int:
        return (await self._asked("POST", f"{self.running.public_url}/hooks/eduzz", json={"event": "ping"}))[
            0
        ]

    async def page(self, path: str) -> str:
        async with aiohttp.ClientSession() as http, http.get(f"{self.running.public_url}{path}") as answer:
            return await answer.text()

    async def _asked(self, method: str, url: str, **more: Any) -> tuple[int, dict[str, Any]]:
        async with aiohttp.ClientSession() as http, http.request(method, url, **more) as answer:
            return answer.status, json.loads(await answer.text())


def reachable(found: Running) -> Running:
    """Return where it can be reached, and nothing that keeps the first configuration in memory."""
    return Running(found.public_url, found.admin_url, None, found.configuration)


@asynccontextmanager
async def running(
    script: Sequence[Loaded],
    clock: FakeClock | None = None,
    *,
    watch: bool = True,
    tells: Loaded | str = UNNAMED,
) -> AsyncIterator[Bridge]:
    stop, reload, log = asyncio.Event(), asyncio.Event(), RecordingLog()
    ready: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    first = script[-1]  # which nothing is wrong with: receiving begins by it
    origin = Origin(first.path, Script(script).read, tells=lambda *_: tells)
    task = asyncio.create_task(
        run(
            first.config, origin, log=log, stop=stop, reload=reload, watch=watch,
            started=lambda found: ready.set_result(reachable(found)), clock=clock or FakeClock(),
        )
    )  # fmt: skip
    either: list[asyncio.Future[Any]] = [task, ready]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    try:
        yield Bridge(ready.result(), reload, log)
    finally:
        stop.set()
        await task


async def test_the_former_one_goes_on_if_the_new_one_cannot_begin(good: Loaded) -> None:
    """A mistake of the bridge, which is said as a problem is, and told to the owner."""
    async with running([good, broken_by_us(good), good]) as bridge:
        before = await bridge.look()
        status, told = await bridge.reload()
        assert (status, told["state"], told["digest"]) == (409, "broken", before["digest"])
        assert "cannot begin" in told["problems"][0]
        assert "new configuration cannot begin, the former one goes on" in bridge.log.events("exception")
        assert await bridge.ping() == 200
        status, told = await bridge.reload()
        assert (status, told["state"], told["problems"]) == (200, "running", [])


async def test_it_receives_if_not_even_the_former_one_can_begin(good: Loaded) -> None:
    """And the next good one sends what waited."""
    channels: dict[str, Any] = {}
    spoilt = replace(good, config=good.config.model_copy(update={"channels": channels}))
    async with running([spoilt, broken_by_us(good), good]) as bridge:
        channels["nobody"] = object()
        status, told = await bridge.reload()
        assert (status, told["state"], told["untold"]) == (409, "waiting", UNNAMED)
        assert await bridge.ping() == 200
        status, told = await bridge.reload()
        assert (status, told["state"], told["untold"]) == (200, "running", None)


async def test_it_receives_if_the_owner_cannot_be_told_by_a_mistake(good: Loaded) -> None:
    channels: dict[str, Any] = {}
    spoilt = replace(good, config=good.config.model_copy(update={"channels": channels}))
    async with running([spoilt, broken_by_us(good), good], tells=broken_by_us(good)) as bridge:
        channels["nobody"] = object()
        status, told = await bridge.reload()
        assert (status, told["state"], told["told_by"]) == (409, "waiting", None)
        assert told["untold"].startswith("it cannot begin (")
        assert "the owner cannot be told" in bridge.log.events("exception")
        assert await bridge.ping() == 200
        assert (await bridge.reload())[1]["state"] == "running"


@pytest.mark.parametrize("watch", [True, False])
async def test_files_are_looked_at_unless_nobody_wants_it(good: Loaded, watch: bool) -> None:
    clock = FakeClock()
    async with running([good], clock, watch=watch) as bridge:
        before = await bridge.look()
        good.path.write_text(good.path.read_text("utf-8") + "# more\n", "utf-8")
        for _ in range(200):
            clock.advance(seconds=LOOK_S)
            await asyncio.sleep(0.005)
            if (await bridge.look())["since"] != before["since"]:
                break
        assert ((await bridge.look())["digest"] != before["digest"]) == watch
        assert before["watched"] == watch
        await bridge.reload()
        assert (await bridge.look())["digest"] != before["digest"]


async def test_nothing_is_left_of_former_configurations(tmp_path: Path) -> None:
    """No engine, no page and nothing that these know; the first one is let go as any other."""
    async with running([written(tmp_path) for _ in range(6)]) as bridge:
        for _ in range(5):
            await bridge.reload()
            await bridge.look()
        await asyncio.sleep(0)
        gc.collect()
        kept = [type(each) for each in gc.get_objects() if isinstance(each, Engine | Desk)]
        assert max(kept.count(Engine), kept.count(Desk)) <= 1


async def test_the_page_to_unsubscribe_speaks_as_the_configuration_says(tmp_path: Path) -> None:
    """From the next request on."""
    first, second = written(tmp_path, "en"), written(tmp_path, "es")
    async with running([first, second]) as bridge:
        before = await bridge.page("/unsubscribe/nobody")
        await bridge.reload()
        after = await bridge.page("/unsubscribe/nobody")
    assert '<html lang="en"' in before
    assert '<html lang="es"' in after
