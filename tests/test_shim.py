"""The repair of aioresponses in conftest.py works, and is still needed."""

import pytest
from aiohttp import ClientResponse, ClientSession
from aioresponses import aioresponses

URL = "https://example.com/answer"


async def test_mocked_answers_arrive() -> None:
    with aioresponses() as mocked:
        mocked.post(URL, status=202, payload={"ok": True}, headers={"X-Answer": "42"})
        async with ClientSession() as session, session.post(URL, json={}) as response:
            assert (response.status, response.headers["X-Answer"]) == (202, "42")
            assert await response.json() == {"ok": True}
        mocked.assert_called_once_with(URL, method="POST", json={})


async def test_the_shim_is_still_needed() -> None:
    with aioresponses() as mocked:
        mocked.get(URL, response_class=ClientResponse)  # past the repair, as aioresponses does by itself
        async with ClientSession() as session:
            with pytest.raises(TypeError, match="stream_writer"):
                await session.get(URL)
