"""`bridge demo`: the whole program at work on this machine, with the shipped configuration and no account.

Three signed completions go to the real port as Eduzz would send them; what arrives at the local mailbox
and the stand-ins, over real SMTP and HTTP sockets, is printed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import shutil
import tempfile
import textwrap
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import aiohttp
from msgspec import Struct

from bridge import logs
from bridge.bootstrap import configured_sources
from bridge.cli.exits import ExitCode, Failure
from bridge.cli.known import alone
from bridge.cli.program import say
from bridge.cli.shipped import shipped
from bridge.clock import Clock, SystemClock
from bridge.config.load import Broken, Loaded, load
from bridge.config.origin import Origin
from bridge.config.types import Address
from bridge.core.mrkdwn import plain
from bridge.core.readable import Chat, Mail
from bridge.core.routing import Router
from bridge.running.start import Running, run
from bridge.sandbox.arrivals import Arrival, Post
from bridge.sandbox.sandbox import Sandbox
from bridge.sources.base import Request, Source
from bridge.sources.registry import sample

EVENT = "nutror.module_completed"
LEARNERS = (
    ("MARIA APARECIDA DA SILVA", "maria@aluna.example"),
    ("João Pedro Nunes", "joao@aluno.example"),
    ("Zoë d'Ávila & filhos <!channel>", "zoe@aluna.example"),
)
"""The third name would let a careless bridge ping a whole Slack channel; here it arrives as text."""
DEADLINE_S = 20.0
WIDTH = 88


def demo(*, once: bool) -> ExitCode:
    """Show the bridge at work; with `once`, stop when everything has arrived, else on Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="bridge-demo-") as folder:
        try:
            return asyncio.run(_demo(Path(folder), once=once))
        except KeyboardInterrupt:
            say("the demo is over")
            return ExitCode.OK


async def _demo(folder: Path, *, once: bool) -> ExitCode:
    clock = SystemClock()
    sandbox = Sandbox(clock)
    await sandbox.open()
    try:
        return await _with(sandbox, _load(folder, sandbox), clock, once=once)
    finally:
        await sandbox.close()


def _load(folder: Path, sandbox: Sandbox) -> Loaded:
    """Return the shipped configuration, with a store of its own and free ports."""
    shutil.copy(shipped() / "config.yaml", folder)
    shutil.copytree(shipped() / "templates", folder / "templates")
    loaded = load(folder / "config.yaml", {}, sandbox=sandbox.endpoints())
    if isinstance(loaded, Broken):
        raise Failure("the shipped configuration is broken", *map(str, loaded.problems))
    listen = loaded.config.listen.model_copy(
        update={"public": Address("127.0.0.1", 0), "admin": Address("127.0.0.1", 0)}
    )
    store = type(loaded.config.store)(f"sqlite:///{folder / 'demo.db'}")
    return replace(loaded, config=loaded.config.model_copy(update={"listen": listen, "store": store}))


async def _with(sandbox: Sandbox, loaded: Loaded, clock: Clock, *, once: bool) -> ExitCode:
    stop = asyncio.Event()
    ready: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    log = logs.configure(level=logging.WARNING)
    origin = Origin(loaded.path, lambda: loaded)
    bridge = asyncio.create_task(
        run(loaded.config, origin, log=log, stop=stop, sandbox=sandbox, started=ready.set_result),
        name="bridge",
    )
    either: list[asyncio.Future[Any]] = [bridge, ready]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if bridge.done():
        bridge.result()
    try:
        arrived = await _show(ready.result(), loaded, sandbox, clock)
        if arrived and not once:
            print(f"\nThe bridge stays up. Look around: {ready.result().admin_url}   Stop it with Ctrl-C.")
            await bridge
    finally:
        stop.set()
        await bridge
    return ExitCode.OK if arrived else ExitCode.PROBLEMS


async def _show(running: Running, loaded: Loaded, sandbox: Sandbox, clock: Clock) -> bool:
    """Post the completions and print what arrives; False, with a sentence, if something is missing."""
    name, source = next(iter(configured_sources(loaded.config).items()))
    url = f"{running.public_url}/hooks/{name}"
    print(f"A bridge with the shipped config.yaml listens on {url}\n")
    bodies = [_completion(learner, clock) for learner in LEARNERS]
    await _post(url, source, bodies)
    expected = _expected(loaded, source, bodies, clock)
    try:
        arrivals = await sandbox.arrivals.wait_for(expected, DEADLINE_S)
    except TimeoutError as error:
        say(f"{error}; nothing more came", "look at the lines above, and run `bridge check --sandbox`")
        return False
    for kind in ("slack", "email", "webhook"):
        _print_kind(kind, [arrival for arrival in arrivals if arrival.kind == kind])
    print(f"\nAll {expected} messages for {len(bodies)} completions arrived.")
    return True


def _completion(learner: tuple[str, str], clock: Clock) -> bytes:
    body = json.loads(sample(EVENT) or b"{}")
    now = clock.now().astimezone(UTC)
    body["id"] = secrets.token_hex(12)
    body["sentDate"] = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body["data"]["createdAt"] = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    body["data"]["learner"] = {"name": learner[0], "email": learner[1]}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


async def _post(url: str, source: Source, bodies: Iterable[bytes]) -> None:
    async with aiohttp.ClientSession() as session:
        for body in bodies:
            headers = source.outgoing_headers(body)
            async with session.post(url, data=body, headers=headers) as answer:
                signature = f"{headers['x-signature'][:12]}…"
                print(f"POST {EVENT}, x-signature {signature}  →  {answer.status} {await answer.text()}")


def _expected(loaded: Loaded, source: Source, bodies: Iterable[bytes], clock: Clock) -> int:
    """Count the messages that the rules want, so that nothing missing goes unnoticed."""
    router = Router(loaded.rules)
    count = 0
    for body in bodies:
        parsed = source.parse(Request(source.outgoing_headers(body), body, clock.now()))
        for event in alone(loaded.catalogue, parsed) if isinstance(parsed, tuple) else ():
            count += len(router.plan(event, event.facts()).wanted)
    return count


class _Kind(Struct, frozen=True):
    title: str
    via: str


_KINDS = {
    "slack": _Kind("Slack", "the producer's channel"),
    "email": _Kind("E-mail", "the learner's mailbox"),
    "webhook": _Kind("Webhook", "another system"),
}


def _print_kind(name: str, arrivals: list[Arrival]) -> None:
    kind = _KINDS[name]
    print(f"\n── {kind.title}, in {kind.via} " + "─" * (WIDTH - len(kind.title) - len(kind.via) - 8))
    for arrival in arrivals:
        print(textwrap.indent(_text(arrival), "  "))


def _text(arrival: Arrival) -> str:
    match arrival.content:
        case Chat(paragraphs=paragraphs, channel=channel):
            return f"{channel}  {' '.join(map(plain, paragraphs))}"
        case Mail() as mail:
            told = [f"{name.title()}: {mail.header(name)}" for name in ("from", "to", "subject")]
            head = "\n".join([*told, *(f"With: {file}" for file in mail.files)])
            return f"\n{head}\n\n{mail.text.strip()}"
        case Post(method=method, signature=signature, text=text):
            return f"{method} /{arrival.to}, signature {signature}: {' '.join(text.split())}"
