"""From the socket to the disk: the public listener in front of the real pipeline and a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.core.signing import Scheme, sign
from bridge.pipeline.ingest import Ingest
from bridge.pipeline.node import Node
from bridge.sources import registry
from bridge.store import details, views
from bridge.store.database import Database
from bridge.store.views import EventFilter
from bridge.web.limits import Limits
from bridge.web.listener import Listener, listen
from bridge.web.public import public_app
from tests.support.clock import FakeClock
from tests.support.pipeline import Unattended
from tests.web.fakes import LOOPBACK, RecordingLog, converse, statuses

KEY = b"a secret of the console"
SCHEME = Scheme("x-signature")


@pytest.fixture
async def bridge(database: Database, clock: FakeClock, log: RecordingLog) -> AsyncIterator[Listener]:
    options = registry.OPTIONS["eduzz"].model_validate({"type": "eduzz", "secrets": [KEY.decode()]})
    node = Node("test", database, clock, lambda: 0.5, log)
    ingest = Ingest(node, {"eduzz": registry.build("eduzz", options)}, Unattended())
    limits = Limits(refusals=2, refusals_per_minute=1)
    app = public_app(ingest, clock, ready=lambda: True, log=log, limits=limits)
    listener = await listen(app, LOOPBACK, 0, log=log, limits=limits)
    yield listener
    await listener.close()


def _request(body: bytes, *, agent: bytes = b"Eduzz Webhook", key: bytes = KEY) -> bytes:
    head = b"POST /hooks/eduzz HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nUser-Agent: " + agent
    signature = sign(key, body, SCHEME).encode()
    return head + b"\r\nx-signature: " + signature + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@given(
    body=st.one_of(
        st.binary(max_size=300),
        st.sampled_from(
            (b"", b"null", b"[" * 5000, b'{"id":"\\ud800","event":"\\u0000"}', b'{"id":1e400,"event":["x"]}')
        ),
        st.text(max_size=30).map(lambda text: b'{"event":"nutror.x","id":"' + text.encode() + b'"}'),
    ),
    agent=st.binary(max_size=20).filter(lambda raw: not set(raw) & {0, 10, 13}),
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_an_authentic_sender_sends_is_stored_and_answered_200(
    bridge: Listener, database: Database, body: bytes, agent: bytes
) -> None:
    """Any body under a right signature, with any bytes in a header that is kept, is on disk when answered."""
    answered = statuses(await converse(bridge.port, _request(body, agent=agent), answers=1))
    assert answered in ([200], [400])  # some control characters are no header value for any HTTP server
    if answered == [200]:
        (newest, *_) = await database.read(lambda c: views.list_events(c, EventFilter(limit=500)))
        assert newest.source == "eduzz"
        found = await database.read(lambda c: details.show_event(c, newest.seq))
        assert isinstance(found, details.EventDetails)


async def test_a_ping_passes_unsigned_and_is_not_stored(
    bridge: Listener, database: Database, http: aiohttp.ClientSession
) -> None:
    """The console's connection test is answered 200, also after too many refusals, and leaves no trace."""
    url = f"{bridge.url}/hooks/eduzz"
    for body, status in [
        ({}, 401),
        ({}, 401),
        ({}, 429),
        ({"event": "ping", "data": {"message": "ping"}}, 200),
    ]:
        async with http.post(url, json=body) as response:
            assert response.status == status
    assert await database.read(views.count_events) == {}


async def test_the_same_event_twice_is_stored_once(bridge: Listener, database: Database) -> None:
    """Both are answered 200, or the platform would go on sending."""
    body = b'{"id":"clx1","event":"nutror.module_completed","data":{}}'
    assert statuses(await converse(bridge.port, _request(body), _request(body), answers=2)) == [200, 200]
    assert await database.read(views.count_events) == {"new": 1}


async def test_a_wrong_key_is_refused_with_a_hint_in_the_log_alone(
    bridge: Listener, log: RecordingLog
) -> None:
    """The sender learns nothing but 401; the log says what it looks like, without the secret."""
    answered = await converse(bridge.port, _request(b"{}", key=KEY + b"\n"), answers=1)
    assert statuses(answered) == [401]
    assert b"white space" not in answered
    assert "white space" in repr(log.lines)
    assert KEY.decode() not in repr(log.lines)
