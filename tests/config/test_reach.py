"""Warnings about rules that load: what their events never carry, what never holds, what is there twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.config.load import Broken, Loaded, load

ENV = {"EDUZZ_SECRET": "edz_0123456789", "SLACK_BOT_TOKEN": "xoxb-0123456789"}
HEAD = """\
sources:
  eduzz: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] }
channels:
  wins: { type: slack, token: "${SLACK_BOT_TOKEN}", channel: "#conquistas" }
"""
OWN_SOURCE = HEAD.replace("channels:", "  school: { type: generic, secrets: ['${EDUZZ_SECRET}'] }\nchannels:")

Warn = Callable[..., list[str]]


@pytest.fixture
def warned(tmp_path: Path) -> Warn:
    """Return a function that loads rules and returns the warnings, each without its file and place."""

    def load_rules(rules: str, *, head: str = HEAD, **templates: str) -> list[str]:
        (tmp_path / "config.yaml").write_text(head + "rules:\n" + rules, "utf-8")
        (tmp_path / "templates").mkdir(exist_ok=True)
        for name, text in templates.items():
            (tmp_path / "templates" / f"{name}.md").write_text(text, "utf-8")
        loaded = load(tmp_path / "config.yaml", ENV)
        assert isinstance(loaded, Loaded), loaded
        return [f"{Path(each.file).name}:{each.line} {each.sentence}" for each in loaded.warnings]

    return load_rules


def test_a_good_rule_is_not_warned_about(warned: Warn) -> None:
    """Fields that are there, in the platform's words and in ours, alone and in lists."""
    rules = """
  - name: a
    on: [enrollment.created, nutror.module_completed]
    when:
      data.courses[].hash: x
      any: [{data.module.id: 1}, {learner.email: {exists: true}}]
    if: "{{ data.createdAt is defined and learner.name | default('') != '' }}"
    once_per: [learner.email, data.createdAt]
    send: [{ slack: wins, text: "{{ course.title }} {{ module.title | default('') }}" }]
"""
    assert warned(rules) == []


def test_nothing_is_claimed_about_events_of_ones_own(warned: Warn) -> None:
    """Their fields are nobody's but theirs, and a kind may be shared with them."""
    rules = """
  - name: a
    on: module.completed
    when: { data.nota: 7 }
    once_per: [data.prova]
    send: [{ slack: wins, text: "{{ data.aluno }}" }]
  - name: b
    on: escola.prova_feita
    when: { kind: x, data.nota: 7 }
    send: [{ slack: wins, text: "{{ data.aluno }}" }]
"""
    assert warned(rules, head=OWN_SOURCE) == []


def test_contradictions_are_found_whatever_the_events(warned: Warn) -> None:
    """For them no event needs to be known."""
    rules = """
  - name: a
    on: escola.prova_feita
    when:
      data.nota: { gt: 5, lt: 3 }
      course.id: { all: [a, b] }
      data.turmas: { all: [a, b] }
      raw.turmas: { all: [a, b] }
    send: [{ slack: wins, text: Oi }]
"""
    assert warned(rules, head=OWN_SOURCE) == [
        "config.yaml:10 'data.nota' cannot be more than 5 and less than 3 at once, so this never holds",
        "config.yaml:10 'course.id' cannot be a and b at once, so this never holds",
    ]


def test_an_event_with_two_kinds_can_have_either(warned: Warn) -> None:
    """A check-in that was undone is the same type."""
    rule = """
  - name: a
    on: blinket.attendance_checkin
    when: {{ kind: {} }}
    send: [{{ slack: wins, text: Oi }}]
"""
    assert warned(rule.format("attendance.check_in_undone")) == []
    assert warned(rule.format("attendance.added")) == [
        "config.yaml:9 no event of blinket.attendance_checkin is of this type or kind, so this never holds"
    ]


def test_a_template_file_is_told_with_its_line(warned: Warn) -> None:
    """And once for all rules that use it on the same events."""
    rules = """
  - { name: a, on: nutror.learner_help, send: [{ slack: wins, template: ajuda }] }
  - { name: b, on: nutror.learner_help, if: "{{ test }}", send: [{ slack: wins, template: ajuda }] }
"""
    text = "---\nsubject: Oi\n---\n{{ course.title }}\n{{ module.title }}\n{{ lesson.title | default('') }}\n"
    assert warned(rules, ajuda=text) == ["ajuda.md:5 no event of nutror.learner_help has 'module'"]


def test_a_misspelt_field_in_a_template_file_is_an_error(tmp_path: Path) -> None:
    """It would fail for every event."""
    rules = "rules: [{ name: a, on: nutror.learner_help, send: [{ slack: wins, template: ajuda }] }]\n"
    (tmp_path / "config.yaml").write_text(HEAD + rules, "utf-8")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "ajuda.md").write_text("Oi\n{{ data.curse.title }}\n", "utf-8")
    broken = load(tmp_path / "config.yaml", ENV)
    assert isinstance(broken, Broken)
    (problem,) = broken.problems
    assert str(problem).endswith(
        "ajuda.md:2: rules[0].send[0].template: "
        "no event of nutror.learner_help has 'data.curse', did you mean 'data.course'?"
    )


def test_what_only_some_events_have_is_told_for_keys_and_texts(warned: Warn) -> None:
    """Without a value there is no key and no text, so nothing would be sent for the others."""
    rules = """
  - name: a
    on: module.completed
    when: { learner.id: { exists: true } }
    once_per: [learner.id]
    send: [{ slack: wins, text: "{{ learner.id }}" }]
"""
    advice = "write `| default(...)`, or ask `is defined` first"
    assert warned(rules) == [
        "config.yaml:10 events of nutror.module_completed have no 'learner.id', so nothing is sent for them",
        f"config.yaml:11 events of nutror.module_completed have no 'learner.id'; {advice}",
    ]


def test_not_more_than_three_events_are_named(warned: Warn) -> None:
    """Who reads it needs an example, not a catalogue."""
    rule = """
  - name: a
    on: [safevideo.upload_error, {}]
    once_per: [data.error]
    send: [{{ slack: wins, text: Oi }}]
"""
    sentence = "config.yaml:9 events of {} have no 'data.error', so nothing is sent for them"
    uploads = "safevideo.upload_started, safevideo.upload_finished, safevideo.upload_canceled"
    assert warned(rule.format(uploads)) == [sentence.format(uploads)]
    assert warned(rule.format(f"{uploads}, safevideo.encoder_started")) == [
        sentence.format(f"{uploads} and others")
    ]


def test_keys_that_lead_into_a_list_are_told_of_an_action_too(warned: Warn) -> None:
    """With two products in the cart there is no one value."""
    rules = """
  - name: a
    on: sun.cart_abandonment
    send: [{ slack: wins, text: Oi, once_per: [data.productId] }]
"""
    sentence = "'data.productId' leads into a list, and with several values nothing is sent"
    advice = "once_per needs one, such as 'data.productId[0]'"
    assert warned(rules) == [f"config.yaml:9 {sentence}; {advice}"]


def test_two_rules_on_the_same_events_are_told(warned: Warn) -> None:
    """In whatever order their lines stand; a difference anywhere is enough to be apart."""
    rules = """
  - { name: a, on: [x.a, x.b], when: { data.a: 1, data.b: 2 }, send: [{ slack: wins, text: Oi }] }
  - { name: b, on: [x.b, x.a], when: { data.b: 2, data.a: 1 }, send: [{ slack: wins, text: Olá }] }
  - { name: c, on: [x.a, x.b], when: { data.a: 1, data.b: "2" }, send: [{ slack: wins, text: Oi }] }
  - { name: d, on: [x.a], when: { data.a: 1, data.b: 2 }, send: [{ slack: wins, text: Oi }] }
  - { name: e, on: [x.a, x.b], when: { data.a: 1, data.b: 2 }, if: test, send: [{ slack: wins, text: Oi }] }
  - { name: f, on: [x.c], send: [{ slack: wins, text: Oi }] }
  - { name: g, on: x.c, when: {}, send: [{ slack: wins, text: Oi }] }
"""
    advice = "put what both send under one of them, or tell them apart"
    twins = [each for each in warned(rules, head=OWN_SOURCE) if "same events" in each]
    assert [each.rsplit("/", 1)[-1] for each in twins] == [
        f"config.yaml:8; {advice}",
        f"config.yaml:13; {advice}",
    ]
    assert [each.partition(" at ")[0] for each in twins] == [
        "config.yaml:9 runs on the same events as 'a'",
        "config.yaml:14 runs on the same events as 'f'",
    ]


def test_dates_without_a_zone_are_in_the_configured_one(tmp_path: Path) -> None:
    """Midnight in São Paulo is three o'clock UTC, as the messages say it."""
    rules = """
rules:
  - { name: a, on: x.y, when: { occurred_at: { gte: 2026-05-04 } }, send: [{ slack: wins, text: Oi }] }
"""
    (tmp_path / "config.yaml").write_text(f"timezone: America/Sao_Paulo\n{OWN_SOURCE}{rules}", "utf-8")
    loaded = load(tmp_path / "config.yaml", ENV)
    assert isinstance(loaded, Loaded), loaded
    when = loaded.rules[0].when
    assert when.matches({"occurred_at": datetime(2026, 5, 4, 3, tzinfo=UTC)})
    assert not when.matches({"occurred_at": datetime(2026, 5, 4, 2, 59, tzinfo=UTC)})
