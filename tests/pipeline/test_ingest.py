"""What a sender is told, and what is on disk by then."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence

import pytest
from pydantic import SecretStr

from bridge.pipeline.ingest import Ingest
from bridge.pipeline.settling import Entries, Found
from bridge.sources.eduzz import EduzzOptions, EduzzSource
from bridge.store import details, views
from bridge.store.database import Database, StoreBusy
from bridge.store.details import EventDetails
from tests.support.pipeline import Pipeline, Unattended, completion


async def stored(database: Database) -> int:
    return len(await database.read(lambda c: views.list_events(c, views.EventFilter())))


async def test_an_authentic_event_is_stored_before_it_is_answered(database: Database) -> None:
    """200 means on disk."""
    pipeline = Pipeline(database, [], {})
    assert await pipeline.receive(completion()) == [200]
    assert await stored(database) == 1


async def test_a_duplicate_is_answered_like_the_first_and_stored_once(database: Database) -> None:
    """A platform that repeats itself is told the same."""
    pipeline = Pipeline(database, [], {})
    assert await pipeline.receive(completion(), completion(), completion("e2")) == [200, 200, 200]
    assert await stored(database) == 2


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"event": 7}', b"\xff\xfe", b'{"event":"a.b","data":[]}']
)
async def test_authentic_bytes_of_any_shape_are_kept(database: Database, body: bytes) -> None:
    """A body we cannot read is our problem, not the sender's."""
    pipeline = Pipeline(database, [], {})
    assert await pipeline.receive(body) == [200]
    assert await stored(database) == 1


async def test_a_ping_has_no_effects(database: Database) -> None:
    """The console's test is answered, signed or not, and nothing is stored."""
    pipeline = Pipeline(database, [], {})
    body = json.dumps({"event": "ping", "data": {"message": "ping"}}).encode()
    assert (await pipeline.ingest.receive("eduzz", {}, body)).status == 200
    assert await pipeline.receive(body) == [200]
    assert await stored(database) == 0
    # Anyone may send unsigned ones, as often as they like: they fill no log.
    assert [line.level for line in pipeline.log.lines] == ["debug", "info"]


async def test_a_forged_request_is_refused_and_the_log_says_which_mistake_it_looks_like(
    database: Database,
) -> None:
    """The operator reads the likely cause, and no secret."""
    pipeline = Pipeline(database, [], {})
    body = json.dumps(completion()).encode()
    answer = await pipeline.ingest.receive("eduzz", {"x-signature": "0" * 64}, body)
    assert (answer.status, await stored(database)) == (401, 0)
    line = pipeline.log.lines[-1]
    assert line.level == "warning"
    assert "no configured secret made this signature" in str(line.fields["hint"])


async def test_another_sources_key_is_recognised(database: Database) -> None:
    """Posting to the wrong path is a common mistake, and is named."""
    pipeline = Pipeline(database, [], {})
    other = EduzzSource("shop", EduzzOptions(type="eduzz", secrets=(SecretStr("another-secret"),)))
    ingest = Ingest(pipeline.node, {"eduzz": pipeline.source, "shop": other}, Unattended())
    body = json.dumps(completion()).encode()
    answer = await ingest.receive("eduzz", other.outgoing_headers(body), body)
    assert answer.status == 401
    assert "source 'shop'" in str(pipeline.log.lines[-1].fields["hint"])


class FullStore:
    """A store whose queue is full."""

    async def write(self, operation: object, *, weight: int = 1) -> object:
        raise StoreBusy("1 write waits already")


async def test_a_store_that_cannot_be_written_means_come_back_later(database: Database) -> None:
    """503 with Retry-After, so that the platform keeps the event."""
    pipeline = Pipeline(database, [], {})
    pipeline.node = pipeline.node.__class__("n", FullStore(), pipeline.clock, lambda: 0.0, pipeline.log)  # type: ignore[arg-type]
    ingest = Ingest(pipeline.node, {"eduzz": pipeline.source}, Unattended())
    body = json.dumps(completion()).encode()
    answer = await ingest.receive("eduzz", pipeline.source.outgoing_headers(body), body)
    assert answer.status == 503
    assert answer.retry_after


async def test_only_headers_worth_keeping_are_stored(database: Database) -> None:
    """Cookies, addresses and signatures stay out of the store."""
    pipeline = Pipeline(database, [], {})
    body = json.dumps(completion()).encode()
    headers: Mapping[str, str] = {
        **pipeline.source.outgoing_headers(body),
        "cookie": "session=1",
        "x-forwarded-for": "203.0.113.9",
    }
    await pipeline.ingest.receive("eduzz", headers, body)
    shown = await database.read(lambda c: details.show_event(c, 1))
    assert isinstance(shown, EventDetails)
    assert set(shown.entry.headers) <= set(pipeline.source.kept_headers)


class Careless(Unattended):
    """Fails when it is handed what was stored."""

    def hand_on(self, entries: Entries, found: Sequence[Found] | BaseException) -> None:
        raise LookupError("a mistake of ours")


async def test_what_is_stored_is_answered_though_it_cannot_be_handed_on(database: Database) -> None:
    """Its sender would wait for ever, and so would those whose events came in the same moment."""
    pipeline = Pipeline(database, [], {})
    ingest = Ingest(pipeline.node, {"eduzz": pipeline.source}, Careless())

    async def post(number: int) -> int:
        body = json.dumps(completion(f"e{number}")).encode()
        return (await ingest.receive("eduzz", pipeline.source.outgoing_headers(body), body)).status

    async with asyncio.timeout(10):
        assert [*await asyncio.gather(post(1), post(2))] == [200, 200]
    assert await stored(database) == 2
    assert "entries not handed on" in pipeline.log.events("exception")
