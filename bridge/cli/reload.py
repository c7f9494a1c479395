"""`bridge reload`: has a running bridge load its configuration now, and says what came of it."""

from __future__ import annotations

import json as json_
import os
from base64 import b64encode
from datetime import datetime, tzinfo
from http.client import HTTPConnection, HTTPException
from typing import Any

import typer

from bridge.cli.exits import ExitCode, Failure, unavailable
from bridge.cli.opening import NOWHERE, good, read_config
from bridge.cli.options import Setup
from bridge.cli.program import say
from bridge.cli.tables import show, show_json
from bridge.cli.text import local
from bridge.config import last_good
from bridge.config.receiving import receiving
from bridge.config.reception import Reception
from bridge.core.addresses import from_here

TIMEOUT_S = 60.0
"""Of a large configuration, that is time enough to be read."""
_PATH = "/api/configuration"


def reload(setup: Setup, *, json: bool, only_look: bool) -> None:
    """Ask the bridge at the configured admin address; exits with 1 if the file is broken."""
    config = _config(setup)
    status, found = _asked(config, "GET" if only_look else "POST")
    if status not in (200, 409):
        raise Failure(f"the bridge answered {status}: {found.get('error', 'no reason')}")
    if json:
        show_json(found)
    else:
        _tell(found, config.timezone)
    if found["problems"]:
        raise typer.Exit(ExitCode.PROBLEMS)


def _tell(found: dict[str, Any], zone: tzinfo) -> None:
    if found["problems"]:
        say(found["sentence"], *found["problems"])
    if found["digest"]:
        since = local(datetime.fromisoformat(found["since"]), zone)
        show(f"{found['file']} ({found['digest']}) runs since {since}")
    for each in found["restart"]:
        say(f"`{each}` was changed, which waits for a restart")


def _config(setup: Setup) -> Reception:
    """Return where the admin pages are, also by a file that is broken."""
    kept = None if setup.sandbox else last_good.recall(setup.path)
    found = None if kept is None else receiving(setup.path, os.environ, kept)
    if found is not None:
        return found.config
    return good(setup.path, read_config(setup.path, sandbox=NOWHERE if setup.sandbox else None)).config


def _asked(config: Reception, method: str) -> tuple[int, dict[str, Any]]:
    address = config.listen.admin
    connection = HTTPConnection(from_here(address.host), address.port, timeout=TIMEOUT_S)
    try:
        connection.request(method, _PATH if method == "GET" else f"{_PATH}/reload", headers=_headers(config))
        answer = connection.getresponse()
        return answer.status, json_.loads(answer.read())
    except (OSError, HTTPException, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise unavailable(f"no bridge answers on {address}: {why}") from error
    finally:
        connection.close()


def _headers(config: Reception) -> dict[str, str]:
    if config.admin_password is None:
        return {}
    secret = b64encode(f"bridge:{config.admin_password.get_secret_value()}".encode()).decode()
    return {"Authorization": f"Basic {secret}"}
