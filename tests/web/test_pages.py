"""The admin pages: what they show, what they hide, and what their buttons do."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from html.parser import HTMLParser

import aiohttp
import pytest

from bridge.core.identity import ID_SHOWN
from bridge.core.outcomes import State
from bridge.core.readable import read_chat, read_mail
from bridge.sandbox.arrivals import Arrivals, Post
from bridge.store import details, remaining, views
from bridge.store.database import Database, StoreUnavailable
from bridge.store.views import DeliveryFilter
from bridge.web.listener import Listener
from tests.support.clock import FakeClock
from tests.web import stocked
from tests.web.fakes import RecordingLog
from tests.web.stocked import SECRET, Stock, stock

ServeAdmin = Callable[..., Awaitable[Listener]]
HOSTILE = (
    "\"'></pre></title></textarea><script>alert(1)</script><img src=x onerror=alert(1)>"
    '{{ 7*7 }}&lt;<a href="javascript:alert(1)">'
)
TAGS = frozenset(
    re.findall(
        r"\w+",
        "html head meta title link body a header div span nav form input button main footer p h1 h2 section "
        "table thead tbody tr th td time small code dl dt dd ul li b details summary pre label select option "
        "iframe img",
    )
)


class _Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def links(self) -> list[str]:
        return [attrs.get("href") or attrs.get("src", "") for _, attrs in self.found]


@pytest.fixture
async def stored(database: Database, clock: FakeClock) -> Stock:
    return await database.write(lambda c: stock(c, clock.now()))


@pytest.fixture
async def hostile(database: Database, clock: FakeClock) -> Stock:
    return await database.write(lambda c: stock(c, clock.now(), lambda text: text + HOSTILE))


async def _get(http: aiohttp.ClientSession, url: str, status: int = 200) -> str:
    async with http.get(url) as response:
        assert response.status == status, url
        return await response.text()


def _paths(stored: Stock) -> list[str]:
    events = [f"/events/{seq}" for seq in stored.events.values()]
    deliveries = [f"/deliveries/{id_}" for id_ in stored.deliveries.values()]
    return ["/", "/events", "/deliveries", "/rules", *events, *deliveries]


async def test_an_empty_bridge_has_pages_that_say_so(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession
) -> None:
    """Before the first event nothing is missing but events."""
    listener = await serve_admin()
    assert "Nothing has arrived yet" in await _get(http, listener.url)
    assert "No events yet" in await _get(http, f"{listener.url}/events")
    assert "No deliveries yet" in await _get(http, f"{listener.url}/deliveries")


async def test_the_overview_says_what_waits_and_what_is_stuck(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock
) -> None:
    """Counts, the oldest due, each channel, and the deliveries that need a person."""
    html = await _get(http, (await serve_admin(channels={**stocked.KINDS, "nova": "email"})).url)
    assert html.count(f"/deliveries/{stored.deliveries['parked']}") == 1
    assert "the oldest due for 22 min" in html
    for words in ("learners", "wins", "crm", "nova", "4 in 24 h", "<b>3</b> <span>Deliveries stuck</span>"):
        assert words in html


async def test_an_event_shows_its_facts_decisions_and_deliveries(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock
) -> None:
    """What matched, what was not sent and why, and the way to a full explanation."""
    listener = await serve_admin()
    html = await _get(http, f"{listener.url}/events/{stored.events['done']}")
    for words in (
        "nutror.module_completed",
        "avisa-crm",
        "once_per: already sent",
        "bridge explain",
        "Primeiros passos",
    ):
        assert words in html
    for id_ in stored.deliveries.values():
        assert f"/deliveries/{id_}" in html
    assert "could not be read" in await _get(http, f"{listener.url}/events/{stored.events['parked']}")
    assert "is undefined" in await _get(http, f"{listener.url}/events/{stored.events['failed']}")
    assert f'<a href="/deliveries/{"12ab" * 8}">12ab12ab12ab12ab</a>' in html
    assert "Not dispatched yet" in await _get(http, f"{listener.url}/events/{stored.events['new']}")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "mail",
            [
                "Parabéns, Maria! Você concluiu o Módulo 1 🎉",
                "<iframe",
                "subject cut to 78",
                "2.0.0 Ok",
                "confirmed",
            ],
        ),
        (
            "slack",
            [
                '<span class="b ">Maria Conceição</span>',
                "🎉",
                'href="https://escola.example/m/1"',
                "#conquistas",
            ],
        ),
        (
            "webhook",
            [
                '<p class="note bad">client: {&#34;error',
                "&#34;course&#34;: &#34;4bba1d&#34;",
                "422",
                "client",
                "Retry now",
                "Discard",
            ],
        ),
        ("parked", ["templates/parabens.md:7", "Not rendered yet", "Retry now"]),
        ("expired", ["not sent by", "Retry now"]),
        ("withheld", ["the platform&#39;s own test event", "Discard"]),
        ("retrying", ["429", "rate limited", "slow down", "Due"]),
        ("pending", ["None yet"]),
    ],
)
async def test_a_delivery_shows_its_message_and_attempts(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, name: str, words: list[str]
) -> None:
    """The exact message, every attempt, and only the buttons that its state allows."""
    listener = await serve_admin()
    html = await _get(http, f"{listener.url}/deliveries/{stored.deliveries[name]}")
    for word in words:
        assert word in html
    assert ("Retry now" in html) == (name in {"webhook", "parked", "expired", "retrying", "pending"})


async def test_a_delivery_that_some_have_says_who(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, database: Database
) -> None:
    """A retry is for the others alone."""
    name = stored.deliveries["webhook"]
    page = f"{(await serve_admin()).url}/deliveries/{name}"
    assert "Still to get it" not in await _get(http, page)
    rows = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
    (row,) = (row for row in rows if row.id == name)
    meta = {"recipients": ["rui@escola.example"], "taken": ["<i>@escola.example"]}
    await database.write(lambda c: remaining.store(c, row.seq, meta))
    html = await _get(http, page)
    assert "Has it</dt><dd>&lt;i&gt;@escola.example</dd>" in html
    assert "Still to get it</dt><dd>rui@escola.example</dd>" in html


async def test_secrets_in_bodies_and_headers_are_hidden(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock
) -> None:
    """No page holds the secret that the event carried."""
    listener = await serve_admin()
    for path in _paths(stored):
        assert SECRET not in await _get(http, listener.url + path)
    assert "***" in await _get(http, f"{listener.url}/events/{stored.events['done']}")


async def test_nothing_a_stranger_wrote_becomes_markup(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, hostile: Stock, clock: FakeClock
) -> None:
    """With markup in every stored text, pages hold no element, attribute or link that is not ours."""
    arrivals = _arrivals(clock, HOSTILE)
    listener = await serve_admin(mailbox=arrivals)
    mailbox = ["/mailbox", *(f"/mailbox/{number}" for number in (1, 2, 3))]
    for path in [
        *_paths(hostile),
        *mailbox,
        f"/events?learner={HOSTILE.replace('&', '%26')}",
        "/find?id=<script>",
    ]:
        async with http.get(listener.url + path) as response:
            page = _Elements(await response.text())
        assert {tag for tag, _ in page.found} <= TAGS, path
        for tag, attrs in page.found:
            assert not any(name.startswith("on") or name == "style" for name in attrs), (path, tag, attrs)
            assert tag != "img" or attrs["src"] == "/static/icon.svg"
        assert all(
            link.startswith(("/", "#", "https://escola.example/")) or not link for link in page.links()
        ), path
        assert "49" not in [attrs.get("value") for _, attrs in page.found]


async def test_pages_allow_no_script_and_no_framing(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock
) -> None:
    """Every page comes with a policy that takes script away even if markup got in, and is kept by nobody."""
    listener = await serve_admin()
    for path in _paths(stored):
        async with http.get(listener.url + path) as response:
            policy = response.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; style-src 'self'")
            assert "unsafe" not in policy
            assert response.headers["X-Frame-Options"] == "DENY"
            assert response.headers["Cache-Control"] == "no-store"


async def test_a_messages_html_is_shut_in(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, clock: FakeClock
) -> None:
    """It is served byte for byte, but sandboxed, without script, forms and pictures from elsewhere."""
    listener = await serve_admin(mailbox=_arrivals(clock, ""))
    for path in (f"/deliveries/{stored.deliveries['mail']}/html", "/mailbox/1/html"):
        async with http.get(listener.url + path) as response:
            policy = response.headers["Content-Security-Policy"]
            assert policy.startswith("sandbox; default-src 'none';")
            assert "script" not in policy
            assert "Você concluiu o módulo <b>Primeiros passos</b>" in await response.text()


async def test_a_message_without_html_has_an_empty_frame_or_none(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, clock: FakeClock
) -> None:
    """Asking for the HTML of what has none shows nothing of anything else."""
    listener = await serve_admin(mailbox=_arrivals(clock, ""))
    assert await _get(http, f"{listener.url}/deliveries/{stored.deliveries['slack']}/html") == ""
    for path in (f"/deliveries/{stored.deliveries['pending']}/html", "/mailbox/2/html", "/mailbox/99/html"):
        await _get(http, listener.url + path, 404)


async def test_retry_makes_the_delivery_due_now(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, database: Database
) -> None:
    """The button leads back to the page, which says what was done; what was delivered is refused."""
    listener = await serve_admin()
    url = f"{listener.url}/deliveries/{stored.deliveries['webhook']}"
    async with http.post(f"{url}/retry") as response:
        assert (response.status, str(response.url)) == (200, f"{url}?done=retry")
        assert "tried again now" in await response.text()
    assert await _state(database, stored.deliveries["webhook"]) is State.PENDING
    async with http.post(f"{listener.url}/deliveries/{stored.deliveries['mail']}/retry") as response:
        assert response.status == 409
        assert "cannot be retried" in await response.text()


async def test_discard_keeps_the_reason(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, database: Database
) -> None:
    """What the person wrote stands on the page afterwards; without words it says who did it."""
    listener = await serve_admin()
    for name, form, why in [
        ("webhook", {"why": "o <CRM> `saiu <já>`"}, "o &lt;CRM&gt; <code>saiu &lt;já&gt;</code>"),
        ("parked", {}, "discarded by a person"),
    ]:
        async with http.post(
            f"{listener.url}/deliveries/{stored.deliveries[name]}/discard", data=form
        ) as response:
            assert why in await response.text()
        assert await _state(database, stored.deliveries[name]) is State.DISCARDED


async def test_replay_takes_the_event_through_the_rules_again(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, database: Database
) -> None:
    """A new run begins; an event that is not there says so."""
    listener = await serve_admin()
    seq = stored.events["parked"]
    async with http.post(f"{listener.url}/events/{seq}/replay") as response:
        assert "goes through the rules again" in await response.text()
    found = await database.read(lambda c: details.show_event(c, seq))
    assert isinstance(found, details.EventDetails)
    assert (found.row.state, found.row.run) == ("new", 2)
    async with http.post(f"{listener.url}/events/999/replay") as response:
        assert response.status == 404


async def test_a_link_cannot_put_words_in_the_pages_mouth(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock
) -> None:
    """Only the bridge's own sentences are shown after an action."""
    listener = await serve_admin()
    html = await _get(http, f"{listener.url}/events/{stored.events['done']}?done=Call+0800+now&problem=x")
    assert "0800" not in html
    assert "note good" not in html


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_reading_never_acts(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, method: str
) -> None:
    """What changes something takes POST alone."""
    listener = await serve_admin()
    for path in (
        f"/events/{stored.events['done']}/replay",
        f"/deliveries/{stored.deliveries['webhook']}/retry",
    ):
        async with http.request(method, listener.url + path) as response:
            assert (response.status, response.headers["Allow"]) == (405, "POST")


async def test_lists_are_turned_page_by_page(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock
) -> None:
    """Following the links shows every delivery once, with the filter kept, and ends."""
    listener = await serve_admin()
    seen: list[str] = []
    path: str | None = "/deliveries?rule=parabens-modulo&limit=3"
    while path:
        page = _Elements(await _get(http, listener.url + path))
        seen += [link for link in page.links() if link.startswith("/deliveries/")]
        older = [link for link in page.links() if "before=" in link]
        assert all("rule=parabens-modulo" in link for link in older)
        path = older[-1] if older else None
    assert sorted(seen) == sorted(f"/deliveries/{id_}" for id_ in stored.deliveries.values())


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("/deliveries?state=dead", 1),
        ("/deliveries?channel=wins", 3),
        ("/deliveries?channel=wins&state=delivered", 1),
        ("/deliveries?type=module.completed&learner=Maria@Aluna.example", 8),
        ("/deliveries?learner=outra@aluna.example", 0),
        ("/deliveries?since=27min", 6),
        ("/deliveries?until=27min", 2),
        ("/deliveries?since=2026-05-04T08:35", 4),
        ("/events?state=parked", 1),
        ("/events?type=nutror.module_completed", 2),
        ("/events?state=&type=&learner=", 4),
        ("/events?since=2026-05-04&until=2026-05-05", 4),
        ("/events?since=2026-05-05", 0),
    ],
)
async def test_filters_say_what_is_listed(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, path: str, count: int
) -> None:
    """Each filter alone and together; dates are in the configured time zone."""
    page = _Elements(await _get(http, (await serve_admin()).url + path))
    kind = path.partition("?")[0] + "/"
    assert len([link for link in page.links() if link.startswith(kind)]) == count


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("state=ded", "is no state; expected one of"),
        ("since=yesterday", "is no point in time; expected a time ago such as 2h"),
        ("since=0001-01-01T00:00%2B14:00", "is no point in time"),
        ("since=999999w", "is no point in time"),
        ("before=-1", "is not a whole number"),
        ("before=" + "9" * 30, "is not a whole number"),
        ("limit=501", "from 1 to 500"),
        ("stat=dead", "stat: there is no such filter"),
    ],
)
async def test_a_filter_that_cannot_be_understood_lists_nothing(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, query: str, sentence: str
) -> None:
    """Better nothing than the wrong rows; the page says what was expected."""
    listener = await serve_admin()
    for path in ("/events", "/deliveries"):
        html = await _get(http, f"{listener.url}{path}?{query}", 400)
        assert sentence in html
        assert "Nothing is listed" in html


async def test_find_leads_to_the_thing_itself(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock
) -> None:
    """A number, an id, or the beginning of a delivery's; otherwise it says what is wrong with it."""
    listener = await serve_admin()
    delivery = stored.deliveries["mail"]
    for name, path in [
        ("1", "/events/1"),
        (delivery, f"/deliveries/{delivery}"),
        (delivery[:ID_SHOWN], f"/deliveries/{delivery}"),
        ("clx24pklutdkh2ii7s7008qfy", "/events/2"),
    ]:
        async with http.get(f"{listener.url}/find", params={"id": name}) as response:
            assert (response.status, response.url.path) == (200, path)
    for name, sentence in [
        ("clx2", "No event and no delivery"),
        (delivery[:6], f"Several ids begin with {delivery[:6]}"),
        ("nothing", "No event and no delivery"),
        ("", "Give a number"),
    ]:
        async with http.get(f"{listener.url}/find", params={"id": name}) as response:
            assert response.status == 404
            assert sentence in await response.text()


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/events/999",
        "/events/x",
        "/deliveries/" + "0" * 32,
        "/deliveries/x",
        "/static/x.js",
        "/static/..%2fadmin.py",
        "/mailbox",
    ],
)
async def test_what_is_not_there_is_a_page_too(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, path: str
) -> None:
    """Missing things have a page with the way back."""
    assert 'href="/"' in await _get(http, (await serve_admin()).url + path, 404)


async def test_style_and_icon_are_our_own(serve_admin: ServeAdmin, http: aiohttp.ClientSession) -> None:
    """No page needs another host."""
    listener = await serve_admin()
    links = [link for link in _Elements(await _get(http, listener.url)).links() if "/static/" in link]
    assert len(set(links)) == 2
    for link in links:
        assert await _get(http, listener.url + link)


async def test_a_store_that_is_away_is_said_in_plain_words(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession
) -> None:
    """Pages and API answer 503 with the store's own sentence."""
    listener = await serve_admin(
        store=_Broken(StoreUnavailable("the store bridge.db cannot be read: disk I/O error"))
    )
    assert "disk I/O error" in await _get(http, listener.url, 503)
    assert "disk I/O error" in await _get(http, f"{listener.url}/api/events", 503)


async def test_our_own_mistake_shows_nothing_of_itself(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, log: RecordingLog
) -> None:
    """An unforeseen error is a page without details, and a traceback in the log."""
    listener = await serve_admin(store=_Broken(LookupError("detail")))
    assert "detail" not in (await _get(http, listener.url, 500)).replace("has the details", "")
    assert log.levels() == {"exception"}


async def test_the_mailbox_shows_what_arrived(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, clock: FakeClock
) -> None:
    """Mail, Slack and webhooks each as their reader sees them, newest first."""
    listener = await serve_admin(mailbox=_arrivals(clock, ""))
    html = await _get(http, f"{listener.url}/mailbox")
    assert [html.index(f"/mailbox/{number}") for number in (3, 2, 1)] == sorted(
        html.index(f"/mailbox/{n}") for n in (1, 2, 3)
    )
    assert "Continue assim" in await _get(http, f"{listener.url}/mailbox/1")
    assert '<span class="b ">Maria</span>' in await _get(http, f"{listener.url}/mailbox/2")
    assert "not checked" in await _get(http, f"{listener.url}/mailbox/3")
    await _get(http, f"{listener.url}/mailbox/99", 404)


async def test_the_files_of_a_mail_can_be_taken_out(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, clock: FakeClock
) -> None:
    """Byte for byte and as files: a browser opens and runs nothing of what learners had a part in."""
    mail = EmailMessage()
    mail.set_content("Oi")
    mail.add_attachment(b"<script>1</script>", maintype="text", subtype="html", filename="<b>é</b>.html")
    arrivals = Arrivals(clock)
    arrivals.add("email", to="x", title="Oi", content=read_mail(mail.as_bytes()), raw=mail.as_bytes())
    listener = await serve_admin(mailbox=arrivals)
    shown = await _get(http, f"{listener.url}/mailbox/1")
    assert '<a href="/mailbox/1/files/0">&lt;b&gt;é&lt;/b&gt;.html</a> (text/html, 0 KB)' in shown
    async with http.get(f"{listener.url}/mailbox/1/files/0") as response:
        assert await response.read() == b"<script>1</script>"
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Disposition"].startswith("attachment; filename*=utf-8''%3Cb%3E")
        assert response.headers["Content-Security-Policy"].startswith("sandbox;")
    for path in ("/mailbox/1/files/1", "/mailbox/2/files/0"):
        await _get(http, listener.url + path, 404)


async def test_the_sandbox_names_commands_that_look_there(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, clock: FakeClock
) -> None:
    """A command copied from the sandbox's page asks the sandbox's store, and elsewhere the real one."""
    path = f"/events/{stored.events['done']}"
    for mailbox, there in [(_arrivals(clock, ""), True), (None, False)]:
        listener = await serve_admin(mailbox=mailbox)
        assert ("--sandbox</code>" in await _get(http, listener.url + path)) is there


async def test_lists_say_why_a_delivery_is_stuck(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock
) -> None:
    """The reason it was parked for, or what the last attempt was answered."""
    listener = await serve_admin()
    for path in ("/", "/deliveries", f"/events/{stored.events['done']}"):
        html = await _get(http, listener.url + path)
        assert "client: {&#34;error&#34;:&#34;no such field&#34;}" in html
        assert "templates/parabens.md:7" in html


async def test_a_delivery_that_died_without_a_message_waits_for_none(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, database: Database, clock: FakeClock
) -> None:
    """An address that is none is refused before there is a message, and no later attempt makes one."""
    dead = await database.write(lambda c: stocked.die_early(c, stored.events["done"], clock.now()))
    html = await _get(http, f"{(await serve_admin()).url}/deliveries/{dead}")
    assert "No message could be made" in html
    assert "Not rendered yet" not in html


async def test_a_large_form_is_refused(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock
) -> None:
    """A reason is a sentence, not a novel."""
    url = f"{(await serve_admin()).url}/deliveries/{stored.deliveries['webhook']}/discard"
    async with http.post(url, data={"why": "x" * 100_000}) as response:
        assert response.status == 413


def _arrivals(clock: FakeClock, suffix: str) -> Arrivals:
    arrivals = Arrivals(clock)
    mail = stocked.mail(lambda text: text + suffix)
    chat = read_chat({"channel": "#c" + suffix, "text": "*Maria* <https://escola.example/m|Módulo>" + suffix})
    post = Post(method="POST", headers=(("x" + suffix, suffix),), text="{}" + suffix, signature="not checked")
    arrivals.add(
        "email", to="maria@aluna.example" + suffix, title="Oi" + suffix, content=read_mail(mail), raw=mail
    )
    arrivals.add("slack", to="#c" + suffix, title="Maria" + suffix, content=chat, raw=b"")
    arrivals.add("webhook", to="crm" + suffix, title="msg_1" + suffix, content=post, raw=b"{}")
    return arrivals


async def _state(database: Database, delivery_id: str) -> State:
    rows = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
    return next(row.state for row in rows if row.id == delivery_id)


class _Broken:
    """A store that fails every question."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def read(self, query: object) -> object:
        raise self._error


@pytest.mark.parametrize("media", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
async def test_a_form_in_no_known_charset_is_the_senders_mistake(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, log: RecordingLog, media: str
) -> None:
    """A charset that does not exist is answered 400, and nothing is discarded."""
    url = f"{(await serve_admin()).url}/deliveries/{stored.deliveries['webhook']}/discard"
    part = b'Content-Disposition: form-data; name="why"\r\nContent-Type: text/plain; charset=klingon'
    form = b"--b\r\n" + part + b"\r\n\r\nx\r\n--b--\r\n"
    headers = {"Content-Type": f"{media}; charset=klingon"}
    async with http.post(url, data=form, headers=headers) as response:
        assert response.status == 400
    assert "exception" not in log.levels()
