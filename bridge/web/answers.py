"""Small JSON answers, alike on both listeners."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import orjson
from aiohttp import web
from multidict import CIMultiDict

SOFTWARE = "course-bridge"
"""What the `Server` header says, in place of the versions that aiohttp would tell everyone."""
_HEADERS = CIMultiDict({"Content-Type": "application/json", "Server": SOFTWARE})
FRESH: Mapping[str, str] = MappingProxyType({"Cache-Control": "no-store"})
"""Headers of an answer that no cache on the way may repeat."""
NONE: Mapping[str, str] = MappingProxyType({})


def answer(status: int, body: object, headers: Mapping[str, str] = NONE) -> web.Response:
    """Return a JSON answer."""
    response = web.Response(status=status, body=orjson.dumps(body), headers=_HEADERS.copy())
    if headers:
        response.headers.update(headers)
    return response


def refusal(status: int, error: str, headers: Mapping[str, str] = NONE) -> web.Response:
    """Return the answer to a request that is not taken; `error` says what was expected."""
    return answer(status, {"status": "refused", "error": error}, headers)


def too_many(wait_s: float) -> web.Response:
    """Return 429 with the whole seconds after which to come back (RFC 6585)."""
    error = "too many refused requests from this address"
    return refusal(429, error, {"Retry-After": str(math.ceil(wait_s))})


def unavailable(error: str, retry_after_s: int) -> web.Response:
    """Return 503: nothing is wrong with the request, and it is taken if it comes again later."""
    body = {"status": "unavailable", "error": error}
    return answer(503, body, {"Retry-After": str(retry_after_s)})
