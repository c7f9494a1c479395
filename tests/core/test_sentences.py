"""A rule is told in one sentence that a person understands and that leaves nothing out in silence."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.config.model import LOCALES
from bridge.core.conditions import NOTHING, Condition, compile_when
from bridge.core.digests import WEEKDAYS, Digest
from bridge.core.durations import parse_duration
from bridge.core.events import Facts
from bridge.core.messages import RenderFailure
from bridge.core.quiet_hours import QuietHours, parse_hours
from bridge.core.rates import parse_rate
from bridge.core.rules import Action, After, Limit, Rule, Unless, else_name
from bridge.core.sentences.language import Language
from bridge.core.sentences.plain import plain
from bridge.core.sentences.portuguese import PORTUGUESE
from bridge.core.sentences.rule import LANGUAGES, rule_told
from bridge.core.sentences.sending import Destination
from bridge.core.suppressions import Purpose
from bridge.sources import registry as sources
from tests.core.test_index import CONDITIONS, EVENTS, PATHS, TESTS

EXPECTED = Path(__file__).with_name("sentences.yaml")
KINDS = {name: sources.kinds_of(name) for name in sources.known_events()}
TO_LEARNER = {"email": "learners", "to": "{{ learner.email }}"}
PLACES = {"wins": "#conquistas"}
QUOTE = "'"
HEADING = (
    "# Rules and their sentences. UPDATE_EXPECTED=1 makes test_sentences.py write the sentences again.\n"
)
LONGEST = 1600
"""Characters of a sentence, however large the rule."""
TEXT = st.text(min_size=1, max_size=80)
ANY_TEXT = st.one_of(
    TEXT,
    st.lists(TEXT, min_size=1, max_size=8),
    st.fixed_dictionaries({"prefix": TEXT}),
    st.fixed_dictionaries({"not": st.fixed_dictionaries({"contains": TEXT, "suffix": TEXT})}),
)
DEEP = st.recursive(
    CONDITIONS | st.dictionaries(PATHS, st.fixed_dictionaries({"not": TESTS}), min_size=1, max_size=6),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=5)}),
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=5), "data.y": TESTS}),
    ),
    max_leaves=12,
)
ENTRIES = st.one_of(
    st.fixed_dictionaries(
        {"email": st.just("learners"), "to": TEXT | st.lists(TEXT, min_size=1, max_size=5)},
        optional={
            "if": TEXT,
            "once_per": st.lists(TEXT, max_size=3),
            "expires": st.sampled_from(["1s", "90min", "9d"]),
            "delay": st.sampled_from(["1s", "90min", "9d"]),
            "quiet_hours": st.just("21:00-08:00"),
            "digest": st.fixed_dictionaries(
                {"at": st.just("18:00")},
                optional={
                    "every": st.sampled_from(["day", "weekday", "week"]),
                    "on": st.sampled_from(WEEKDAYS),
                    "by": st.lists(TEXT, max_size=3),
                },
            ),
        },
    ),
    st.fixed_dictionaries({"slack": st.just("wins")}, optional={"channel": TEXT}),
    st.fixed_dictionaries(
        {"webhook": st.just("crm"), "else": st.just([TO_LEARNER])}, optional={"if": TEXT, "name": TEXT}
    ),
)


class Silent:
    """Content that renders nothing."""

    def render(self, facts: Facts) -> Mapping[str, object] | RenderFailure:
        return {}


@dataclass(frozen=True)
class Says:
    """A predicate that is only read."""

    source: str
    paths: Sequence[str] = ()

    def holds(self, facts: Facts) -> bool:
        return True


def told(raw: Mapping[str, Any], language: Language, when: Condition | None = None) -> str:
    """Tell a rule as the configuration writes it, but for a `when` that is compiled already."""
    entries = raw.get("send", [TO_LEARNER])
    pairs = [_action(entry, raw.get("once_per", ())) for entry in entries]
    rule = Rule(
        name="r",
        on=tuple(_texts(raw["on"])),
        when=when or _when(raw.get("when")),
        condition=Says(raw["if"]) if "if" in raw else None,
        after=_after(raw["after"]) if "after" in raw else None,
        pause_above=parse_rate(raw.get("pause_above", "")),
        actions=tuple(
            replace(
                action,
                shadow=raw.get("mode") == "shadow",
                purpose=Purpose(raw.get("purpose", "transactional")),
            )
            for action, _ in pairs
        ),
    )
    return rule_told(rule, {action.name: where for action, where in pairs}, KINDS, language)


def _when(when: object) -> Condition:
    if when is None:
        return NOTHING
    condition, problems = compile_when(when, ())
    assert not problems
    return condition


def _action(entry: Mapping[str, Any], inherited: Sequence[str]) -> tuple[Action, Destination]:
    kind = next(kind for kind in ("email", "slack", "webhook", "apprise") if kind in entry)
    channel = entry[kind]
    hours = parse_hours(entry.get("quiet_hours", ""))
    action = Action(
        rule="r",
        name=f"{kind}:{channel}" + (f"#{entry['name']}" if "name" in entry else ""),
        channel=channel,
        content=Silent(),
        condition=Says(entry["if"]) if "if" in entry else None,
        once_per=tuple(entry.get("once_per", inherited)),
        expires=parse_duration(entry["expires"]) if "expires" in entry else None,
        delay=parse_duration(entry["delay"]) if "delay" in entry else None,
        quiet_hours=QuietHours(hours, UTC) if hours else None,
        limit=_limit(entry["limit"]) if "limit" in entry else None,
        digest=_digest(entry["digest"]) if "digest" in entry else None,
        unless=_unless(entry["unless"]) if "unless" in entry else None,
    )
    recipients = {name: tuple(_texts(entry.get(name, ()))) for name in ("to", "cc", "bcc")}
    instead = [_action(each, ()) for each in entry.get("else", ())]
    place = entry.get("channel", PLACES.get(channel, ""))
    where = Destination(**recipients, place=place, otherwise=tuple(each for _, each in instead))
    otherwise = tuple(
        replace(each, name=else_name(each.name, action.name), expires=each.expires or action.expires)
        for each, _ in instead
    )
    return replace(action, otherwise=otherwise), where


def _unless(raw: Mapping[str, Any]) -> Unless:
    return Unless(tuple(_texts(raw["on"])), _when(raw.get("when")), tuple(raw["same"]))


def _limit(raw: Mapping[str, Any]) -> Limit:
    per = parse_duration(raw["per"])
    assert per is not None
    return Limit(raw["max"], per, tuple(raw.get("by", ())))


def _after(raw: Mapping[str, Any]) -> After:
    within = parse_duration(raw.get("within", ""))
    return After(raw["count"], raw.get("distinct"), tuple(raw.get("by", ())), within)


def _digest(raw: Mapping[str, Any]) -> Digest:
    at = time.fromisoformat(raw["at"])
    return Digest(at, UTC, raw.get("every", "day"), raw.get("on", "monday"), tuple(raw.get("by", ())))


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


class _Yaml(yaml.SafeLoader):
    """Leaves `on` a word, as the configuration does."""


_Yaml.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in pairs
        if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
    ]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Yaml.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), list("tf"))


def test_each_rule_has_its_sentence_in_every_language() -> None:
    """The table of rules and sentences; `UPDATE_EXPECTED=1` writes the sentences again, to be read."""
    rules = re.findall(r"(?m)^- rule: .*$", EXPECTED.read_text("utf-8"))
    text = HEADING + "".join(map(_entry, rules))
    if os.environ.get("UPDATE_EXPECTED"):
        EXPECTED.write_text(text, "utf-8")
    assert EXPECTED.read_text("utf-8") == text
    assert len(rules) >= 60


def _entry(line: str) -> str:
    (entry,) = yaml.load(line, _Yaml)
    sentences = {name: told(entry["rule"], language) for name, language in LANGUAGES.items()}
    quoted = (f"  {name}: '{sentence.replace(QUOTE, QUOTE * 2)}'\n" for name, sentence in sentences.items())
    return f"{line}\n{''.join(quoted)}"


@settings(max_examples=300)
@given(when=DEEP, event=EVENTS)
def test_the_plain_form_holds_on_the_same_events(when: object, event: object) -> None:
    """What is told is what is asked, however many times it is denied."""
    condition, problems = compile_when(when, ())
    assume(not problems)
    facts = {"data": event}
    assert plain(condition).matches(facts) == condition.matches(facts)


@settings(max_examples=150)
@given(
    on=st.lists(st.sampled_from([*KINDS, *PORTUGUESE.happenings, "*", "x.*", "?"]), min_size=1, max_size=7),
    when=DEEP | st.dictionaries(st.sampled_from(["course.title", "lesson.id", "test", "data.x[]"]), ANY_TEXT),
    entries=st.lists(ENTRIES, min_size=1, max_size=6),
    asked=st.none() | st.text(min_size=1),
)
def test_any_rule_is_told_in_one_short_line(
    on: list[str], when: object, entries: list[dict[str, object]], asked: str | None
) -> None:
    """Nothing that a configuration may hold breaks the sentence, or makes it a page."""
    condition, problems = compile_when(when, ())
    assume(not problems)
    raw = {"on": on, "send": entries, **({"if": asked} if asked else {})}
    for language in LANGUAGES.values():
        sentence = told(raw, language, condition)
        assert sentence.endswith(".")
        assert len(sentence) <= LONGEST
        assert sentence.isprintable()


@pytest.mark.parametrize("name", LANGUAGES)
def test_of_long_actions_fewer_are_told(name: str) -> None:
    """Each is told whole or counted; one is told however long it is."""
    entries: list[dict[str, object]] = [
        {"email": "learners", "to": "ana@aluna.example", "once_per": [f"{n}{key}" * 20 for key in "abcdefgh"]}
        for n in range(4)
    ]
    several, one = (told({"on": ["x.y"], "send": some}, LANGUAGES[name]) for some in (entries, entries[:1]))
    assert len(several) <= LONGEST
    assert "0a0a" in several
    assert "3a3a" not in several
    assert "0a0a" in one


def test_every_event_has_its_words_in_every_language() -> None:
    """A kind that a source learns is refused here until each language can say it."""
    for language in LANGUAGES.values():
        assert language.happenings.keys() >= sources.known_kinds()
        for table in (
            "happenings",
            "things",
            "subjects",
            "tests",
            "dates",
            "moments",
            "words",
            "keys",
            "units",
        ):
            assert getattr(language, table).keys() == getattr(PORTUGUESE, table).keys()


@pytest.mark.parametrize("kind", sorted(PORTUGUESE.happenings))
def test_events_are_told_apart(kind: str) -> None:
    """No two kinds have the same words."""
    for language in LANGUAGES.values():
        same = [other for other, words in language.happenings.items() if words == language.happenings[kind]]
        assert same == [kind]


def test_a_secret_is_hidden_before_it_is_cut() -> None:
    """The beginning of a value that may not be shown is not shown either."""
    secret = "s3cr3t" * 20
    raw = {
        "on": "lesson.completed",
        "when": {"course.id": secret, "data.x": {"prefix": secret}},
        "if": f"{{{{ data.x == '{secret}' }}}}",
        "send": [
            {"email": "learners", "to": f"{secret}@escola.example"},
            {"slack": "wins", "channel": secret},
        ],
    }
    for language in LANGUAGES.values():
        careful = replace(language, hide=lambda text: text.replace(secret, "***"))
        assert "s3" not in told(raw, careful)
        assert told(raw, careful).count("***") == 5


def test_languages_are_those_of_the_configuration() -> None:
    """Each locale that may be configured has its sentences."""
    assert set(LANGUAGES) == set(LOCALES)


def test_every_word_of_a_rule_has_its_place_in_the_sentence() -> None:
    """Whoever adds a word to rules says it in the sentence, or lists it here as one that says nothing."""
    told = {"on", "when", "condition", "actions", "channel", "once_per", "expires", "otherwise"}
    told |= {
        "after",
        "pause_above",
        "delay",
        "digest",
        "quiet_hours",
        "unless",
        "shadow",
        "limit",
        "thread",
        "purpose",
    }
    silent = {"name", "rule", "content", "settings", "conversation", "unmade", "was", "rule_was"}
    silent |= {"laborious"}
    assert {*Rule.__struct_fields__, *Action.__struct_fields__} == told | silent
