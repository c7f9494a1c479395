"""Configurations to be drawn: rules with words that have a memory or a clock, channels of all kinds."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from bridge.channels.base import ChannelPolicy
from bridge.config.load import Broken, load
from bridge.config.loaded import Loaded
from bridge.core.backoff import RetryPolicy
from bridge.core.breaker import BreakerPolicy
from bridge.core.rates import parse_rate
from tests.support.pipeline import SECRET

CHANNELS = ("wins", "crm", "mail", "team")
NAMED, OTHER = "x@aluna.example", "l1@aluna.example"
"""An address that some messages also go to, and one of a learner."""
_HEAD = """
timezone: UTC
locale: en
store: sqlite:///unused.db
sources:
  eduzz: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] }
courses:
  python: { id: %s, title: Python, modules: ["1", "2", "3"] }
channels:
  wins: { type: webhook, url: https://wins.example/ }
  crm: { type: webhook, url: https://crm.example/ }
  mail: { type: email, smtp: "smtp://mail.example:25", from: "Escola <ola@escola.example>" }
  team: { type: slack, token: "${SLACK}", channel: "#wins" }
rules:
"""
_SAYS = 'json: { text: "{{ learner.name }} {{ id }}" }'
_SAYS_ALL = 'json: { text: "{% for each in items %}{{ each.id }} {% endfor %}" }'
_ELSE = f"else: [ {{ webhook: crm, {_SAYS} }} ]"
_MAIL = ('to: ["{{ learner.email }}"]', 'subject: "Hi"', 'text: "Hi {{ learner.name }}"')
_BOTH = (f'to: ["{{{{ learner.email }}}}", {NAMED}]', *_MAIL[1:])
_SLACK = ('text: "{{ learner.name }}"',)
_WINS, _CRM, _POST, _TEAM = "webhook: wins", "webhook: crm", "email: mail", "slack: team"
_ACTIONS: Mapping[str, Sequence[Sequence[str]]] = {
    "plain": [(_WINS, _SAYS)],
    "two": [(_WINS, _SAYS), (_CRM, _SAYS)],
    "mail": [(_POST, *_MAIL)],
    "lesson": [(_WINS, _SAYS), (_POST, *_MAIL)],
    "slack": [(_TEAM, *_SLACK)],
    "both": [(_POST, *_BOTH)],
    "once": [(_CRM, _SAYS, "once_per: [learner.email, module.id]")],
    "delay": [(_WINS, _SAYS, "delay: 1h")],
    "unless": [(_CRM, _SAYS, "delay: 1h", "unless: { on: lesson.started, same: [learner.email] }")],
    "digest": [(_CRM, _SAYS_ALL, 'digest: { at: "18:00", by: [learner.email] }')],
    "quiet": [(_WINS, _SAYS, 'quiet_hours: "12:05-13:00"')],
    "expires": [(_CRM, _SAYS, "expires: 30m")],
    "limit": [(_WINS, _SAYS, "limit: { max: 2, per: 1d, by: [learner.email] }")],
    "else": [(_WINS, _SAYS, _ELSE)],
    "else-of-mail": [(_POST, *_MAIL, _ELSE)],
    "after": [(_WINS, _SAYS)],
    "brake": [(_CRM, _SAYS)],
    "thread": [(_TEAM, *_SLACK, "thread_by: [course.id]")],
    "edit": [(_TEAM, *_SLACK, "update_by: [course.id, date]")],
    "shadow": [(_WINS, _SAYS)],
    "course": [(_WINS, _SAYS)],
}
_SIMPLE = ("plain", "two", "mail", "lesson", "slack")
_ON = {"lesson": "lesson.completed", "course": "course.completed"}
_MORE = {
    "after": "after: { count: 2, by: [learner.email] }",
    "brake": "pause_above: 5/h",
    "shadow": "mode: shadow",
}
_WAITS = ((10, 30, 120), (1, 5), (60, 600, 3600), ())


@dataclass(frozen=True)
class Shop:
    """A configuration, and the channels that it has at work; those in `prompt` also send without a task."""

    loaded: Loaded
    policies: Mapping[str, ChannelPolicy]
    prompt: frozenset[str]


def drawn(chance: random.Random) -> Shop:
    """Draw a configuration."""
    simple = chance.random() < 0.4
    among = _SIMPLE if simple else sorted(_ACTIONS)
    names = chance.sample(among, chance.choice((1, 2, 3) if simple else (1, 2, 3, 5)))
    policies = {name: _policy(chance) for name in CHANNELS}
    prompt = frozenset(name for name in CHANNELS if chance.random() < 0.6)
    return Shop(_loaded(tuple(names), chance.random() < 0.3), policies, prompt)


def _policy(chance: random.Random) -> ChannelPolicy:
    waits = tuple(timedelta(seconds=seconds) for seconds in chance.choice(_WAITS))
    pause = timedelta(seconds=chance.choice((5, 30)))
    return ChannelPolicy(
        RetryPolicy(waits=waits, limit=timedelta(hours=chance.choice((1, 72)))),
        timedelta(seconds=10),
        chance.choice((1, 1, 2, 4, 32)),
        parse_rate(chance.choice(("2/s", "30/min", "20/s"))) if chance.random() < 0.2 else None,
        BreakerPolicy(chance.choice((2, 5)), pause) if chance.random() < 0.5 else None,
    )


@lru_cache(maxsize=1000)
def _loaded(names: Sequence[str], listed: bool) -> Loaded:
    text = _HEAD % (("c" if listed else "e") * 40) + "".join(map(_rule, names))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.yaml")
        path.write_text(text, "utf-8")
        found = load(path, {"EDUZZ_SECRET": SECRET, "SLACK": "xoxb-1-2-abc"})
    assert not isinstance(found, Broken), [str(each) for each in found.problems]
    return found


def _rule(name: str) -> str:
    lines = [f"  - name: {name}", f"    on: {_ON.get(name, 'module.completed')}"]
    lines += [f"    {_MORE[name]}"] if name in _MORE else []
    lines.append("    send:")
    for first, *others in _ACTIONS[name]:
        lines += [f"      - {first}", *(f"        {word}" for word in others)]
    return "\n".join(lines) + "\n"
