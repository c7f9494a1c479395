"""Repairs aioresponses 0.7.9 for aiohttp 3.14, whose responses want one argument that it does not pass.

Known upstream as pnuckowski/aioresponses #289.
`test_shim.py` fails as soon as this file can go.
"""

from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import aioresponses.core
import pytest
from aiohttp import ClientResponse
from aiohttp.abc import AbstractStreamWriter


class MockedResponse(ClientResponse):
    """A response to a request of which nothing was ever written."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, stream_writer=Mock(AbstractStreamWriter, output_size=0), **kwargs)


@pytest.fixture(scope="session", autouse=True)
def aioresponses_shim() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aioresponses.core, "ClientResponse", MockedResponse)
        yield
