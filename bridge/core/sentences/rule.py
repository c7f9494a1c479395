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
from bridge.core.sentences.sending import Destinations, actions_told, expression_told
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
        given=language.given.format(given) if given else "",
        actions=actions_told(rule.actions, destinations, language),
    )
    return told + (language.shadow if any(action.shadow for action in rule.actions) else "")
