"""The plays: one for each word with a memory or a clock, and for words that meet."""

from __future__ import annotations

from datetime import timedelta

from tests.faults.words import DAY, HOUR, Comes, Play

NOON = 0 * HOUR
SAYS = 'json: { text: "{{ learner.name }} {{ module.title }}" }'
SAYS_ALL = 'json: { text: "{{ learner.name }}{% for each in items %} {{ each.module.id }}{% endfor %}" }'


def sends(*words: str, channel: str = "wins", on: str = "module.completed") -> str:
    """Return a rule with one action; `words` stand under the action."""
    lines = "".join(f"\n        {word}" for word in words)
    return f"""
  - name: told
    on: {on}
    send:
      - webhook: {channel}
        {SAYS}{lines}
"""


PLAYS = (
    Play(
        "once_per",
        sends("once_per: [learner.email, module.id]"),
        (Comes(NOON), Comes(HOUR), Comes(2 * HOUR, module="2"), Comes(3 * HOUR, learner="joana")),
        ((NOON, "Maria Module 1"), (2 * HOUR, "Maria Module 2"), (3 * HOUR, "Joana Module 1")),
    ),
    Play(
        "limit",
        sends("limit: { max: 1, per: 1d, by: [learner.email] }"),
        (Comes(NOON), Comes(2 * HOUR, module="2"), Comes(26 * HOUR, module="3")),
        ((NOON, "Maria Module 1"), (26 * HOUR, "Maria Module 3")),
    ),
    Play("delay", sends("delay: 7d"), (Comes(NOON),), ((7 * DAY, "Maria Module 1"),)),
    Play(
        "unless",
        sends("delay: 7d", "unless: { on: lesson.started, same: [learner.email] }"),
        (
            Comes(NOON),
            Comes(HOUR, learner="joana"),
            Comes(3 * DAY, type="nutror.lesson_started"),
        ),
        ((7 * DAY + HOUR, "Joana Module 1"),),
    ),
    Play(
        "quiet_hours",
        sends('quiet_hours: "21:00-08:00"'),
        (Comes(NOON), Comes(12 * HOUR, module="2"), Comes(22 * HOUR, module="3")),
        ((NOON, "Maria Module 1"), (20 * HOUR, "Maria Module 2"), (22 * HOUR, "Maria Module 3")),
    ),
    Play(
        "expires",
        sends("expires: 6h", 'quiet_hours: "21:00-08:00"'),
        (
            Comes(NOON),
            Comes(2 * HOUR, module="2", late=8 * HOUR),
            Comes(12 * HOUR, module="3"),
            Comes(18 * HOUR, module="3", learner="joana"),
        ),
        ((NOON, "Maria Module 1"), (20 * HOUR, "Joana Module 3")),
    ),
    Play(
        "else",
        sends(f"else:\n          - webhook: crm\n            {SAYS}"),
        (Comes(NOON), Comes(HOUR, module="2")),
        ((NOON, "Maria Module 1"), (HOUR, "Maria Module 2")),
        moods={"wins": "refuses"},
    ),
    Play(
        "mode: shadow",
        sends("once_per: [learner.email]")
        + sends().replace("- name: told", "- name: seen\n    mode: shadow"),
        (Comes(NOON), Comes(HOUR, module="2")),
        ((NOON, "Maria Module 1"),),
    ),
    Play(
        "courses",
        sends("once_per: [learner.email]", on="course.completed").replace(
            "{{ module.title }}", "{{ course.title }} {{ progress.done }}/{{ progress.total }}"
        ),
        (Comes(NOON), Comes(HOUR, module="3"), Comes(2 * HOUR, module="2", late=3 * HOUR)),
        ((2 * HOUR, "Maria Python 3/3"),),
        listed=True,
    ),
    Play(
        "once_per, delay and unless",
        sends(
            "delay: 1d", "once_per: [learner.email]", "unless: { on: lesson.started, same: [learner.email] }"
        ),
        (
            Comes(NOON),
            Comes(6 * HOUR, type="nutror.lesson_started"),
            Comes(12 * HOUR, module="2"),
            Comes(13 * HOUR, module="3"),
        ),
        ((36 * HOUR, "Maria Module 2"),),
    ),
    Play(
        "limit and quiet_hours",
        sends("limit: { max: 2, per: 1d, by: [learner.email] }", 'quiet_hours: "21:00-08:00"'),
        (
            Comes(7 * HOUR),
            Comes(12 * HOUR, module="2"),
            Comes(13 * HOUR, module="3"),
            Comes(46 * HOUR, module="3"),
        ),
        ((7 * HOUR, "Maria Module 1"), (20 * HOUR, "Maria Module 2"), (46 * HOUR, "Maria Module 3")),
    ),
    Play(
        "after",
        sends().replace(
            "    send:",
            "    after: { count: 2, distinct: module.id, by: [learner.email], within: 10d }\n    send:",
        ),
        (
            Comes(NOON),
            Comes(HOUR, learner="joana", module="3"),
            Comes(2 * HOUR),
            Comes(3 * HOUR, module="2"),
            Comes(4 * HOUR, module="3"),
            Comes(20 * DAY, module="2"),
            Comes(20 * DAY + HOUR, learner="joana", module="2", late=19 * DAY),
            Comes(21 * DAY, module="1"),
        ),
        (
            (3 * HOUR, "Maria Module 2"),
            (20 * DAY + HOUR, "Joana Module 2"),
            (21 * DAY, "Maria Module 1"),
        ),
    ),
    Play(
        "after, once_per and delay",
        sends("delay: 1d", "once_per: [learner.email]").replace(
            "    send:", "    after: { count: 2, by: [learner.email], within: 5d }\n    send:"
        ),
        (
            Comes(NOON),
            Comes(HOUR, module="2"),
            Comes(10 * DAY, module="2"),
            Comes(11 * DAY, module="3"),
        ),
        ((25 * HOUR, "Maria Module 2"),),
    ),
    Play(
        "quiet_hours, merged",
        sends('quiet_hours: "21:00-08:00"', "once_per: [learner.email, module.id]").replace(SAYS, SAYS_ALL),
        (
            Comes(12 * HOUR),
            Comes(13 * HOUR, module="2"),
            Comes(14 * HOUR),
            Comes(37 * HOUR, learner="joana", module="3"),
            Comes(38 * HOUR, learner="joana", module="1"),
        ),
        ((20 * HOUR, "Maria 1 2"), (44 * HOUR, "Joana 3 1")),
    ),
    Play(
        "digest",
        sends('digest: { at: "18:00", by: [learner.email] }').replace(SAYS, SAYS_ALL),
        (
            Comes(NOON),
            Comes(2 * HOUR, module="2"),
            Comes(20 * HOUR, learner="joana"),
            Comes(32 * HOUR, module="3", late=4 * HOUR),
        ),
        ((6 * HOUR, "Maria 1 2"), (30 * HOUR, "Joana 1"), (54 * HOUR, "Maria 3")),
    ),
    Play(
        "digest, once_per and unless",
        sends(
            'digest: { at: "18:00", every: week, on: friday }',
            "once_per: [learner.email]",
            "unless: { on: lesson.started, same: [learner.email] }",
        ).replace(SAYS, SAYS_ALL),
        (
            Comes(NOON),
            Comes(2 * HOUR, learner="joana"),
            Comes(4 * HOUR, learner="joana", module="2"),
            Comes(DAY, type="nutror.lesson_started"),
            Comes(2 * DAY, module="3"),
            Comes(9 * DAY, module="3"),
        ),
        ((4 * DAY + 6 * HOUR, "Maria 1 3"),),
    ),
    Play(
        "pause_above",
        sends().replace("    send:", "    pause_above: 2/h\n    send:"),
        (
            Comes(NOON),
            Comes(2 * HOUR, module="2"),
            Comes(2 * HOUR + timedelta(minutes=10), module="3"),
            Comes(2 * HOUR + timedelta(minutes=20), learner="joana"),
            Comes(DAY, learner="joana", module="2"),
        ),
        (
            (NOON, "Maria Module 1"),
            (2 * HOUR, "Maria Module 2"),
            (2 * HOUR + timedelta(minutes=10), "Maria Module 3"),
        ),
    ),
)
