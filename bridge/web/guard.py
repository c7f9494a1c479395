"""Who may use the admin listener: by host name, by the page a request comes from, and by password.

There are no sessions and no tokens in forms. A browser says itself where a request comes from
(`Sec-Fetch-Site`, and `Origin` in older ones), and a page of another site cannot change that.
That a listener beyond this machine has a password at all is a rule of the configuration.
https://words.filippo.io/csrf/
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bridge.web.answers import answer, refusal, too_many
from bridge.web.limits import RefusalLimit
from bridge.web.remote import caller

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""Asked by machines that know neither name nor password; they tell nothing but yes or no."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def is_loopback(host: str) -> bool:
    """Return whether a host name or address means this machine and nothing else."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761: never leaves the machine
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def guard(password: str | None, monotonic: Callable[[], float]) -> Middleware:
    """Return the middleware that lets a request in or says why not.

    Without a password the pages are for this machine: requests must use one of its own names, so that a
    stranger's name that was made to point here (DNS rebinding) leads nowhere. With one, any name will do,
    because a browser gives the password to no other name than the one it was typed for.
    """
    check = _Password(password, monotonic) if password else None

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in OPEN_PATHS:
            return await handler(request)
        if check is None and not is_loopback(_host_name(request.headers.get("Host", ""))):
            return refusal(421, "without a password the admin pages answer to localhost only")
        if request.method not in _SAFE and not _same_site(request):
            return refusal(403, "another site may not do this here")
        turned_away = check.turn_away(request) if check else None
        return turned_away or await handler(request)

    return guarded


class _Password:
    """HTTP Basic with any user name (RFC 7617); wrong ones are limited per address."""

    def __init__(self, password: str, monotonic: Callable[[], float]) -> None:
        self._digest = _digest(password)
        self._wrong = RefusalLimit(burst=10, per_minute=10, addresses=10_000, monotonic=monotonic)

    def turn_away(self, request: web.Request) -> web.Response | None:
        """Return the answer to a request without the password, or None for one that has it."""
        given = request.headers.get("Authorization")
        address = caller(request)
        if given is not None and (wait := self._wrong.wait(address)):
            return too_many(wait)
        if given is not None and hmac.compare_digest(_digest(_password_of(given)), self._digest):
            return None
        if given is not None:
            self._wrong.count(address)
        challenge = {"WWW-Authenticate": 'Basic realm="bridge", charset="UTF-8"'}
        return answer(401, {"status": "refused", "error": "the admin password is needed"}, challenge)


def _digest(password: str) -> bytes:
    # Equal lengths, so that comparing takes equal time.
    return hashlib.sha256(password.encode("utf-8", "surrogateescape")).digest()


def _password_of(authorization: str) -> str:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode("utf-8", "surrogateescape")
    except (ValueError, binascii.Error):
        return ""
    return decoded.partition(":")[2]


def _same_site(request: web.Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    # Neither header: no browser of this decade, so nobody whose password could be borrowed.
    return origin is None or origin.partition("://")[2] == request.headers.get("Host", "")


def _host_name(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
