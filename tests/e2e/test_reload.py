"""A bad edit never stops the bridge: the real program with a broken file, and files that change under it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr
from pytest_aiohttp import AiohttpServer

from bridge.sources.eduzz import EduzzOptions, EduzzSource
from tests.support.databases import backend, postgres_server, store_url
from tests.support.pipeline import completion
from tests.support.program import News, Program, kept_port

__all__ = ["backend", "postgres_server", "store_url"]
FIRST = "the-first-secret"
SECOND = "the-second-secret"
CONFIG = """
store: STORE
listen: { public: "127.0.0.1:PUBLIC", admin: "127.0.0.1:ADMIN" }
sources:
  eduzz: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] }
channels:
  crm: { type: webhook, url: TARGET, allow_private: true }
  alarm: { type: webhook, url: TARGET, allow_private: true }
owner: { webhook: alarm, json: { event: "{{ id }}", by: owner } }
rules:
  - name: completions
    on: module.completed
    send:
      - webhook: crm
        json: { event: "{{ id }}", by: one }
"""
ONE, TWO = "by: one }", "by: two }"
GOOD, BROKEN = "on: module.completed", "onn: module.completed"
DEADLINE_S = 30


@dataclass
class Target:
    """What arrived, in the order in which it came: the event, and by which rules."""

    arrived: list[tuple[str, str]] = field(default_factory=list)
    news: News = field(default_factory=News)
    hanging: list[str] = field(default_factory=list)
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("event") == "hanging":
            self.hanging.append(body["event"])
            self.news.tell()
            await self.answers.wait()
        if "content" in body:  # of a chat
            body["event"], _, body["by"] = body["content"].partition(" by ")
        self.arrived.append((body["event"], body["by"]))
        self.news.tell()
        return web.Response()

    def count(self, by: str) -> int:
        """Return how many messages came by some rules."""
        return [each for _, each in self.arrived].count(by)

    async def has(self, event: str) -> str:
        """Wait for an event and return by which rules it came."""
        async with asyncio.timeout(DEADLINE_S):
            await self.news.until(lambda: any(each == event for each, _ in self.arrived))
        return next(by for each, by in self.arrived if each == event)


@dataclass
class School:
    """A folder with a configuration, and the program that runs it."""

    folder: Path
    program: Program
    admin: str
    target: Target
    text: str

    def write(self, *changes: tuple[str, str]) -> None:
        """Write the configuration as an editor does, with texts replaced."""
        text = self.text
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.overwrite(text)

    def overwrite(self, text: str) -> None:
        new = self.folder / "config.yaml.new"
        new.write_text(text, "utf-8")
        new.replace(self.folder / "config.yaml")

    async def post(self, event: str, secret: str = FIRST, to: str = "eduzz") -> int:
        source = EduzzSource("eduzz", EduzzOptions(type="eduzz", secrets=(SecretStr(secret),)))
        body = json.dumps(completion(event)).encode()
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                f"{self.program.url}/hooks/{to}", data=body, headers=source.outgoing_headers(body)
            ) as answer,
        ):
            return answer.status

    async def asked(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.admin}{path}") as answer:
            return answer.status, await answer.text()

    async def met(self, entry: int) -> tuple[str, ...]:
        """Wait until an entry is done and return the actions that it led to; none if it is not there."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                status, text = await self.asked(f"/api/events/{entry}")
                if status == 404:
                    return ()
                found = json.loads(text)
                if found["state"] == "done":
                    return tuple(sorted(each["action"] for each in found["deliveries"]))
                await asyncio.sleep(0.05)

    async def is_(self, state: str, since_is_not: str = "") -> dict[str, object]:
        """Wait for a state of the configuration and return what is said of it."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                try:
                    found: dict[str, object] = json.loads((await self.asked("/api/configuration"))[1])
                    if found["state"] == state and found["since"] != since_is_not:
                        return found
                except aiohttp.ClientError:  # not there yet, or just being exchanged
                    pass
                await asyncio.sleep(0.05)


@pytest.fixture
async def school(
    tmp_path: Path, store_url: str, ports: tuple[int, int], aiohttp_server: AiohttpServer
) -> AsyncIterator[School]:
    target = Target()
    app = web.Application()
    app.router.add_post("/", target.take)
    server = await aiohttp_server(app)
    public, admin = ports
    text = CONFIG.replace("STORE", "${STORE}").replace("PUBLIC", str(public)).replace("ADMIN", str(admin))
    text = text.replace("TARGET", str(server.make_url("/")))
    (tmp_path / ".env").write_text(f"EDUZZ_SECRET={FIRST}\nSTORE={store_url}\n", "utf-8")
    program = Program(tmp_path, public)
    made = School(tmp_path, program, f"http://127.0.0.1:{admin}", target, text)
    made.write()
    yield made
    if program.process is not None:
        code = await program.stop()
        assert code == 0, program.log()
        assert "Traceback" not in program.log()


EDITS = 4
ACTION = """      - webhook: crm
        json: { event: "{{ id }}", by: one }
"""


async def run_well(school: School) -> None:
    """Run once with a good configuration."""
    await school.program.start()
    await school.is_("running")
    assert await school.program.stop() == 0


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param((GOOD, BROKEN), id="unknown key"),
        pytest.param(("rules:", "rules: [}"), id="no YAML"),
        pytest.param(None, id="gone"),
        pytest.param(("", ""), id="empty"),
        pytest.param(("allow_private: true", 'signing_secret: "${NOT_SET}"'), id="variable not set"),
        pytest.param(('json: { event: "{{ id }}", by: one }', "template: nowhere"), id="no template"),
    ],
)
async def test_it_receives_with_a_broken_file(school: School, broken: tuple[str, str] | None) -> None:
    """Restarted with it, it answers 200 and says what is wrong; mended, it sends what waited."""
    await run_well(school)
    if broken is None:
        (school.folder / "config.yaml").unlink()
    elif not broken[0]:
        school.overwrite("")
    else:
        school.write(broken)
    await school.program.start()
    found = await school.is_("waiting")
    assert found["problems"]
    assert await school.post("e1") == 200
    status, ready = await school.asked("/readyz")
    assert (status, json.loads(ready)["status"]) == (503, "waiting")
    assert "wait until the file is mended" in (await school.asked("/"))[1]
    assert "problem" in school.program.log()
    school.write((ONE, TWO))
    assert await school.target.has("e1") == "two"
    assert (await school.asked("/readyz"))[0] == 200
    assert school.program.log().count("bridge: config.yaml has") == 1


async def test_an_event_meets_old_or_new_rules(school: School) -> None:
    """Edited under a stream of events: each has the deliveries of one configuration, and all of them."""
    named = [ACTION.replace("crm\n", f"crm\n        name: {name}-NUMBER\n") for name in "ab"]
    text = school.text.replace(ACTION, "".join(named))

    async def stream() -> int:
        count = 0
        while not done.is_set():
            assert await school.post(f"e{count}") == 200
            count += 1
        return count

    done = asyncio.Event()
    school.overwrite(text.replace("NUMBER", "0"))
    await school.program.start()
    found = await school.is_("running")
    streaming = asyncio.create_task(stream())
    for number in range(1, EDITS):
        school.overwrite(text.replace("NUMBER", str(number)))
        found = await school.is_("running", since_is_not=str(found["since"]))
    done.set()
    count = await streaming
    met = [await school.met(entry) for entry in range(1, 2 * count)]  # some numbers may be left out
    both = [actions for actions in met if actions not in ((), ("webhook:alarm",))]
    assert len(both) == count
    assert set(both) == {(f"webhook:crm#a-{number}", f"webhook:crm#b-{number}") for number in range(EDITS)}


async def test_a_template_that_is_edited_counts_from_then_on(school: School) -> None:
    """A broken one changes nothing before."""
    school.write(
        (ACTION, "      - webhook: crm\n        template: note\n"),
        ("crm: { type: webhook, url", "crm: { type: webhook, preset: discord, url"),
    )
    template = school.folder / "templates" / "note.md"
    template.parent.mkdir()
    template.write_text("{{ id }} by one", "utf-8")
    await school.program.start()
    first = await school.is_("running")
    assert await posted(school, "e1") == "one"
    template.write_text("{{ idd }} by two", "utf-8")
    assert "note.md" in str((await school.is_("broken"))["problems"])
    assert await posted(school, "e2") == "one"
    template.write_text("{{ id }} by two", "utf-8")
    await school.is_("running", since_is_not=str(first["since"]))
    assert await posted(school, "e3") == "two"


async def test_what_waited_survives_a_kill(school: School) -> None:
    await run_well(school)
    school.write((GOOD, BROKEN))
    await school.program.start()
    await school.is_("waiting")
    assert await school.post("e1") == 200
    await school.program.kill()
    await school.program.start()
    assert await school.post("e2") == 200
    school.write()
    assert await school.target.has("e2") == "one"
    assert await school.target.has("e1") == "one"
    assert [event for event, by in school.target.arrived if by == "one"] == ["e1", "e2"]


async def test_a_broken_edit_changes_nothing(school: School) -> None:
    """The rules from before go on; the owner hears of it once, and once when it is good again."""
    await school.program.start()
    first = await school.is_("running")
    school.write((GOOD, BROKEN))
    found = await school.is_("broken")
    assert found["digest"] == first["digest"]
    assert "onn" in str(found["problems"])
    assert await school.post("e1") == 200
    assert await school.target.has("e1") == "one"
    assert "the configuration from before goes on" in (await school.asked("/deliveries"))[1]
    async with asyncio.timeout(DEADLINE_S):
        await school.target.news.until(lambda: school.target.count("owner") == 1)
    school.write((ONE, TWO))
    await school.is_("running", since_is_not=str(first["since"]))
    assert await school.post("e2") == 200
    assert await school.target.has("e2") == "two"
    async with asyncio.timeout(DEADLINE_S):
        await school.target.news.until(lambda: school.target.count("owner") == 2)


async def test_what_waits_for_a_restart_is_said(school: School) -> None:
    """The rest of the same edit counts, also when it is asked for at once; the pages stay where they are."""
    await school.program.start()
    first = await school.is_("running")
    code, told = await reload(school)
    assert (code, told["digest"]) == (0, first["digest"])
    port = str(school.program.port)
    with kept_port() as other:
        school.write((ONE, TWO), (f'public: "127.0.0.1:{port}"', f'public: "127.0.0.1:{other}"'))
        code, told = await reload(school)
    assert (code, told["restart"]) == (0, ["listen.public"])
    await school.is_("running", since_is_not=str(first["since"]))
    school.write((GOOD, BROKEN))
    code, told = await reload(school)
    assert (code, told["state"]) == (1, "broken")
    assert (await reload(school, "--look"))[1]["problems"] == told["problems"]
    assert await posted(school, "e1") == "two"


async def reload(school: School, *words: str) -> tuple[int, dict[str, object]]:
    """Run `bridge reload` and return its exit code and what it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bridge", "reload", "--json", *words,
        cwd=school.folder, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode is not None
    found: dict[str, object] = json.loads(out)
    return process.returncode, found


async def test_two_quick_edits_end_with_the_second(school: School) -> None:
    await school.program.start()
    await school.is_("running")
    school.write((ONE, "by: never }"))
    school.write((ONE, TWO))
    os.kill(school.program.process.pid, signal.SIGHUP)  # type: ignore[union-attr]
    event = 0
    async with asyncio.timeout(DEADLINE_S):
        while (await posted(school, f"e{event}")) != "two":
            event += 1
    assert "never" not in {by for _, by in school.target.arrived}


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="asks Linux what is loaded")
async def test_a_wish_to_reload_that_comes_too_early_ends_nothing(school: School) -> None:
    """A service manager sends it as soon as the process is there; what it finds then is what is loaded."""
    starting = asyncio.create_task(school.program.start())
    async with asyncio.timeout(DEADLINE_S):
        while (process := school.program.process) is None or not imports(process.pid):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    while not starting.done():
        process.send_signal(signal.SIGHUP)
        await asyncio.sleep(0.01)
    await starting
    await school.is_("running")


def imports(process: int) -> bool:
    """Return whether a process has come so far that it imports what it needs."""
    return b"pydantic_core" in Path(f"/proc/{process}/maps").read_bytes()


async def posted(school: School, event: str) -> str:
    """Post an event and return by which rules it came."""
    assert await school.post(event) == 200
    return await school.target.has(event)


async def test_a_destination_that_hangs_keeps_no_change_waiting(school: School) -> None:
    """Other channels send by the new rules at once; what hangs is sent as it began, and once."""
    await school.program.start()
    first = await school.is_("running")
    assert await school.post("hanging") == 200
    async with asyncio.timeout(DEADLINE_S):
        await school.target.news.until(lambda: bool(school.target.hanging))
    school.write((ACTION, ACTION.replace("crm", "alarm").replace("one", "two")))
    code, told = await reload(school)
    assert (code, told["state"]) == (0, "running")
    assert told["since"] != first["since"]
    assert await posted(school, "e1") == "two"
    school.target.answers.set()
    assert await school.target.has("hanging") == "one"
    assert school.target.hanging == ["hanging"]


async def test_a_rule_file_that_came_with_the_mistake_is_looked_at(school: School) -> None:
    """The file that includes it is loaded and broken; mending the other one mends both."""
    await school.program.start()
    first = await school.is_("running")
    rules = school.folder / "rules.yaml"
    text = school.text[school.text.index("rules:") :].replace("completions", "more").replace(ONE, TWO)
    rules.write_text(text.replace(GOOD, BROKEN), "utf-8")
    school.write(("rules:", "include: rules.yaml\nrules:"))
    assert "rules.yaml" in str((await school.is_("broken"))["problems"])
    rules.write_text(text, "utf-8")
    await school.is_("running", since_is_not=str(first["since"]))


async def test_the_admin_pages_answer_all_the_while(school: School) -> None:
    """Nobody who asks for another change during one is turned away: each is told what came of it."""
    await school.program.start()
    await school.is_("running")

    async def ask(number: int) -> int:
        await asyncio.sleep(number / 100)
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{school.admin}/api/configuration/reload") as answer,
        ):
            return answer.status

    assert await asyncio.gather(*(ask(number) for number in range(20))) == [200] * 20


async def test_a_secret_is_rotated_without_a_restart(school: School) -> None:
    """The old one counts until the file says otherwise, and not after."""
    await school.program.start()
    first = await school.is_("running")
    assert await school.post("e1") == 200
    assert await school.post("e2", SECOND) == 401
    env = school.folder / ".env"
    env.write_text(env.read_text("utf-8").replace(FIRST, SECOND), "utf-8")
    await school.is_("running", since_is_not=str(first["since"]))
    assert await school.post("e3", SECOND) == 200
    assert await school.post("e4") == 401
    assert await school.target.has("e3") == "one"


async def test_a_source_that_is_added_takes_events_without_a_restart(school: School) -> None:
    """One that was there from the beginning goes on."""
    await school.program.start()
    first = await school.is_("running")
    assert await school.post("e1", to="escola") == 404
    added = 'sources:\n  escola: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] }'
    school.write(("sources:", added))
    await school.is_("running", since_is_not=str(first["since"]))
    assert [await school.post("e2", to="escola"), await school.post("e3")] == [200, 200]
    assert [await school.target.has("e2"), await school.target.has("e3")] == ["one", "one"]
