"""Whether a running bridge answers: one GET, with the standard library alone, for Docker's HEALTHCHECK."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException, HTTPSConnection
from json import dumps
from urllib.parse import urlsplit

from bridge.cli.exits import Failure, misused, unavailable

TIMEOUT_S = 2.0  # below the three seconds of the Dockerfile


def check(url: str, *, json: bool = False) -> None:
    """Say that the bridge at `url` is up, or fail; proxies of the environment are not used."""
    status = _get(url)
    if json:
        print(dumps({"url": url, "status": status, "healthy": status == 200}, indent=2))
        if status == 200:
            return
    if status != 200:
        raise Failure(f"{url} answered {status}, expected 200")
    print(f"{url} answered 200")


def _get(url: str) -> int:
    connection, path = _connection(url)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, HTTPException, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise unavailable(f"{url} does not answer: {why}") from error
    finally:
        connection.close()


def _connection(url: str) -> tuple[HTTPConnection, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("http", "https"):
        raise misused(f"'{url}' is not an address; expected one such as http://127.0.0.1:8080/healthz")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(host, port, timeout=TIMEOUT_S), parts.path or "/healthz"
