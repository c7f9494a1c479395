"""Signed completions as Eduzz posts them, made before the clock runs."""

from __future__ import annotations

import itertools
import json
import random
import string

from pydantic import SecretStr

from bench.load import request_bytes
from bench.servers import SECRET
from bridge.sources.eduzz import EduzzOptions, EduzzSource
from bridge.sources.registry import sample

PATH = "/hooks/eduzz"
COURSE = "c" * 40
"""The course that the last of the benchmark's rules wants."""
_numbers = itertools.count()
_LETTERS = string.ascii_lowercase + string.digits
_ID_LENGTH = 25


def requests(port: int, count: int, *, close: bool = False, path: str = PATH) -> list[bytes]:
    """Return so many requests, each with an event and a learner of its own.

    One learner's messages keep their order, one after the other, and an event is stored once for ever.
    """
    source = EduzzSource("eduzz", EduzzOptions(type="eduzz", secrets=(SecretStr(SECRET),)))
    return [
        request_bytes(port, path, source.outgoing_headers(body), body, close=close) for body in bodies(count)
    ]


def bodies(count: int) -> list[bytes]:
    """Return the bodies alone."""
    event = json.loads(sample("nutror.module_completed") or b"{}")
    event["data"]["course"]["hash"] = COURSE
    made = []
    for number in itertools.islice(_numbers, count):
        event["id"] = "".join(random.choices(_LETTERS, k=_ID_LENGTH))  # as the platform's
        event["data"]["learner"]["email"] = f"learner-{number}@aluna.example"
        made.append(json.dumps(event, separators=(",", ":")).encode())
    return made
