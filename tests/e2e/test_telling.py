"""Started with a broken file, the owner is told at once, and nothing else goes out: the real program."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from bridge.sources.eduzz import EduzzOptions, EduzzSource
from tests.support.databases import backend, postgres_server, store_url
from tests.support.pipeline import completion
from tests.support.program import Program
from tests.support.smtp_server import SmtpServer

__all__ = ["backend", "postgres_server", "store_url"]
SECRET = "a-secret-for-tests"
OWNER, DESK = "suporte@escola.example", "mesa@escola.example"
CONFIG = """
store: ${STORE}
locale: en
timezone: America/Sao_Paulo
listen: { public: "127.0.0.1:PUBLIC", admin: "127.0.0.1:ADMIN" }
owner: { email: learners, to: suporte@escola.example }
sources:
  eduzz: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] }
channels:
  learners:
    type: email
    smtp: ${SMTP}
    from: "Escola Exemplo <ola@escola.example>"
    allow_private: true
    retry: { waits: ["1s"] }
rules:
  - name: completions
    on: module.completed
    send:
      - email: learners
        to: "{{ learner.email }}"
        subject: "Done {{ id }}"
        text: Well done.
  - name: of-our-own
    on: bridge.dispatch_waits
    send:
      - email: learners
        to: mesa@escola.example
        subject: "Ours, {{ kind }}"
        text: "{{ data.title }}"
"""
BROKEN = ("on: module.completed", "onn: module.completed")
OTHERWISE_BROKEN = ("on: module.completed", "oon: module.completed")
NO_YAML = ("rules:", "rules: [}")
STARTED = "Nothing is sent: config.yaml is broken"
ENDED = "config.yaml is good again, and what waited is sent"
DEADLINE_S = 30


@dataclass
class School:
    """A folder with a configuration, the program that runs it, and the mail server that it sends to."""

    folder: Path
    program: Program
    admin: str
    mail: SmtpServer
    text: str
    env: dict[str, str] = field(default_factory=dict)

    def write(self, *changes: tuple[str, str]) -> None:
        """Write the configuration as an editor does, with texts replaced."""
        text = self.text
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        new_file = self.folder / "config.yaml.new"
        new_file.write_text(text, "utf-8")
        new_file.replace(self.folder / "config.yaml")

    def set(self, **changed: str) -> None:
        """Write `.env` with other values."""
        lines = (f"{name}={value}\n" for name, value in (self.env | changed).items())
        (self.folder / ".env").write_text("".join(lines), "utf-8")

    async def post(self, event: str) -> int:
        source = EduzzSource("eduzz", EduzzOptions(type="eduzz", secrets=(SecretStr(SECRET),)))
        body = json.dumps(completion(event)).encode()
        headers = source.outgoing_headers(body)
        url = f"{self.program.url}/hooks/eduzz"
        async with aiohttp.ClientSession() as http, http.post(url, data=body, headers=headers) as answer:
            return answer.status

    async def asked(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as http, http.get(f"{self.admin}{path}") as answer:
            return answer.status, await answer.text()

    async def listed(self, what: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((await self.asked(f"/api/{what}"))[1])[what]
        return found

    async def is_(self, state: str, holds: Callable[[dict[str, Any]], bool] = bool) -> dict[str, Any]:
        """Wait for a state of the configuration and return what is said of it."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                try:
                    found: dict[str, Any] = json.loads((await self.asked("/api/configuration"))[1])
                    if found["state"] == state and holds(found):
                        return found
                except aiohttp.ClientError:  # not there yet, or just being exchanged
                    pass
                await asyncio.sleep(0.05)

    async def tries(self) -> None:
        """Wait until something has been attempted."""
        async with asyncio.timeout(DEADLINE_S):
            while not any(each["attempts"] for each in await self.listed("deliveries")):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def settled(self) -> list[dict[str, Any]]:
        """Wait until every delivery has its end, and return all of them."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                found = await self.listed("deliveries")
                if all(each["state"] == "delivered" for each in found) and not await self.open_events():
                    return found
                await asyncio.sleep(0.05)

    async def open_events(self) -> list[str]:
        """Return the ids of the events that wait, or of the requests that hold them."""
        return [each["state"] for each in await self.listed("events") if each["state"] == "new"]

    async def runs_once(self) -> None:
        """Run once with the good configuration, so that it is kept."""
        await self.program.start()
        await self.is_("running")
        assert await self.program.stop() == 0

    def subjects(self, to: str) -> list[str]:
        """Return the subjects of the mails that somebody got."""
        return [str(each.message["subject"]) for each in self.mail.mails if to in each.recipients]

    async def gets(self, to: str, count: int) -> list[str]:
        """Wait until somebody has so many mails; returns their subjects."""
        async with asyncio.timeout(DEADLINE_S):
            while len(self.subjects(to)) < count:  # noqa: ASYNC110 - the server hears of it in this loop
                await asyncio.sleep(0.05)
        return self.subjects(to)


@pytest.fixture
async def mail() -> AsyncIterator[SmtpServer]:
    async with SmtpServer() as server:
        yield server


@pytest.fixture
async def school(
    tmp_path: Path, store_url: str, ports: tuple[int, int], mail: SmtpServer
) -> AsyncIterator[School]:
    public, admin = ports
    text = CONFIG.replace("PUBLIC", str(public)).replace("ADMIN", str(admin))
    program = Program(tmp_path, public)
    env = {"EDUZZ_SECRET": SECRET, "STORE": store_url, "SMTP": mail.url}
    made = School(tmp_path, program, f"http://127.0.0.1:{admin}", mail, text, env)
    made.write()
    made.set()
    yield made
    if program.process is not None:
        code = await program.stop()
        assert code == 0, program.log()
        assert "Traceback" not in program.log()


async def test_the_owner_is_told_and_everything_else_waits(school: School) -> None:
    """Once, whatever else is broken later, and once when it is over; then the rules see the notice, too."""
    await school.program.start()
    await school.is_("running")
    school.mail.mail_answer = "451 4.3.0 later"
    assert await school.post("e0") == 200
    await school.tries()
    assert await school.program.stop() == 0
    school.mail.mail_answer = None

    school.write(BROKEN)
    await school.program.start()
    found = await school.is_("waiting")
    assert found["told_by"] == "email:learners"
    assert found["sentence"].endswith("The owner is told by email:learners.")
    assert json.loads((await school.asked("/readyz"))[1])["why"] == found["sentence"]
    assert await school.gets(OWNER, 1) == [STARTED]
    assert await school.post("e1") == 200

    school.write(OTHERWISE_BROKEN)
    await school.is_("waiting", lambda found: "oon" in str(found["problems"]))
    school.write(NO_YAML)
    await school.is_("waiting", lambda found: "oon" not in str(found["problems"]))
    await school.program.kill()
    await school.program.start()  # which looks at once for all that is due
    await school.is_("waiting")
    assert await school.post("e2") == 200
    states = {each["rule"]: each["state"] for each in await school.listed("deliveries")}
    assert states == {"(owner)": "delivered", "completions": "pending"}
    assert [each.recipients for each in school.mail.mails] == [(OWNER,)]
    assert "nothing is sent until it is mended" in (await school.asked("/"))[1]

    school.write()
    await school.is_("running")
    assert await school.gets("maria@aluna.example", 3) == ["Done e0", "Done e1", "Done e2"]
    assert await school.gets(OWNER, 2) == [STARTED, ENDED]
    ours = await school.gets(DESK, 2)  # in whatever order: they are about no learner
    assert sorted(ours) == ["Ours, trouble.ended", "Ours, trouble.started"]
    await school.settled()
    assert len(school.mail.mails) == 7


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_it_is_news_that_now_nothing_is_sent(school: School) -> None:
    """After a broken edit the configuration from before went on, which the restart has ended."""
    await school.program.start()
    await school.is_("running")
    school.write(BROKEN)
    await school.is_("broken")
    assert await school.gets(OWNER, 1) == ["config.yaml is broken"]
    assert await school.program.stop() == 0
    await school.program.start()
    assert await school.gets(OWNER, 2) == ["config.yaml is broken", STARTED]
    school.write()
    assert await school.gets(OWNER, 3) == ["config.yaml is broken", STARTED, ENDED]
    await school.settled()
    assert len(school.subjects(OWNER)) == 3


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_a_mail_server_that_is_away_is_tried_again(school: School) -> None:
    await school.runs_once()
    school.mail.mail_answer = "451 4.3.0 later"
    school.write(BROKEN)
    await school.program.start()
    await school.is_("waiting")
    await school.tries()
    school.mail.mail_answer = None
    assert await school.gets(OWNER, 1) == [STARTED]
    assert [each["rule"] for each in await school.listed("deliveries")] == ["(owner)"]


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_whoever_cannot_be_told_is_told_as_soon_as_that_can_be(school: School) -> None:
    """The password of the mail server is gone, and stays gone until a later edit of a file still broken."""
    await school.runs_once()
    school.set(SMTP="")
    school.write(BROKEN)
    await school.program.start()
    found = await school.is_("waiting")
    assert (found["told_by"], found["untold"]) == (
        None,
        "what it says of `owner:` or its channel is broken, too",
    )
    assert "The owner is not told: what it says" in school.program.log()
    assert await school.post("e1") == 200
    school.set()
    await school.is_("waiting", lambda found: found["told_by"] == "email:learners")
    assert await school.gets(OWNER, 1) == [STARTED]
    school.write()
    assert await school.gets(OWNER, 2) == [STARTED, ENDED]
    assert await school.gets("maria@aluna.example", 1) == ["Done e1"]


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_a_file_without_an_owner_tells_nobody(school: School) -> None:
    await school.runs_once()
    school.write(BROKEN, ("owner: { email: learners, to: suporte@escola.example }\n", ""))
    await school.program.start()
    found = await school.is_("waiting")
    assert (found["told_by"], found["untold"]) == (None, "there is no `owner:`")
    assert await school.post("e1") == 200
    school.write()
    assert await school.gets("maria@aluna.example", 1) == ["Done e1"]


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_forged_requests_are_told_of_meanwhile(school: School) -> None:
    """Whatever else goes wrong is told as ever: receiving is all that is left."""
    await school.runs_once()
    school.write(BROKEN)
    await school.program.start()
    assert await school.gets(OWNER, 1) == [STARTED]
    url = f"{school.program.url}/hooks/eduzz"
    headers = {"x-signature": "0" * 64, "content-type": "application/json"}
    async with aiohttp.ClientSession() as http:
        for number in range(3):
            async with http.post(url, json={"id": f"f{number}"}, headers=headers) as answer:
                assert answer.status == 401
    assert (await school.gets(OWNER, 2))[1].startswith("Events for eduzz are refused")
