"""What holds for every test: Ctrl-C, how hypothesis is used, and aioresponses 0.7.9 made to fit aiohttp 3.14.

Responses of aiohttp 3.14 want one argument that aioresponses does not pass, which is known upstream as
pnuckowski/aioresponses #289; `test_shim.py` fails as soon as the repair can go.
"""

import signal
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import aioresponses.core
import pytest
from aiohttp import ClientResponse
from aiohttp.abc import AbstractStreamWriter
from hypothesis import HealthCheck, settings

# How fast something is, is for bench/ to say: a test does not fail because the machine is busy.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

# A shell starts what runs in its background deaf to Ctrl-C; what a test starts would be, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class MockedResponse(ClientResponse):
    """A response to a request of which nothing was ever written."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, stream_writer=Mock(AbstractStreamWriter, output_size=0), **kwargs)


@pytest.fixture(scope="session", autouse=True)
def aioresponses_shim() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aioresponses.core, "ClientResponse", MockedResponse)
        yield
