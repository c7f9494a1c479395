"""The rules of a configuration in words: what only the configuration knows is in the sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.config.load import Loaded, load
from bridge.config.rule_sentences import RuleSentences
from tests.config.test_load import ENDPOINTS, ENV, ROOT

CONFIG = """
locale: en
sources:
  eduzz: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] }
channels:
  wins: { type: slack, token: "${SLACK_BOT_TOKEN}", channel: "#conquistas" }
  hook: { type: slack, webhook_url: "https://hooks.slack.test/${CRM_SECRET}" }
  mail: { type: email, smtp: "${SMTP_URL}", from: "Escola <ola@escola.test>" }
include: more.yaml
"""
RULES = """
rules:
  - name: a
    on: nutror.module_completed
    when: { module.id: "${MODULE}", data.turma: [7, "${GROUP}"] }
    once_per: [learner.email]
    send:
      - email: mail
        to: ["{{ learner.email }}", "${BOSS}"]
        cc: "{{ producer.email }}"
        subject: Oi
        text: Oi
        else: { slack: wins, text: Oi }
      - { slack: wins, channel: "#outro", text: Oi, once_per: [course.id] }
      - { slack: hook, text: Oi, if: "{{ course.title == '${BOSS}' }}" }
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    (tmp_path / "config.yaml").write_text(CONFIG, "utf-8")
    (tmp_path / "more.yaml").write_text(RULES, "utf-8")
    env = {**ENV, "BOSS": "chefe-secreta@escola.test", "MODULE": "modulo-secreto-3253", "GROUP": "778899"}
    found = load(tmp_path / "config.yaml", env)
    assert isinstance(found, Loaded), found
    return found


def test_recipients_places_and_else_are_those_of_the_configuration(loaded: Loaded) -> None:
    """Each action with its own; and nothing that came from outside is shown, not even its beginning."""
    assert RuleSentences(loaded).one("a") == (
        "When a learner finishes module *** (nutror.module_completed), if data.turma is 7 or ***, "
        "we e-mail the learner and *** "
        "(with a copy to the producer; only once per learner; if that fails, we tell #conquistas on Slack), "
        "tell #outro on Slack (only once per course) and "
        "post on Slack (hook) (if the expression “course.title == '***'” is true; only once per learner)."
    )


def test_every_language_is_there(loaded: Loaded) -> None:
    """Whatever `locale` says."""
    told = RuleSentences(loaded)
    assert list(told) == ["a"]
    assert len(told) == 1
    assert "b" not in told
    sentences = told["a"]
    assert sentences["en"] == told.one("a")
    assert sentences["pt_BR"].startswith("Quando um aluno")
    assert sentences["es"].startswith("Cuando un alumno")


def test_the_guide_for_producers_has_the_sentences_of_the_shipped_rules() -> None:
    """README.pt-BR.md tells the rules as the program does."""
    shipped = load(ROOT / "config.yaml", ENV, sandbox=ENDPOINTS)
    assert isinstance(shipped, Loaded)
    told = dict(re.findall(r"(?m)^- \*\*([a-z-]+)\*\*: (.*)$", (ROOT / "README.pt-BR.md").read_text("utf-8")))
    assert told == {name: sentences["pt_BR"] for name, sentences in RuleSentences(shipped).items()}
