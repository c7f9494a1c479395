"""A whole rule as one sentence; it says so where it leaves something out."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.conditions import AllOf
from bridge.core.rules import Rule
from bridge.core.sentences.conditions import conditions_told
from bridge.core.sentences.english import ENGLISH
from bridge.core.sentences.happening import Kinds, event_told
from bridge.core.sentences.language import Language
from bridge.core.sentences.plain import plain
from bridge.core.sentences.portuguese import PORTUGUESE
from bridge.core.sentences.sending import Destinations, actions_told, expression_told, keys_told
from bridge.core.sentences.spanish import SPANISH

LANGUAGES: Mapping[str, Language] = {"pt_BR": PORTUGUESE, "en": ENGLISH, "es": SPANISH}
"""By the configuration's name of a locale."""


def rule_told(rule: Rule, destinations: Destinations, kinds: Kinds, language: Language) -> str:
    """Return the sentence, on one line.

    `destinations` says where the actions' messages go, `kinds` what is known of platforms' events.
    """
    when = plain(rule.when)
    parts = when.parts if isinstance(when, AllOf) else (when,)
    event, left = event_told(rule.on, parts, kinds, language)
    asked = (
        []
        if rule.condition is None
        else [language.expression.format(expression_told(rule.condition, language))]
    )
    given = conditions_told(left, asked, language)
    told = language.rule.format(
        event=event,
        given=(language.given.format(given) if given else "") + _counted(rule, language),
        actions=actions_told(rule.actions, destinations, language),
    )
    return (
        told
        + (language.optional if any(each.purpose.is_optional for each in rule.actions) else "")
        + _pauses(rule, language)
        + (language.shadow if any(each.shadow for each in rule.actions) else "")
    )


def _counted(rule: Rule, language: Language) -> str:
    after = rule.after
    if after is None:
        return ""
    distinct, by = after.distinct, after.by
    return language.counted[after.count != 1].format(
        n=after.count,
        different=language.counted_once_each.format(keys_told([distinct], language)) if distinct else "",
        by=language.counted_by.format(keys_told(by, language)) if by else "",
        within=language.counted_within.format(language.duration(after.within)) if after.within else "",
    )


def _pauses(rule: Rule, language: Language) -> str:
    above = rule.pause_above
    if above is None:
        return ""
    return language.pauses[above.count != 1].format(n=above.count, span=language.duration(above.per))
