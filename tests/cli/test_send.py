"""`bridge send` against a real listener."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from bridge.cli.exits import ExitCode
from bridge.config import last_good
from bridge.core.signing import Scheme, Signed, check
from bridge.sources.eduzz import SCHEME
from bridge.sources.registry import sample
from tests.cli.conftest import Bridge, Said
from tests.cli.school import CONFIG, SECRETS, write_school
from tests.support.pipeline import completion

SECRET = SECRETS["EDUZZ_SECRET"].encode()


@dataclass
class Listener:
    """Keeps what is posted, and answers with the statuses of a script, then 200."""

    url: str = ""
    script: list[int] = field(default_factory=list)
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append((request.path, headers, await request.read()))
        status = self.script.pop(0) if self.script else 200
        return web.json_response({"status": "accepted"}, status=status, headers={"Location": "/elsewhere"})

    @property
    def bodies(self) -> list[dict[str, object]]:
        return [json.loads(body) for _, _, body in self.got]


@pytest.fixture
async def listener(aiohttp_server: AiohttpServer) -> Listener:
    made = Listener()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.take)
    server = await aiohttp_server(app)
    made.url = f"http://127.0.0.1:{server.port}"
    return made


Send = Callable[..., Awaitable[Said]]


@pytest.fixture
def send(school: Bridge, listener: Listener) -> Send:
    """Send to the listener, from a thread of its own as from another process."""

    async def run(*words: str, stdin: str | None = None) -> Said:
        return await asyncio.to_thread(school, "send", *words, "--url", listener.url, stdin=stdin)

    return run


async def test_a_sample_arrives_signed_as_the_platform_signs(send: Send, listener: Listener) -> None:
    """Path, headers and signature are those of a real delivery, under a new id and with the time of now."""
    said = await send("nutror.module_completed")
    assert (said.code, said.err) == (ExitCode.OK, "")
    ((path, headers, raw),) = listener.got
    body, original = json.loads(raw), json.loads(sample("nutror.module_completed") or b"")
    assert path == "/hooks/eduzz"
    assert isinstance(check(headers["x-signature"], raw, [SECRET], SCHEME), Signed)
    assert headers["content-type"] == "application/json"
    assert body["id"] != original["id"]
    assert body["sentDate"] > original["sentDate"]
    assert body["data"].pop("createdAt") > original["data"].pop("createdAt")
    assert (body["event"], body["data"]) == (original["event"], original["data"])
    assert said.out.startswith('200 {"status": "accepted"}  event ' + body["id"])


async def test_values_are_set_last(send: Send, listener: Listener) -> None:
    """What the person asks for wins over what is made up."""
    words = ("--set", "data.learner.email=ana@x.example", "--set", "id=my-own", "--set", "data.n=7")
    assert (await send("nutror.module_completed", *words)).code == ExitCode.OK
    (body,) = listener.bodies
    data = body["data"]
    assert isinstance(data, dict)
    assert (body["id"], data["learner"]["email"], data["n"]) == ("my-own", "ana@x.example", 7)


SLIP = "bridge: data.lerner was not in this event, did you mean 'data.learner.name'? added\n"


async def test_a_slip_in_a_path_is_told(send: Send, listener: Listener) -> None:
    """What the event did not have is added all the same; what it has needs no word."""
    said = await send("nutror.module_completed", "--set", "data.lerner.name=X", "--set", "id=mine")
    assert (said.code, said.err) == (ExitCode.OK, SLIP)
    (body,) = listener.bodies
    data = body["data"]
    assert isinstance(data, dict)
    assert data["lerner"] == {"name": "X"}


async def test_the_same_is_the_same_to_the_byte(school: Bridge, send: Send, listener: Listener) -> None:
    """--same-id makes a duplicate: not a byte differs from the file, or from standard input."""
    text = json.dumps(completion("e1"), indent=3) + "\n"
    school.write("event.json", text)
    assert (await send("event.json", "--same-id")).code == ExitCode.OK
    assert (await send("-", "--same-id", stdin=text)).code == ExitCode.OK
    assert [raw for _, _, raw in listener.got] == [text.encode()] * 2


async def test_repeats_are_different_events(send: Send, listener: Listener) -> None:
    """Each has an id of its own; many are summed up in one line."""
    said = await send("nutror.module_completed", "--repeat", "12")
    assert said.code == ExitCode.OK
    assert len({str(body["id"]) for body in listener.bodies}) == 12
    (line,) = said.out.splitlines()
    assert line.startswith("12 sent in ")
    assert line.endswith(" s: 12 answered 200")


@pytest.mark.parametrize("status", [401, 302, 404, 503])
async def test_anything_but_2xx_is_exit_code_1(send: Send, listener: Listener, status: int) -> None:
    """The answer is shown, and no redirect is followed."""
    listener.script = [status]
    said = await send("nutror.module_completed")
    assert said.code == ExitCode.PROBLEMS
    assert said.out.startswith(f"{status} ")
    assert len(listener.got) == 1


async def test_one_refusal_among_many_is_shown(send: Send, listener: Listener) -> None:
    listener.script = [200] * 5 + [503]
    said = await send("nutror.module_completed", "--repeat", "20")
    assert said.code == ExitCode.PROBLEMS
    assert said.out.splitlines()[0].startswith("503 ")
    assert said.out.splitlines()[-1].endswith("19 answered 200, 1 answered 503")


async def test_answers_are_values_for_programs(send: Send, listener: Listener) -> None:
    listener.script = [200, 401]
    said = await send("nutror.module_completed", "--repeat", "2", "--json")
    rows = json.loads(said.out)
    assert [(row["status"], row["id"]) for row in rows] == [
        (status, body["id"]) for status, body in zip((200, 401), listener.bodies, strict=True)
    ]


async def test_a_ping_is_the_consoles(send: Send, listener: Listener) -> None:
    """A ping has no id, is signed like an event, and can be sent unsigned as the console does."""
    assert (await send("ping")).code == ExitCode.OK
    assert (await send("ping", "--unsigned")).code == ExitCode.OK
    (_, signed, raw), (_, unsigned, same) = listener.got
    assert json.loads(raw) == {"event": "ping", "data": {"message": "ping"}}
    assert raw == same
    assert isinstance(check(signed["x-signature"], raw, [SECRET], SCHEME), Signed)
    assert "x-signature" not in unsigned
    assert unsigned["x-subscription"] == signed["x-subscription"]


async def test_a_rehearsal_sends_nothing(send: Send, listener: Listener) -> None:
    said = await send("nutror.module_completed", "--dry-run")
    assert said.code == ExitCode.OK
    head, _, body = said.out.partition("\n\n")
    assert head.splitlines()[0] == f"POST {listener.url}/hooks/eduzz"
    headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
    assert isinstance(check(headers["x-signature"], body.rstrip("\n").encode(), [SECRET], SCHEME), Signed)
    assert json.loads((await send("ping", "--dry-run", "--json")).out)["url"] == f"{listener.url}/hooks/eduzz"
    assert listener.got == []


async def test_a_generic_source_gets_its_own_terms(bridge: Bridge, listener: Listener) -> None:
    """Another platform's ids and times are made where its configuration says they stand."""
    options = "event: kind, id: meta.id, time: meta.at, header: x-hub, prefix: 'sha256='"
    site = f'  site: {{ type: generic, secrets: ["${{EDUZZ_SECRET}}"], {options} }}\n'
    write_school(bridge.folder, CONFIG.replace("channels:", f"{site}channels:", 1))
    bridge.write("event.json", json.dumps({"kind": "x", "meta": {"id": 1, "at": 1_700_000_000}}))
    for _ in range(2):
        words = ("send", "event.json", "--source", "site", "--url", listener.url)
        said = await asyncio.to_thread(bridge, *words)
        assert said.code == ExitCode.OK
    (path, headers, raw), (_, _, other) = listener.got
    assert path == "/hooks/site"
    assert isinstance(check(headers["x-hub"], raw, [SECRET], Scheme("x-hub", prefix="sha256=")), Signed)
    first, second = json.loads(raw)["meta"], json.loads(other)["meta"]
    assert first["id"] != second["id"]
    assert first["at"] > 1_700_000_000
    assert isinstance(first["at"], int)


async def test_a_stored_event_is_sent_again(lived: Bridge, listener: Listener) -> None:
    said = await asyncio.to_thread(lived, "send", "2", "--same-id", "--url", f"{listener.url}/hooks/eduzz")
    assert said.code == ExitCode.OK
    assert listener.bodies[0]["id"] == "e2"


async def test_nobody_there_is_exit_code_4(school: Bridge) -> None:
    """The default is this configuration's own listener; the sentence says what to do."""
    school.write("config.yaml", CONFIG.replace("127.0.0.1:8080", "127.0.0.1:1"))
    said = await asyncio.to_thread(school, "send", "nutror.module_completed")
    assert said.code == ExitCode.UNAVAILABLE
    assert said.err == (
        "bridge: http://127.0.0.1:1/hooks/eduzz cannot be reached: Connection refused\n"
        "is the bridge running? `bridge run` starts it\n"
    )


@pytest.mark.parametrize(
    ("listen", "words", "code", "said"),
    [
        ("127.0.0.1:0", (), ExitCode.USAGE, "takes any free port; say which with --url"),
        ("127.0.0.1:8080", ("--url", "localhost"), ExitCode.USAGE, "is not an address"),
        ("127.0.0.1:8080", ("--set", "x"), ExitCode.USAGE, "expected a path of the body and a value"),
        ("127.0.0.1:8080", ("--repeat", "0"), ExitCode.USAGE, "--repeat"),
        ("127.0.0.1:8080", ("--source", "x"), ExitCode.NOT_FOUND, "there is no source 'x'; there are eduzz"),
    ],
)
def test_what_cannot_be_sent_is_explained(
    school: Bridge, listen: str, words: tuple[str, ...], code: ExitCode, said: str
) -> None:
    school.write("config.yaml", CONFIG.replace("127.0.0.1:8080", listen))
    result = school("send", "nutror.module_completed", *words)
    assert (result.code, result.out) == (code, "")
    assert said in result.err


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("0.0.0.0:8090", "http://127.0.0.1:8090/hooks/eduzz"),
        ("[::]:8090", "http://[::1]:8090/hooks/eduzz"),
        ("[::1]:8090", "http://[::1]:8090/hooks/eduzz"),
        ("10.0.0.7:8090", "http://10.0.0.7:8090/hooks/eduzz"),
    ],
)
def test_the_default_is_the_own_listener(school: Bridge, listen: str, expected: str) -> None:
    school.write("config.yaml", CONFIG.replace("127.0.0.1:8080", listen))
    assert school("send", "ping", "--dry-run").out.splitlines()[0] == f"POST {expected}"


async def test_a_broken_configuration_hinders_no_event(
    school: Bridge, send: Send, listener: Listener
) -> None:
    """The bridge receives by it as well: a good source, or that of the last good configuration."""
    config = school.folder / "config.yaml"
    text = config.read_bytes()
    config.write_bytes(text.replace(b"rules:", b"ruls:").replace(b"type: eduzz", b"type: edus"))
    said = await send("nutror.module_completed")
    assert said.code == ExitCode.PROBLEMS, "nothing says yet who may call"
    last_good.keep(config, text)
    said = await send("nutror.module_completed")
    assert said.code == ExitCode.OK
    assert said.err.endswith("see `bridge check`; what a running bridge receives by is known all the same\n")
    ((path, headers, raw),) = listener.got
    assert path == "/hooks/eduzz"
    assert isinstance(check(headers["x-signature"], raw, [SECRET], SCHEME), Signed)
