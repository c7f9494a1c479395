"""Every channel over HTTP against a real server: what each answer comes to, and what never happens."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import pytest

from bridge.channels.answers import LONGEST_WAIT, NO_REDIRECTS
from bridge.core.outcomes import ANSWER_LIMIT, Delivered, Outcome, Reason, Rejected, Retry
from tests.support.certificates import Certificate
from tests.support.channels import DELIVERY, TOKEN, message, opened, slack, slack_webhook, webhook
from tests.support.clock import START
from tests.support.http_server import HttpServer, Reply, reply_json
from tests.support.loop_time import pass_time


@dataclass(frozen=True)
class Kind:
    """A type of channel, how to point it at a server, and what a good answer looks like."""

    name: str
    type: str
    raw: Callable[..., dict[str, object]]
    good: Reply


KINDS = [
    Kind("slack", "slack", slack, reply_json({"ok": True, "ts": "1503435956.000247"})),
    Kind("slack webhook", "slack", slack_webhook, Reply(body=b"ok")),
    Kind("webhook", "webhook", webhook, Reply(204, b"")),
    Kind("webhook by PATCH", "webhook", partial(webhook, method="PATCH"), Reply(204, b"")),
    Kind("webhook by preset", "webhook", partial(webhook, preset="discord", rate=None), Reply(204, b"")),
]
SECRETS = (
    TOKEN,
    "aVeryLongSecretOf",
    "anotherVeryLongSecret",
    "tokenOfAReceiver123",
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
)
LIMIT = timedelta(seconds=40)
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


async def send(kind: Kind, *script: Reply, **more: object) -> tuple[Outcome, HttpServer]:
    """Send one message to a server that answers from a script."""
    async with (
        HttpServer(*script, default=kind.good) as server,
        opened(kind.type, kind.raw(server.url, **more)) as channel,
    ):
        payload = channel.encode(message(), {})
        return await channel.send(payload, DELIVERY), server


def text_of(outcome: Outcome) -> str:
    return repr(outcome)


@every_kind
async def test_a_good_answer_delivers(kind: Kind) -> None:
    """One request with the payload's very bytes, a User-Agent and no cookies."""
    async with HttpServer(default=kind.good) as server, opened(kind.type, kind.raw(server.url)) as channel:
        payload = channel.encode(message(), {})
        outcome = await channel.send(payload, DELIVERY)
    assert isinstance(outcome, Delivered)
    (call,) = server.calls
    assert call.body == payload.body
    assert call.headers["User-Agent"].startswith("course-bridge/test")
    assert "Cookie" not in call.headers


TABLE: list[tuple[int, type[Outcome], Reason]] = [
    *((status, Rejected, Reason.AUTH) for status in (401, 403, 407)),
    *(
        (status, Rejected, Reason.CLIENT)
        for status in (*range(400, 419), *range(421, 432), 444, 451, 499)
        if status not in (401, 403, 407, 408, 425, 429)
    ),
    (408, Retry, Reason.TIMEOUT),
    (425, Retry, Reason.SERVER),
    (429, Retry, Reason.RATE_LIMITED),
    *((status, Retry, Reason.SERVER) for status in (*range(500, 512), 520, 522, 599)),
    *((status, Rejected, Reason.CLIENT) for status in (300, 301, 302, 303, 305, 307, 308)),
]


@every_kind
@pytest.mark.parametrize(("status", "outcome", "reason"), TABLE, ids=str)
async def test_every_status_has_its_outcome(
    kind: Kind, status: int, outcome: type[Outcome], reason: Reason
) -> None:
    """4xx is final but for 408, 425 and 429; 5xx is tried again; a redirect is refused."""
    body = reply_json({"ok": False, "error": f"answer-{status}"}, status)
    found, server = await send(kind, replace(body, headers={**body.headers, "Location": "/elsewhere"}))
    assert not isinstance(found, Delivered)
    assert (type(found), found.reason, found.status) == (outcome, reason, status)
    assert len(server.calls) == 1


@every_kind
@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
async def test_2xx_delivers(kind: Kind, status: int) -> None:
    """Any 2xx is a yes, except that Slack's API always answers 200 and says more in the body."""
    found, server = await send(
        kind, replace(kind.good, status=status, body=b"" if status == 204 else kind.good.body)
    )
    if kind.name == "slack" and status != 200:
        assert len(server.calls) == 1
        return
    assert isinstance(found, Delivered)
    assert found.status == status


@every_kind
@pytest.mark.parametrize(
    ("header", "after"),
    [
        (None, None),
        ("30", timedelta(seconds=30)),
        (" 30 ", timedelta(seconds=30)),
        ("0", timedelta(0)),
        ("1.5", timedelta(seconds=1.5)),
        ("Mon, 04 May 2026 12:02:00 GMT", timedelta(minutes=2)),
        ("Monday, 04-May-26 12:02:00 GMT", timedelta(minutes=2)),
        ("Mon, 04 May 2026 11:00:00 GMT", timedelta(0)),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("Mon, 99 May 2026 12:02:00 GMT", None),
        ("Mon, 04 May 99999 12:02:00 GMT", None),
        ("9" * 12, LONGEST_WAIT),
        ("9" * 400, None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_understood(
    kind: Kind, header: str | None, after: timedelta | None, status: int
) -> None:
    """Seconds and dates count; nonsense and negative numbers do not; beyond reason is a year."""
    headers = {} if header is None else {"Retry-After": header}
    found, _ = await send(kind, Reply(status, b"{}", headers))
    assert isinstance(found, Retry)
    assert found.after == after


@every_kind
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(kind: Kind, status: int) -> None:
    """The target is not asked, on the same server or another, and the operator is told what to do."""
    async with HttpServer() as target:
        found, server = await send(kind, Reply(status, b"", {"Location": f"{target.url}/private"}))
    assert found == Rejected(Reason.CLIENT, status, NO_REDIRECTS)
    assert len(server.calls) == 1
    assert target.calls == []


@every_kind
async def test_a_lost_connection_is_tried_again_by_the_outbox_alone(kind: Kind) -> None:
    """Without an answer exactly one request was sent."""
    found, server = await send(kind, Reply(reset_before=True))
    assert isinstance(found, Retry)
    assert found.reason is Reason.CONNECTION
    assert len(server.calls) == 1


@every_kind
async def test_a_kept_connection_that_breaks_sends_once(kind: Kind) -> None:
    """The same on the second request of a connection, where clients like to repeat by themselves."""
    async with (
        HttpServer(kind.good, Reply(reset_before=True), default=kind.good) as server,
        opened(kind.type, kind.raw(server.url)) as channel,
    ):
        payload = channel.encode(message(), {})
        assert isinstance(await channel.send(payload, DELIVERY), Delivered)
        assert isinstance(await channel.send(payload, DELIVERY), Retry)
    assert (len(server.calls), server.connections) == (2, 1)


async def test_a_put_is_not_repeated_either() -> None:
    """aiohttp repeats idempotent methods on a kept connection; our sessions do not let it."""
    good = Reply(204, b"")
    async with (
        HttpServer(good, Reply(reset_before=True), default=good) as server,
        opened("webhook", webhook(server.url, method="PUT")) as channel,
    ):
        payload = channel.encode(message(), {})
        await channel.send(payload, DELIVERY)
        assert isinstance(await channel.send(payload, DELIVERY), Retry)
    assert [call.method for call in server.calls] == ["PUT", "PUT"]


@every_kind
async def test_silence_ends_with_the_time_limit(kind: Kind) -> None:
    """A server that never answers costs the time limit and no more."""
    async with (
        HttpServer(Reply(hang=True)) as server,
        opened(kind.type, kind.raw(server.url, timeout=LIMIT)) as channel,
    ):
        sending = asyncio.ensure_future(channel.send(channel.encode(message(), {}), DELIVERY))
        await server.called.wait()
        pass_time(LIMIT.total_seconds())
        found = await sending
    assert isinstance(found, Retry)
    assert found.reason is Reason.TIMEOUT
    assert len(server.calls) == 1


@every_kind
@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"x" * 65536, endless=True),
        Reply(body=b'{"ok": true, "ts"', reset_after=5),
    ],
    ids=["endless", "reset in the middle"],
)
async def test_an_answer_that_does_not_end_well_costs_little(kind: Kind, reply: Reply) -> None:
    """The status line decides where it can: only Slack's API says in the body whether it worked."""
    found, server = await send(kind, reply, timeout=LIMIT)
    assert type(found) is (Retry if kind.name == "slack" else Delivered)
    assert len(server.calls) == 1
    assert server.bytes_sent < 32 * 1024 * 1024


@every_kind
async def test_an_answer_that_drips_costs_the_time_limit(kind: Kind) -> None:
    """Where the status line has decided, it still has."""
    async with (
        HttpServer(Reply(drip_s=0.01)) as server,
        opened(kind.type, kind.raw(server.url, timeout=LIMIT)) as channel,
    ):
        sending = asyncio.ensure_future(channel.send(channel.encode(message(), {}), DELIVERY))
        while server.bytes_sent < 5:  # noqa: ASYNC110 - the head has arrived long before
            await asyncio.sleep(0.001)
        pass_time(LIMIT.total_seconds())
        found = await sending
    assert type(found) is (Retry if kind.type == "slack" else Delivered)  # slack-sdk waits for the end
    assert len(server.calls) == 1


@every_kind
async def test_nobody_listening_is_tried_again(kind: Kind) -> None:
    """A refused connection passes."""
    async with HttpServer() as server:
        url = server.url
    async with opened(kind.type, kind.raw(url)) as channel:
        found = await channel.send(channel.encode(message(), {}), DELIVERY)
    assert found == Retry(Reason.CONNECTION, answer="the connection was refused")


@every_kind
async def test_a_certificate_that_nobody_vouches_for_is_refused(kind: Kind, certificate: Certificate) -> None:
    """Nothing is sent; certificates are renewed, so it is tried again."""
    async with (
        HttpServer(tls=certificate.server_context()) as server,
        opened(kind.type, kind.raw(server.url)) as channel,
    ):
        found = await channel.send(channel.encode(message(), {}), DELIVERY)
    assert isinstance(found, Retry)
    assert found.reason is Reason.CONNECTION
    assert found.answer.startswith("the server's certificate was not accepted: ")
    assert server.calls == []


@every_kind
async def test_a_server_without_tls_is_tried_again(kind: Kind) -> None:
    """Nor is anything sent in clear where https was asked for."""
    async with (
        HttpServer() as server,
        opened(kind.type, kind.raw(server.url.replace("http:", "https:"))) as channel,
    ):
        found = await channel.send(channel.encode(message(), {}), DELIVERY)
    assert isinstance(found, Retry)
    assert found.answer == "no secure connection could be made (TLS)"
    assert server.calls == []


@every_kind
@pytest.mark.parametrize("status", [200, 400, 403, 404, 410, 429, 500])
async def test_no_secret_shows_even_when_the_answer_repeats_it(kind: Kind, status: int) -> None:
    """A server that echoes the whole request, in several spellings, learns nothing into our records."""
    async with HttpServer(default=kind.good) as server, opened(kind.type, kind.raw(server.url)) as channel:
        payload = channel.encode(message(), {})
        await channel.send(payload, DELIVERY)
        call = server.calls[0]
        echo = f"{call.path} {dict(call.headers)} {server.url}{call.path}".replace("/", r"\/") + str(call)
        server.script.append(Reply(status, echo.encode()))
        server.script.append(reply_json({"ok": False, "error": echo}, status))
        texts = [repr(await channel.send(payload, DELIVERY)) for _ in range(2)]
        texts += [repr(channel), str(channel), repr(payload)]
    for text in texts:
        assert not [secret for secret in SECRETS if secret in text]


@every_kind
async def test_answers_are_kept_short_and_on_one_line(kind: Kind) -> None:
    """What is stored with an attempt has a limit, and no line breaks or control characters."""
    found, _ = await send(kind, reply_json({"ok": False, "error": "no\r\n\x1b[31m" + "x" * 5000}, 400))
    assert isinstance(found, Rejected)
    assert len(found.answer) <= ANSWER_LIMIT
    assert found.answer.isprintable()


@every_kind
async def test_closing_leaves_nothing_open(kind: Kind) -> None:
    """No connection, session or task outlives `close` (a ResourceWarning would fail this test)."""
    found, server = await send(kind)
    assert isinstance(found, Delivered)
    await asyncio.sleep(0)
    gc.collect()
    assert len(server.calls) == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


@every_kind
async def test_a_cancelled_send_leaves_nothing_open(kind: Kind) -> None:
    """A delivery that is cancelled at shutdown gives its connection back."""
    async with HttpServer(Reply(hang=True)) as server, opened(kind.type, kind.raw(server.url)) as channel:
        task = asyncio.ensure_future(channel.send(channel.encode(message(), {}), DELIVERY))
        await server.called.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    gc.collect()


@every_kind
async def test_the_environment_names_no_proxy(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment would connect where the guard cannot see."""
    async with HttpServer() as proxy:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        found, server = await send(kind)
    assert isinstance(found, Delivered)
    assert (len(server.calls), proxy.calls) == (1, [])


@every_kind
async def test_many_at_once_share_few_connections(kind: Kind) -> None:
    """Connections are kept between messages."""
    async with HttpServer(default=kind.good) as server, opened(kind.type, kind.raw(server.url)) as channel:
        payload = channel.encode(message(), {})
        for _ in range(5):
            outcomes = await asyncio.gather(*(channel.send(payload, DELIVERY) for _ in range(4)))
            assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    assert len(server.calls) == 20
    assert server.connections <= 4


def test_the_clock_of_these_tests_is_the_one_of_the_dates_above() -> None:
    """The table of Retry-After dates is relative to this."""
    assert START.isoformat() == "2026-05-04T12:00:00+00:00"
