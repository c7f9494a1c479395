"""Every sample of Eduzz's events, and every oddity seen in the wild, becomes exactly the expected event.

`NAME.expected.json` beside a fixture says what the event must be.
After a change that is meant, `python -m tests.sources.test_eduzz_fixtures` writes them anew: read the
difference.
"""

from __future__ import annotations

import json
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from bridge.core.events import Event
from bridge.sources.base import Malformed, Parsed, Unsupported
from bridge.sources.registry import known_events, sample_names
from tests.sources.eduzz_support import EDUZZ, body_of, request

HERE = Path(__file__).parent / "eduzz"
ODD = tuple(sorted(file for file in (HERE / "odd").glob("*.json") if not file.stem.endswith(".expected")))


def parsed(body: bytes) -> Parsed:
    """What the source makes of a body."""
    return EDUZZ.parse(request(body))


def outline(result: Parsed) -> object:
    """The result as JSON, without the payload, which is checked by itself."""
    match result:
        case Unsupported(why=why):
            return {"unsupported": why}
        case Malformed(why=why):
            return {"malformed": why}
        case events:
            return [_facts(event) for event in events]


def _facts(event: Event) -> dict[str, object]:
    facts = {name: value for name, value in event.facts().items() if name not in {"data", "raw", "source"}}
    return {name: v.isoformat() if isinstance(v, datetime) else v for name, v in facts.items()}


@pytest.mark.parametrize("name", sample_names())
def test_a_sample_becomes_the_expected_event(name: str) -> None:
    """Type, kind, times and normalised parts of each of Eduzz's events."""
    assert outline(parsed(body_of(name))) == json.loads((HERE / f"{name}.expected.json").read_text())


@pytest.mark.parametrize("file", ODD, ids=lambda file: file.stem)
def test_an_oddity_becomes_the_expected_event(file: Path) -> None:
    """Null parents, numeric ids, live shapes, older formats: facts as far as they go, and no error."""
    assert outline(parsed(file.read_bytes())) == json.loads(file.with_suffix(".expected.json").read_text())


@pytest.mark.parametrize("name", sorted(known_events()))
def test_the_payload_is_kept_as_the_platform_documents_it(name: str) -> None:
    """`data` and `raw` are the body's own, less the one secret inside."""
    (event,) = parsed(body_of(name))  # type: ignore[misc]  # a known sample is always events
    sent = json.loads(body_of(name))
    if "originSecret" in sent["data"].get("producer", {}):
        sent["data"]["producer"]["originSecret"] = "***"
    assert event.raw == sent
    assert event.data == sent["data"]
    assert b"originSecret" not in body_of(name) or "inventado" not in repr(event)


def test_there_is_a_sample_of_every_known_event() -> None:
    """63 events and the ping; each sample carries the name it is filed under, and an id of its own."""
    assert set(sample_names()) == {*known_events(), "ping"}
    assert len(known_events()) == 63
    envelopes = {name: json.loads(body_of(name)) for name in sample_names()}
    assert all(envelope["event"] == name for name, envelope in envelopes.items())
    ids = [envelope["id"] for envelope in envelopes.values() if "id" in envelope]
    assert len(ids) == len(set(ids))


def test_every_address_of_a_sample_is_invented() -> None:
    """No sample can reach anybody: all addresses and links stand on reserved domains (RFC 2606)."""
    for name in sample_names():
        words = body_of(name).decode().replace('"', " ").replace("/", " ").split()
        hosts = [word.partition("@")[2] for word in words if "@" in word]
        hosts += [after for before, after in pairwise(words) if before in ("http:", "https:")]
        assert all(host.endswith(".example") for host in hosts), name


def _write_expected() -> None:
    for name in sample_names():
        _write(HERE / f"{name}.expected.json", body_of(name))
    for file in ODD:
        _write(file.with_suffix(".expected.json"), file.read_bytes())


def _write(file: Path, body: bytes) -> None:
    file.write_text(json.dumps(outline(parsed(body)), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _write_expected()
