"""Digests on the command line: explained, listed, shown, played as stories."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.cli.exits import ExitCode
from bridge.core.identity import ID_SHOWN
from tests.cli.conftest import Bridge
from tests.cli.school import CONFIG, live, write_school
from tests.support.pipeline import completion

RULE = """\
  - name: resumo
    on: module.completed
    send:
      - slack: wins
        text: >-
          {{ count }}: {% for it in items %}{{ it.module.title }} {{ it.occurred_at.hour }}h {% endfor %}
        digest: { at: "18:00", by: [producer.email] }
"""
STORY = """\
stories:
  - name: one
    given: { now: 2026-05-04 09:00 }
    events:
      - { sample: nutror.module_completed, set: { data.module.title: A } }
      - { sample: nutror.module_completed, at: +1h, set: { data.module.title: B } }
      - { sample: nutror.module_completed, at: +10h, set: { data.module.title: C } }
    expect:
      - { at: 2026-05-04 18:00, channel: wins, rule: resumo, text: "2: A 9h B 10h" }
      - { at: 2026-05-05 18:00, channel: wins, rule: resumo, text: "1: C 19h" }
"""


@pytest.fixture
def collecting(bridge: Bridge) -> Bridge:
    """The command line in the folder of a school that collects."""
    head, _, _ = CONFIG.partition("rules:\n")
    write_school(bridge.folder, f"{head}rules:\n{RULE}")
    return bridge


def test_an_event_is_explained_with_the_digest_it_would_join(collecting: Bridge) -> None:
    """Without a store, and for an event that has no addressee."""
    said = collecting("explain", "nutror.module_completed")
    assert "joins the digest of" in said.out, said.out
    assert "at 18:00" in said.out
    collecting.write("event.json", json.dumps(completion(producer=None)))
    assert "digest needs 'producer.email'" in collecting("explain", "event.json").out


def test_what_waits_is_listed_with_its_digest(collecting: Bridge) -> None:
    """Each shows all that are in the message so far; afterwards each says where it went."""
    live(collecting.folder / "config.yaml", completion("e1"), completion("e2"))
    assert "joins the digest of 2026-05-04 at 18:00" in collecting("explain", "1").out
    rows = json.loads(collecting("deliveries", "list", "--json").out)
    assert {row["state"] for row in rows} == {"pending"}
    shown = collecting("deliveries", "show", rows[0]["id"])
    assert "It waits with others; 2 events are in the message so far:" in shown.out
    plain = json.loads(collecting("deliveries", "show", rows[0]["id"], "--json").out)
    assert ([each["event"] for each in plain["items"]], plain["item_count"]) == ([1, 2], 2)
    assert plain["message_of"] is None
    live(collecting.folder / "config.yaml", then=timedelta(hours=9))
    told = {row["event"]: row for row in json.loads(collecting("deliveries", "list", "--json").out)}
    assert (told[1]["state"], told[2]["state"]) == ("delivered", "merged")
    shown = collecting("deliveries", "show", told[1]["id"])
    assert "The message is about 2 events:" in shown.out
    assert "2: Funções 8h Funções 8h" in shown.out
    part = collecting("deliveries", "show", told[2]["id"])
    assert f"  part of delivery {told[1]['id'][:ID_SHOWN]}\n" in collecting("deliveries", "list").out
    assert f"It is part of delivery {told[1]['id']}" in part.out
    explained = " ".join(collecting("explain", "2").out.split())
    assert f"merged, part of delivery {told[1]['id'][:ID_SHOWN]}" in explained


def test_a_story_plays_a_digest(collecting: Bridge) -> None:
    """At its time, with the times of its events on the configured clock."""
    collecting.write("tests/one.yaml", STORY)
    said = collecting("test")
    assert said.code == ExitCode.OK, said.out


NIGHT = """\
  - name: parabens
    on: module.completed
    send:
      - email: learners
        to: "{{ learner.email }}"
        template: parabens-modulo
        quiet_hours: "21:00-08:00"
"""
NIGHT_STORY = """\
stories:
  - name: one
    given: { now: 2026-05-04 22:00 }
    events:
      - { sample: nutror.module_completed, set: { data.module.title: Funções } }
      - { sample: nutror.module_completed, at: +1h, set: { data.module.title: Laços } }
      - { sample: nutror.module_completed, at: +10h, set: { data.module.title: Classes } }
    expect:
      - at: 2026-05-05 08:00
        channel: learners
        subject: você concluiu 2 módulos!
        text: Laços, do curso
      - { at: 2026-05-05 08:00, channel: learners, subject: você concluiu “Classes”! }
"""


def test_a_story_plays_a_night(bridge: Bridge) -> None:
    """What was held is one message in the morning, which the shipped template is written for."""
    head, _, _ = CONFIG.partition("rules:\n")
    write_school(bridge.folder, f"{head}rules:\n{NIGHT}")
    shipped = Path(__file__).parents[2] / "templates/parabens-modulo.md"
    bridge.write("templates/parabens-modulo.md", shipped.read_text("utf-8"))
    bridge.write("tests/one.yaml", NIGHT_STORY)
    said = bridge("test")
    assert said.code == ExitCode.OK, said.out


def test_a_preview_is_about_the_one_event(collecting: Bridge) -> None:
    """One template serves both."""
    assert "1: " in collecting("preview", "nutror.module_completed").out
