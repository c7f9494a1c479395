"""`purpose:` of a rule, from the file to the message."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.bootstrap import build_channels
from bridge.channels.http import Shared
from bridge.config.load import Loaded, load
from bridge.core.messages import Payload
from bridge.core.readable import read_mail
from bridge.core.suppressions import Purpose, address_key, read_token
from bridge.pipeline.compose import compose
from bridge.pipeline.house import House
from tests.support.clock import FakeClock

SECRET, DELIVERY = b"s" * 32, "0123456789abcdef0123456789abcdef"
CONFIG = """\
public_url: PUBLIC
sources:
  eduzz: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] }
channels:
  learners: { type: email, smtp: "smtp://mail.escola.test", from: ola@escola.example }
rules:
  - name: lembrete
    on: learner.inactive
    purpose: PURPOSE
    send:
      - email: learners
        to: "{{ learner.email }}"
        subject: Oi
        text: "Volte, {{ learner.name }}!"
        else: { email: learners, name: outro, to: "{{ learner.email }}", subject: Oi, text: Oi }
"""
FACTS = {"learner": {"email": "Maria@aluna.example", "name": "https://unsubscribe.invalid/here"}}


def loaded(folder: Path, purpose: str, public: str = "https://bridge.escola.example") -> Loaded:
    file = folder / "config.yaml"
    file.write_text(CONFIG.replace("PURPOSE", purpose).replace("PUBLIC", public), "utf-8")
    found = load(file, {"EDUZZ_SECRET": "a-secret-for-tests"})
    assert isinstance(found, Loaded), found
    return found


def composed(found: Loaded) -> Payload:
    action = found.rules[0].actions[0]
    channel = build_channels(found, Shared(FakeClock(), "test"))["learners"]
    house = House(SECRET, found.config.public_url)
    made = compose(
        action=action,
        channel=channel,
        facts=FACTS,
        delivery_id=DELIVERY,
        at=datetime(2026, 5, 4, tzinfo=UTC),
        house=house,
    )
    assert isinstance(made, Payload)
    return made


@pytest.mark.parametrize("purpose", ["nudge", "marketing"])
def test_what_people_may_do_without_says_how_to_leave(tmp_path: Path, purpose: str) -> None:
    """In its headers and in both parts, by a link that is theirs; what is sent in its place too."""
    found = loaded(tmp_path, purpose)
    action = found.rules[0].actions[0]
    assert [each.purpose for each in (action, *action.otherwise)] == [Purpose(purpose)] * 2
    made = composed(found)
    assert made.meta["purpose"] == purpose
    mail = read_mail(made.body)
    link = mail.header("list-unsubscribe").strip("<>")
    base, _, token = link.rpartition("/")
    assert base == "https://bridge.escola.example/unsubscribe"
    leaver = read_token(SECRET, token)
    assert leaver is not None
    assert (leaver.key, leaver.delivery) == (address_key(SECRET, "maria@aluna.example"), DELIVERY)
    assert link in mail.text
    assert f'href="{link}"' in mail.html
    assert "unsubscribe.invalid" not in mail.text + mail.html


def test_a_confirmation_has_no_way_out(tmp_path: Path) -> None:
    """Nothing is marked, and nothing of an event's is taken for the link."""
    made = composed(loaded(tmp_path, "transactional"))
    mail = read_mail(made.body)
    assert "purpose" not in made.meta
    assert mail.header("list-unsubscribe") == ""
    assert "https://unsubscribe.invalid/here" in mail.text


def test_an_address_that_is_not_https_is_warned_of(tmp_path: Path) -> None:
    """Mail programs show no button for it."""
    found = loaded(tmp_path, "nudge", "http://bridge.escola.example")
    assert [each for each in map(str, found.warnings) if "only by https://" in each]
