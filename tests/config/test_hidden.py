"""Which values from outside are kept out of the rules that are stored with events."""

from __future__ import annotations

from pathlib import Path

from bridge.config.load import Loaded, load
from bridge.core.rulebook import write_book

CONFIG = """\
sources:
  eduzz: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] }
channels:
  wins: { type: slack, token: "${SLACK_BOT}", channel: "${SALA}" }
rules:
  - name: certo
    on: module.completed
    when: { course.id: "${CURSO}", data.room: "${SALA}" }
    send: [{ slack: wins, text: x }]
  - name: com-token
    on: module.completed
    when: { data.key: "${SLACK_BOT}" }
    send: [{ slack: wins, text: x }]
  - name: com-senha
    on: module.completed
    if: "{{ data.key == '${SENHA_DO_SITE}' }}"
    send: [{ slack: wins, text: x }]
  - name: com-arquivo
    on: module.completed
    when: { data.key: "${file:api-token}" }
    send: [{ slack: wins, text: x }]
"""
SECRETS = {
    "EDUZZ_SECRET": "primeiro-segredo",
    "SLACK_BOT": "xoxb-segundo-segredo",
    "SENHA_DO_SITE": "terceiro-segredo",
}


def test_secrets_are_kept_out_of_stored_rules_and_other_values_are_not(tmp_path: Path) -> None:
    """A secret is what fills a field for secrets anywhere, or is called one; a course's id is none."""
    (tmp_path / "api-token").write_text("quarto-segredo\n", "utf-8")
    (tmp_path / "config.yaml").write_text(CONFIG, "utf-8")
    loaded = load(tmp_path / "config.yaml", {**SECRETS, "CURSO": "4bba1d18c027", "SALA": "#conquistas"})
    assert isinstance(loaded, Loaded), loaded
    book = write_book(loaded.rules, loaded.config.timezone, loaded.hide).decode()
    assert "segredo" not in book
    assert '"course.id":"4bba1d18c027","data.room":"#conquistas"' in book
    assert book.count('"hidden":true') == 3


ACTIONS = """\
sources:
  eduzz: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] }
channels:
  crm: { type: webhook, url: "https://crm.aurora.test/hooks", bearer: "${CHAVE}" }
rules:
  - name: certo
    on: module.completed
    send:
      - webhook: crm
        headers: { X-Curso: "${CURSO}" }
        json: { curso: "{{ course.id }}" }
        else:
          - { webhook: crm, query: { key: "${CHAVE}" } }
  - name: demais
    on: lesson.completed
    send:
      - webhook: crm
        headers: { X-K: "Bearer ${CRM_TOKEN}" }
        form: { senha: "${SENHA_DO_CRM}", nome: "{{ learner.name }}" }
"""


def test_secrets_in_messages_are_told(tmp_path: Path) -> None:
    """What an action says is kept with each message and shown; a channel keeps its secrets to itself."""
    (tmp_path / "config.yaml").write_text(ACTIONS, "utf-8")
    words = {"CHAVE": "primeiro-segredo", "CRM_TOKEN": "segundo-segredo", "SENHA_DO_CRM": "terceiro-segredo"}
    loaded = load(
        tmp_path / "config.yaml", {**words, "EDUZZ_SECRET": "quarto-segredo", "CURSO": "4bba1d18c0"}
    )
    assert isinstance(loaded, Loaded), loaded
    told = [str(warning).partition("config.yaml:")[2] for warning in loaded.warnings]
    why = "is a secret, and what an action says is kept with each message and shown; write it at the channel"
    assert [line.replace(why, "…") for line in told if "is a secret" in line] == [
        "13:43: warning: rules[0].send[0].else[0].query.key: ${CHAVE} …, in its `url`",
        "18:25: warning: rules[1].send[0].headers.X-K: ${CRM_TOKEN} …, under `headers`, `bearer` or `basic`",
        "19:24: warning: rules[1].send[0].form.senha: ${SENHA_DO_CRM} …, if the receiver takes it there",
    ]
    assert "segredo" not in "".join(told)
