"""Ports for a program that is killed and started again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.program import kept_port


@pytest.fixture
def ports() -> Iterator[tuple[int, int]]:
    """Yield a port for the public listener and one for the admin pages."""
    with kept_port() as public, kept_port() as admin:
        yield public, admin
