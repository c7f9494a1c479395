"""Words about time as they come out of a configuration."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bridge.config.load import Loaded, load
from bridge.core.conditions import NOTHING
from bridge.core.digests import Digest
from bridge.core.quiet_hours import Hours, QuietHours
from bridge.core.rules import Action, After, Limit

ENV = {"EDUZZ_SECRET": "a-secret-for-tests", "TOKEN": "xoxb-1-abc"}
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NIGHT = QuietHours(Hours(time(21), time(8)), SAO_PAULO)
LUNCH = QuietHours(Hours(time(12), time(13, 30)), SAO_PAULO)
CONFIG = """\
sources:
  eduzz: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] }
channels:
  wins: { type: slack, token: "${TOKEN}", channel: "#conquistas", quiet_hours: "21:00-08:00" }
  crm: { type: webhook, url: "https://crm.escola.test/hooks" }
owner: { slack: wins }
rules:
  - name: r
    on: module.completed
    after: { count: 5, distinct: module.id, by: [learner.email], within: 30d }
    limit: { max: 2, per: 1d }
    mode: shadow
    send:
      - { slack: wins, text: Oi }
      - slack: wins
        name: any-hour
        text: Oi
        quiet_hours: false
        limit: { max: 3, per: 1h, by: [learner.email] }
      - slack: wins
        name: lunch
        text: Oi
        delay: 7d
        expires: 8d
        quiet_hours: "12:00-13:30"
        unless: { on: lesson.completed, when: { course.title: { prefix: Python } }, same: [learner.email] }
      - { webhook: crm, else: { slack: wins, text: Oi } }
  - name: live
    on: lesson.completed
    send: [{ webhook: crm }]
"""

KEYS = """\
sources:
  eduzz: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] }
channels:
  wins: { type: slack, token: "${TOKEN}", channel: "#conquistas" }
rules:
  - name: live
    on: nutror.module_completed
    after: { count: 5, distinct: data.nothing.id, by: [learner.email, data.nobody] }
    send:
      - slack: wins
        text: Oi
        delay: 1d
        limit: { max: 1, per: 1d, by: [data.nobody] }
        unless: { on: lesson.completed, same: [data.nothing] }
      - slack: wins
        name: daily
        text: Oi
        digest: { at: "18:00", by: [data.nobody] }
  - name: at-ten
    on: nutror.module_completed
    after: { count: 10, distinct: module.id, by: [learner.email] }
    send: [{ slack: wins, text: Oi }]
  - name: shadow
    on: nutror.module_completed
    mode: shadow
    send: [{ slack: wins, text: Oi }]
"""
DIGESTS = """\
timezone: Europe/Lisbon
sources:
  eduzz: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] }
courses:
  python: { id: abc, timezone: America/Sao_Paulo, modules: ["1"] }
  java: { id: def, modules: ["1"] }
channels:
  wins: { type: slack, token: "${TOKEN}", channel: "#conquistas", quiet_hours: "21:00-08:00" }
rules:
  - name: r
    on: module.completed
    send:
      - { slack: wins, text: "{{ count }}", digest: { at: "9:05" } }
      - { slack: wins, name: a, text: Oi, digest: { at: "18:00", every: weekday, by: [producer.email] } }
      - { slack: wins, name: b, text: Oi, digest: { at: "18:00", every: week } }
      - slack: wins
        name: c
        text: Oi
        digest: { at: 23:00, every: week, on: sunday }
        quiet_hours: false
        unless: { on: lesson.completed, same: [learner.email] }
"""


def actions(folder: Path) -> tuple[Loaded, list[Action]]:
    path = folder / "config.yaml"
    path.write_text(CONFIG, "utf-8")
    found = load(path, ENV)
    assert isinstance(found, Loaded), found
    return found, [action for rule in found.rules for action in rule.actions]


def test_an_action_has_the_words_of_its_own_its_rules_and_its_channels(tmp_path: Path) -> None:
    """Its own take the place of the others; what is said nowhere does not hold."""
    loaded, (plain, any_hour, lunch, crm, live) = actions(tmp_path)
    assert [each.quiet_hours for each in (plain, any_hour, lunch, crm, live)] == [
        NIGHT,
        None,
        LUNCH,
        None,
        None,
    ]
    day = Limit(2, timedelta(days=1))
    hour = Limit(3, timedelta(hours=1), ("learner.email",))
    assert [each.limit for each in (plain, any_hour, lunch, crm, live)] == [day, hour, day, day, None]
    assert [each.shadow for each in (plain, any_hour, lunch, crm, live)] == [True] * 4 + [False]
    assert (lunch.delay, lunch.expires, plain.delay) == (timedelta(days=7), timedelta(days=8), None)
    assert lunch.unless is not None
    assert (lunch.unless.on, lunch.unless.same) == (("lesson.completed",), ("learner.email",))
    assert lunch.unless.when is not NOTHING
    assert [each.quiet_hours for each in crm.otherwise] == [NIGHT]
    assert loaded.owner is not None
    assert loaded.owner.quiet_hours == NIGHT
    first, second = loaded.rules
    assert first.after == After(5, "module.id", ("learner.email",), timedelta(days=30))
    assert second.after is None


def test_a_key_that_the_events_do_not_have_is_told(tmp_path: Path) -> None:
    """For them nothing would be sent; and a copy in shadow mode, or at another count, is no mistake."""
    path = tmp_path / "config.yaml"
    path.write_text(KEYS, "utf-8")
    found = load(path, ENV)
    assert isinstance(found, Loaded)
    assert [each.path for each in found.warnings] == [
        ("rules", 0, "after", "distinct"),
        ("rules", 0, "after", "by", 1),
        ("rules", 0, "send", 0, "limit", "by", 0),
        ("rules", 0, "send", 0, "unless", "same", 0),
        ("rules", 0, "send", 1, "digest", "by", 0),
    ]


def test_a_digest_is_read_as_it_is_written(tmp_path: Path) -> None:
    """Every day unless said, on Mondays unless said; in the zone of the configuration, or of the course."""
    path = tmp_path / "config.yaml"
    path.write_text(DIGESTS, "utf-8")
    found = load(path, ENV)
    assert isinstance(found, Loaded), found
    lisbon = ZoneInfo("Europe/Lisbon")
    assert [each.digest for each in found.rules[0].actions] == [
        Digest(time(9, 5), lisbon),
        Digest(time(18), lisbon, "weekday", by=("producer.email",)),
        Digest(time(18), lisbon, "week", "monday"),
        Digest(time(23), lisbon, "week", "sunday"),
    ]
    assert {name: course.zone for name, course in found.catalogue.courses.items()} == {
        "abc": SAO_PAULO,
        "def": None,
    }
