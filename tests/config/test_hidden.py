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
