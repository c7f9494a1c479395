"""The generic source: facts from where the options say, and a door that is open only on purpose."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from bridge.core.events import Event, Person, Thing
from bridge.core.signing import Scheme, sign
from bridge.sources.base import Authentic, Request, Unsupported
from bridge.sources.generic import NO_SECRET, GenericOptions, GenericSource

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BODY: dict[str, object] = {
    "event": "finished",
    "order": {"id": 88120, "at": 1794270927, "people": [{"name": "Bia Prado", "mail": "bia@aluna.example"}]},
    "course": {"slug": "croche-1", "title": "Crochê para Recomeçar"},
}


def source(**options: object) -> GenericSource:
    """A generic source with one secret and these options."""
    checked = GenericOptions.model_validate({"type": "generic", "secrets": ["segredo"], **options})
    return GenericSource("site", checked)


def request(body: object = BODY, **headers: str) -> Request:
    """A request received now; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(named, json.dumps(body).encode(), NOW)


def event(made: GenericSource, asked: Request) -> Event:
    """The one event that a request becomes."""
    result = made.parse(asked)
    assert isinstance(result, tuple)
    (found,) = result
    return found


def test_facts_come_from_the_configured_places() -> None:
    """Ids, times, people and things by dotted path with list positions."""
    made = source(
        id="order.id",
        time="order.at",
        data="order",
        kinds={"finished": "course.completed"},
        learner={"name": "order.people[0].name", "email": "order.people[0].mail"},
        course={"id": "course.slug", "title": "course.title"},
    )
    assert event(made, request()) == Event(
        type="finished",
        kind="course.completed",
        id="88120",
        source="site",
        occurred_at=datetime(2026, 11, 10, 0, 35, 27, tzinfo=UTC),
        learner=Person(name="Bia Prado", email="bia@aluna.example"),
        course=Thing(id="croche-1", title="Crochê para Recomeçar"),
        data=BODY["order"],  # type: ignore[arg-type]  # an object, as written above
        raw=BODY,
    )
    assert made.delivery_key(request()) == "88120"


def test_little_configuration_is_enough() -> None:
    """Without paths: the type from `event`, the moment of receipt, the body as data, identity by bytes."""
    found = event(source(), request())
    assert (found.type, found.kind, found.occurred_at, found.data) == ("finished", "finished", NOW, BODY)
    assert found.id.startswith("sha256:")
    assert found.learner is None
    assert found.course is None


def test_types_ids_and_times_may_stand_in_headers() -> None:
    """Some senders name the event beside the body; such headers are kept with it for a replay."""
    made = source(
        event="header: X-GitHub-Event",
        id="header:X-GitHub-Delivery",
        time="header:date-sent",
        default_event="push",
    )
    assert made.kept_headers == (
        "x-github-delivery",
        "x-github-event",
        "date-sent",
        "content-type",
        "user-agent",
    )
    asked = request(x_github_event="issues", x_github_delivery="7f-01", date_sent="2026-11-10 00:35:27")
    found = event(made, asked)
    assert (found.type, found.id) == ("issues", "7f-01")
    assert found.occurred_at == datetime(2026, 11, 10, 0, 35, 27, tzinfo=UTC)
    assert made.delivery_key(asked) == "7f-01"
    assert event(made, request()).type == "push"


@pytest.mark.parametrize("value", [None, "", 7, ["finished"], "x" * 300, "a\nb"])
def test_without_a_type_there_is_no_event_unless_one_is_given(value: object) -> None:
    """The note says where the type was looked for."""
    asked = request({"kind": {"of": value}})
    result = source(event="kind.of").parse(asked)
    assert isinstance(result, Unsupported)
    assert "'kind.of'" in result.why
    assert event(source(event="kind.of", default_event="order"), asked).type == "order"


@pytest.mark.parametrize(
    "scheme",
    [
        Scheme("x-signature"),
        Scheme("x-hub-signature-256", prefix="sha256="),
        Scheme("x-shop-hmac", encoding="base64"),
        Scheme("x-hub-signature", prefix="sha1=", digest="sha1"),
        Scheme("signature", encoding="base64", prefix="v1,", digest="sha512"),
    ],
)
def test_common_ways_to_sign_are_understood(scheme: Scheme) -> None:
    """Header, encoding, prefix and digest are options; header names have no case."""
    made = source(
        header=scheme.header.title(), encoding=scheme.encoding, prefix=scheme.prefix, digest=scheme.digest
    )
    body = request().body
    signed = Request({scheme.header: sign(b"segredo", body, scheme)}, body, NOW)
    assert made.verify(signed) == Authentic(0)
    assert made.outgoing_headers(body)[scheme.header] == signed.headers[scheme.header]


def test_an_open_door_says_so() -> None:
    """`insecure: true` takes requests of anybody, and the verdict names no secret."""
    made = source(secrets=[], insecure=True)
    assert made.verify(request()) == Authentic(NO_SECRET)
    assert made.outgoing_headers(b"{}") == {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("options", "where", "says"),
    [
        ({"secrets": []}, (), "say insecure: true"),
        ({"insecure": True}, (), "remove one"),
        ({"insecure": "yes"}, ("insecure",), "boolean"),
        ({"header": "x signature"}, ("header",), "not the name of a header"),
        ({"header": ""}, ("header",), "not the name of a header"),
        ({"encoding": "hexadecimal"}, ("encoding",), "'hex' or 'base64'"),
        ({"digest": "md5"}, ("digest",), "'sha256'"),
        ({"id": "order..id"}, ("id",), "is not a path"),
        ({"id": "order[x]"}, ("id",), "is not a path"),
        ({"id": "[0].id"}, ("id",), "is not a path"),
        ({"id": ""}, ("id",), "is not a path"),
        ({"event": "header:"}, ("event",), "not the name of a header"),
        ({"time": "header:a b"}, ("time",), "not the name of a header"),
        ({"data": "header:x-data"}, ("data",), "names a header"),
        ({"learner": {"mail": "a.b"}}, ("learner", "mail"), "not permitted"),
        ({"course": {"title": "a b"}}, ("course", "title"), "is not a path"),
        ({"default_event": ""}, ("default_event",), "at least 1 character"),
    ],
)
def test_mistakes_in_options_are_named(
    options: dict[str, object], where: tuple[str | int, ...], says: str
) -> None:
    """Each at its place, in words."""
    with pytest.raises(ValidationError) as caught:
        source(**options)
    (error,) = caught.value.errors()
    assert error["loc"] == where
    assert says in error["msg"]
