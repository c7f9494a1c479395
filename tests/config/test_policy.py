"""Rates, breakers, `else:` and `owner:` as they come out of a configuration."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bridge.channels.http import Shared
from bridge.channels.registry import build
from bridge.config.load import Broken, Loaded, load
from bridge.core.backoff import RetryPolicy
from bridge.core.breaker import BreakerPolicy
from bridge.core.messages import Message
from bridge.core.notices import Facts, Notice, notice
from bridge.core.rates import Rate
from bridge.core.rules import OWNER_RULE
from bridge.core.trouble import STARTED, Trouble, event_type
from tests.support.channels import DELIVERY, SOFTWARE
from tests.support.clock import START, FakeClock

ENV = {"EDUZZ_SECRET": "a-secret-for-tests", "SMTP_URL": "smtp://mail.escola.test:587", "TOKEN": "xoxb-1-abc"}
HEAD = """\
sources:
  eduzz: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] }
channels:
  learners: { type: email, smtp: "${SMTP_URL}", from: ola@escola.example, rate: 30/min }
  wins: { type: slack, token: "${TOKEN}", channel: "#conquistas", breaker: false, retry: { jitter: 0 } }
  crm: { type: webhook, url: "https://crm.escola.test/hooks", breaker: { failures: 3, pause: 1min } }
"""
RULES = """\
rules:
  - name: parabens
    on: module.completed
    once_per: [learner.email]
    send:
      - email: learners
        to: "{{ learner.email }}"
        subject: Oi
        text: Oi
        expires: 48h
        else:
          - { slack: wins, text: Oi }
          - { webhook: crm, name: crm, expires: 72h }
      - { webhook: crm }
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    return read(tmp_path, "")


def read(folder: Path, owner: str) -> Loaded:
    layouts = folder / "templates/layouts"
    layouts.mkdir(parents=True, exist_ok=True)
    (layouts / "default.html").write_text("<html><body>{{ content }}</body></html>", "utf-8")
    path = folder / "config.yaml"
    path.write_text(HEAD + owner + RULES, "utf-8")
    found = load(path, ENV)
    assert isinstance(found, Loaded), found
    return found


def test_channels_have_their_policies(loaded: Loaded) -> None:
    """What was written, and what holds where nothing was."""
    shared = Shared(FakeClock(), SOFTWARE)
    learners, wins, crm = (
        build(name, options, shared).policy for name, options in loaded.config.channels.items()
    )
    assert (learners.rate, learners.breaker) == (Rate(30, timedelta(minutes=1)), BreakerPolicy())
    assert (wins.rate, wins.breaker, wins.retry.jitter) == (Rate(1, timedelta(seconds=1)), None, 0)
    assert crm.breaker == BreakerPolicy(3, timedelta(minutes=1), timedelta(minutes=15))
    assert crm.retry == RetryPolicy()
    assert loaded.config.rates() == {
        "learners": Rate(30, timedelta(minutes=1)),
        "wins": Rate(1, timedelta(seconds=1)),
    }


def test_what_is_sent_instead_knows_its_parent(loaded: Loaded) -> None:
    """It is named after it, expires with it unless it says so, and claims nothing of its own."""
    mail, crm = loaded.rules[0].actions
    assert [(each.name, each.channel) for each in mail.otherwise] == [
        ("slack:wins (else of email:learners)", "wins"),
        ("webhook:crm#crm (else of email:learners)", "crm"),
    ]
    assert [each.expires for each in mail.otherwise] == [timedelta(hours=48), timedelta(hours=72)]
    assert [each.once_per for each in mail.otherwise] == [(), ()]
    assert crm.otherwise == ()
    assert loaded.owner is None


def told() -> Notice:
    facts = Facts(
        trouble=Trouble.STOPPED,
        subject="alunos_x",
        since=START,
        ended=None,
        count=1,
        waiting=12,
        why="auth 535: *no* <b>",
    )
    return notice(facts, "pt_BR", ZoneInfo("America/Sao_Paulo"))


@pytest.mark.parametrize(
    "owner",
    [
        "owner: { email: learners, to: suporte@escola.example }\n",
        "owner: { slack: wins }\n",
        "owner: { webhook: crm }\n",
    ],
)
def test_the_owner_is_told_in_our_words_through_any_channel(tmp_path: Path, owner: str) -> None:
    """Paragraphs stay paragraphs, a command can be copied, and a destination's answer is text."""
    loaded = read(tmp_path, owner)
    action, said = loaded.owner, told()
    assert action is not None
    assert action.rule == OWNER_RULE
    data = {"title": said.title, "paragraphs": list(said.paragraphs), "commands": list(said.commands)}
    facts = {
        "type": event_type(Trouble.STOPPED),
        "kind": STARTED,
        "id": "incident-1-started",
        "source": "bridge",
        "occurred_at": datetime.now(UTC),
        "data": data,
        "raw": {},
    }
    rendered = action.content.render(facts)
    assert isinstance(rendered, dict), rendered
    channel = build(action.channel, loaded.config.channels[action.channel], Shared(FakeClock(), SOFTWARE))
    payload = channel.encode(Message(delivery_id=DELIVERY, at=START, fields=rendered), action.settings)
    text = shown(payload.body)
    assert "bridge channels resume alunos_x" in text
    assert "O canal 'alunos_x' parou" in text or "do canal 'alunos_x' não aceita mais nada" in text


def shown(body: bytes) -> str:
    """Return the text of a message, whatever it is."""
    if body.startswith(b"{"):
        found = json.loads(body)
        return str(found.get("text") or " ".join([*found["data"]["paragraphs"], *found["data"]["commands"]]))
    message = message_from_bytes(body, policy=default)
    assert message["subject"] == told().title
    part = message.get_body(("plain",))
    assert part is not None
    paragraphs = part.get_content().replace("\r\n", "\n").strip().split("\n\n")
    assert len(paragraphs) == 3
    return " ".join(" ".join(paragraphs).split())


def test_the_owner_may_say_it_otherwise(tmp_path: Path) -> None:
    """And name another way, which has our words too."""
    owner = 'owner: { slack: wins, text: "{{ data.title }}", else: { email: learners, to: a@b.example } }\n'
    action = read(tmp_path, owner).owner
    assert action is not None
    rendered = action.content.render({"data": {"title": "Parou"}})
    assert rendered == {"text": "Parou"}
    assert [each.name for each in action.otherwise] == ["email:learners (else of slack:wins)"]


def test_our_own_events_have_names_that_are_known(tmp_path: Path) -> None:
    """A rule about trouble loads without a warning, and a slip of the keyboard is told."""
    path = tmp_path / "config.yaml"
    on = "[bridge.channel_*, trouble.ended]"
    rule = f"  - {{ name: x, on: {on}, send: [{{ slack: wins, text: Oi }}] }}\n"
    path.write_text(HEAD + "rules:\n" + rule, "utf-8")
    found = load(path, ENV)
    assert isinstance(found, Loaded)
    assert [each.sentence for each in found.warnings if "rules" in str(each.path)] == []
    path.write_text((HEAD + "rules:\n" + rule).replace("trouble.ended", "trouble.endet"), "utf-8")
    broken = load(path, ENV)
    assert isinstance(broken, Broken)
