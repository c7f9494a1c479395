"""Other programs that take webhooks or send notifications, at the same job, where they are installed.

docs/reference/performance.md says how to install them and what each does not do.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import events
from bench.case import Aim, Case, Effort, Pair, at_least
from bench.configs import Ports, Setting
from bench.load import post_all, request_bytes
from bench.pairs import CONNECTIONS, bridge, checked, delivered, folder, in_turns, quiet
from bench.peers_found import packages, program
from bench.peers_n8n import n8n
from bench.servers import ROOT, SECRET, Server, free_port, python, server
from bench.targets import Arrivals, webhook_target

COUNT = 1500
FEWEST = 5 * CONNECTIONS
"""Events of a slice of a quick run: with few for each connection, it is their opening that is measured."""
AWAKE = ("-d", "0.01", "-m", "0.05")
"""Huey's workers look every 10 to 50 ms, where they wait 0.1 to 10 seconds as it comes."""
_SEND = """\
#!/bin/sh
exec curl --silent --output /dev/null --json "{{\\"event\\":\\"$1\\",\\"who\\":\\"$2\\"}}" http://127.0.0.1:{target}/
"""
_ALERTMANAGER = """\
route: {{ receiver: crm, group_by: ["..."], group_wait: 0s, group_interval: 1h, repeat_interval: 24h }}
receivers:
  - name: crm
    webhook_configs: [{{ url: "http://127.0.0.1:{target}/", send_resolved: false }}]
"""
_FUNCTION = """\
const data = msg.payload.data;
const answer = { ...msg, payload: { status: "accepted" }, statusCode: 200 };
if (data.course.hash !== "%s") return [answer, null];
return [answer, { payload: { event: msg.payload.id, who: data.learner.name } }];
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """One program: how it is started with a target's port, and what is posted to it."""

    start: Callable[[Path, int], AbstractAsyncContextManager[Server]]
    count: int
    warm_up: int = 0
    """Events before the first slice: what is compiled while it runs is much slower at first."""
    requests: Callable[[int, int], Sequence[bytes]] = events.requests


@asynccontextmanager
async def _webhook(place: Path, target: int) -> AsyncIterator[Server]:
    binary = program("webhook", "Debian's package webhook, github.com/adnanh/webhook")
    script = place / "send.sh"
    script.write_text(_SEND.format(target=target), "utf-8")
    script.chmod(0o755)
    match = [
        _match("payload-hmac-sha256", {"source": "header", "name": "x-signature"}, secret=SECRET),
        _match("value", {"source": "payload", "name": "data.course.hash"}, value=events.COURSE),
    ]
    arguments = [{"source": "payload", "name": name} for name in ("id", "data.learner.name")]
    hook = {
        "id": "eduzz",
        "execute-command": str(script),
        "pass-arguments-to-command": arguments,
        "trigger-rule": {"and": match},
    }
    (place / "hooks.json").write_text(json.dumps([hook]), "utf-8")
    port = free_port()
    words = ("-hooks", "hooks.json", "-ip", "127.0.0.1", "-port", str(port))
    async with server(binary, *words, folder=place, port=port) as running:
        yield running


def _match(kind: str, parameter: Mapping[str, str], **more: str) -> dict[str, object]:
    return {"match": {"type": kind, "parameter": parameter, **more}}


@asynccontextmanager
async def _alertmanager(place: Path, target: int) -> AsyncIterator[Server]:
    binary = program("prometheus-alertmanager", "Debian's package of this name")
    (place / "alertmanager.yml").write_text(_ALERTMANAGER.format(target=target), "utf-8")
    port = free_port()
    words = ("--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address=")
    address = f"--web.listen-address=127.0.0.1:{port}"
    async with server(binary, *words, address, folder=place, port=port) as running:
        yield running


def _alerts(port: int, count: int) -> list[bytes]:
    """Return one alert for each event, since Alertmanager takes nothing else."""
    made = []
    for body in map(json.loads, events.bodies(count)):
        data = body["data"]
        labels = {"alertname": body["event"], "event": body["id"], "course": data["course"]["hash"]}
        alert = [{"labels": labels, "annotations": {"who": data["learner"]["name"]}}]
        json_type = {"Content-Type": "application/json"}
        made.append(request_bytes(port, "/api/v2/alerts", json_type, json.dumps(alert).encode()))
    return made


@asynccontextmanager
async def _node_red(place: Path, target: int) -> AsyncIterator[Server]:
    binary = program("node-red", "npm's package of this name")
    flow: list[dict[str, object]] = [
        {"id": "tab", "type": "tab", "label": "completions"},
        {"id": "in", "type": "http in", "url": events.PATH, "method": "post", "wires": [["what"]]},
        {
            "id": "what",
            "type": "function",
            "func": _FUNCTION % events.COURSE,
            "outputs": 2,
            "wires": [["answer"], ["send"]],
        },
        {"id": "answer", "type": "http response", "wires": []},
        {
            "id": "send",
            "type": "http request",
            "method": "POST",
            "ret": "txt",
            "url": f"http://127.0.0.1:{target}/",
            "persist": True,
            "wires": [[]],
        },
    ]
    nodes = [{**node, "z": "tab"} if node["type"] != "tab" else node for node in flow]
    (place / "flows.json").write_text(json.dumps(nodes), "utf-8")
    (place / "settings.js").write_text(
        'module.exports = { uiHost: "127.0.0.1", httpAdminRoot: false };', "utf-8"
    )
    port = free_port()
    words = ("--settings", "settings.js", "--userDir", str(place), "--port", str(port), "flows.json")
    async with server(binary, *words, folder=place, port=port) as running:
        yield running


@asynccontextmanager
async def _huey(place: Path, target: int, how: Sequence[str] = ()) -> AsyncIterator[Server]:
    where = packages("huey", "pip's package of this name, in the folder of --peers")
    port = free_port()
    environment = {
        "BENCH_HUEY": str(place / "huey.db"),
        "BENCH_TARGET": str(target),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(where)]),
    }
    command = python("-m", "bench.queueing", str(port), *how)
    async with server(*command, folder=place, port=port, environment=environment) as running:
        yield running


def beside(peer: Peer) -> Callable[[Effort], AsyncGenerator[Pair, None]]:
    """Return what measures the bridge beside a program, which is warm by then."""

    async def measure(effort: Effort) -> AsyncGenerator[Pair, None]:
        async with (
            webhook_target() as target,
            folder() as place,
            peer.start(place, target.port) as other,
            bridge(Setting(Ports(webhook=target.port))) as running,
        ):
            if peer.warm_up:
                await _delivered_by(peer, other, peer.warm_up, target)
            async for pair in in_turns(
                effort,
                lambda: _delivered_by(peer, other, effort.of(peer.count, least=FEWEST), target),
                lambda: delivered(running, effort.of(COUNT, least=FEWEST), target),
            ):
                yield pair

    return measure


async def _delivered_by(peer: Peer, other: Server, count: int, target: Arrivals) -> float:
    requests = peer.requests(other.port, count)
    wanted = target.count + count
    began = time.perf_counter()
    checked(await post_all(other.port, requests, connections=CONNECTIONS), other)
    await target.until(wanted)
    rate = count / (time.perf_counter() - began)
    await quiet(other)
    return rate


def _case(name: str, base: str, peer: Peer, aim: Aim | None, note: str) -> Case:
    return Case(name, "end to end, one webhook per event", base, "events/s", beside(peer), aim, note)


CASES = (
    _case(
        "adnanh-webhook", "adnanh/webhook", Peer(_webhook, 200), None, "which starts a script that runs curl"
    ),
    _case(
        "alertmanager",
        "Alertmanager",
        Peer(_alertmanager, 1000, requests=_alerts),
        None,
        "an alert for each event",
    ),
    _case("node-red", "Node-RED", Peer(_node_red, 1500, warm_up=6000), at_least(4), ""),
    _case("n8n", "n8n", Peer(n8n, 300, warm_up=3000), at_least(100), "which checks and stores as well"),
    _case(
        "huey",
        "Huey on SQLite behind aiohttp",
        Peer(_huey, 1000),
        at_least(14),
        "with `fsync`; its workers sleep as Huey comes, up to ten seconds after a rest",
    ),
    _case(
        "huey-awake",
        "Huey whose workers hardly sleep",
        Peer(partial(_huey, how=AWAKE), 1000),
        None,
        "with `fsync`; they look every 10 to 50 ms",
    ),
)
