"""n8n at the same job: a workflow of four nodes, which checks the signature, published from the command line.

The workflow's answer is n8n's own, sent once the execution is in its store (SQLite, as n8n comes).
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from bench import events
from bench.load import HOST
from bench.peers_found import program
from bench.servers import PATIENCE_S, SECRET, Server, free_port, server, variables

_ENDPOINT, _PATH = events.PATH.strip("/").split("/")
_NAME = "completions"
_TAKES_EVENTS = f'Activated workflow "{_NAME}"'
_LOOK_S = 0.1
_OFFLINE = dict.fromkeys(
    (
        "N8N_DIAGNOSTICS_ENABLED",
        "N8N_VERSION_NOTIFICATIONS_ENABLED",
        "N8N_TEMPLATES_ENABLED",
        "N8N_PERSONALIZATION_ENABLED",
        "N8N_LICENSE_AUTO_RENEW_ENABLED",
    ),
    "false",
)
"""What would call hosts elsewhere."""


@asynccontextmanager
async def n8n(place: Path, target: int) -> AsyncIterator[Server]:
    """Run n8n in an empty folder, with its store made and the workflow published, until it takes events."""
    binary = program("n8n", "npm's package of this name; docs/reference/performance.md says how")
    port = free_port()
    environment = {
        **_OFFLINE,
        "N8N_USER_FOLDER": str(place),
        "N8N_LISTEN_ADDRESS": HOST,
        "N8N_PORT": str(port),
        "N8N_ENDPOINT_WEBHOOK": _ENDPOINT,
        # No node here runs code, so it needs no process for that; it asks for a port and a token anyway.
        "N8N_RUNNERS_MODE": "external",
        "N8N_RUNNERS_BROKER_PORT": str(free_port()),
        "N8N_RUNNERS_AUTH_TOKEN": SECRET,
    }
    (place / "workflow.json").write_text(json.dumps([_workflow(target)]), "utf-8")
    await _told(binary, "import:workflow", "--input=workflow.json", place=place, environment=environment)
    await _told(binary, "publish:workflow", f"--id={_NAME}", place=place, environment=environment)
    async with server(binary, "start", folder=place, port=port, environment=environment) as running:
        await _ready(running)
        yield running


async def _told(binary: Path, *words: str, place: Path, environment: Mapping[str, str]) -> None:
    """Give n8n a command; raises `RuntimeError` with its last words if it fails."""
    with (place / "program.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            binary, *words, cwd=place, env=variables(environment), stdout=log, stderr=log
        )
        try:
            async with asyncio.timeout(PATIENCE_S):
                failed = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if failed:
        raise RuntimeError(_log(place)[-2000:])


async def _ready(running: Server) -> None:
    """Return when it takes events; its port answers before."""
    for _ in range(round(PATIENCE_S / _LOOK_S)):
        if _TAKES_EVENTS in _log(running.folder):
            return
        await asyncio.sleep(_LOOK_S)
    raise TimeoutError(_log(running.folder)[-2000:])


def _log(place: Path) -> str:
    return (place / "program.log").read_text("utf-8")


def _workflow(target: int) -> dict[str, object]:
    """Return the nodes one after the other, as n8n exports them."""
    nodes = [
        _node("webhook", 2.1, {"httpMethod": "POST", "path": _PATH, "options": {"rawBody": True}}),
        _node("crypto", 1, _SIGN),
        _node("if", 2.2, {"conditions": _CONDITIONS}),
        _node("httpRequest", 4.2, {**_SEND, "url": f"http://{HOST}:{target}/"}),
    ]
    names = [str(node["name"]) for node in nodes]
    wires = {
        name: {"main": [[{"node": after, "type": "main", "index": 0}]]}
        for name, after in itertools.pairwise(names)
    }
    settings = {"executionOrder": "v1"}
    return {"id": _NAME, "name": _NAME, "nodes": nodes, "connections": wires, "settings": settings}


def _node(kind: str, version: float, parameters: Mapping[str, object]) -> dict[str, object]:
    return {
        "id": kind,
        "name": kind,
        "type": f"n8n-nodes-base.{kind}",
        "typeVersion": version,
        "position": [0, 0],
        "parameters": parameters,
    } | ({"webhookId": kind} if kind == "webhook" else {})


def _equal(left: str, right: str) -> dict[str, object]:
    operator = {"type": "string", "operation": "equals"}
    return {"id": left, "leftValue": left, "rightValue": right, "operator": operator}


_SIGN = {
    "action": "hmac",
    "type": "SHA256",
    "binaryData": True,
    "binaryPropertyName": "data",
    "dataPropertyName": "signature",
    "secret": SECRET,
    "encoding": "hex",
}
_CONDITIONS = {
    "options": {"caseSensitive": True, "leftValue": "", "typeValidation": "strict", "version": 2},
    "combinator": "and",
    "conditions": [
        _equal("={{ $json.signature }}", "={{ $json.headers['x-signature'] }}"),
        _equal("={{ $json.body.data.course.hash }}", events.COURSE),
    ],
}
_SEND = {
    "method": "POST",
    "sendBody": True,
    "bodyParameters": {
        "parameters": [
            {"name": "event", "value": "={{ $json.body.id }}"},
            {"name": "who", "value": "={{ $json.body.data.learner.name }}"},
        ]
    },
    "options": {},
}
