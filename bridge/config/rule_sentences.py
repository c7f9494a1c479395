"""The rules of a configuration as sentences: gives `core/sentences` what only the configuration knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from msgspec.structs import replace
from pydantic import BaseModel

from bridge.config.load import Loaded
from bridge.config.sends import EntryConfig
from bridge.core.rules import Action
from bridge.core.sentences.rule import LANGUAGES, rule_told
from bridge.core.sentences.sending import Destination
from bridge.sources import registry as sources


class RuleSentences(Mapping[str, Mapping[str, str]]):
    """The sentences of each rule by locale, by the rule's name; made when they are asked for."""

    def __init__(self, loaded: Loaded) -> None:
        self._config = loaded.config
        self._rules = {
            rule.name: (rule, loaded.config.rules[at].send) for at, rule in enumerate(loaded.rules)
        }
        self._languages = {name: replace(each, hide=loaded.redact) for name, each in LANGUAGES.items()}

    def __getitem__(self, name: str) -> dict[str, str]:
        """Return a rule's sentence in every language; raises KeyError for a rule that is not configured."""
        return {locale: self.one(name, locale) for locale in self._languages}

    def __contains__(self, name: object) -> bool:
        """Return whether a rule of this name is configured."""
        return name in self._rules

    def __iter__(self) -> Iterator[str]:
        """Return the names of the rules."""
        return iter(self._rules)

    def __len__(self) -> int:
        """Return how many rules there are."""
        return len(self._rules)

    def one(self, name: str, locale: str | None = None) -> str:
        """Return a rule's sentence in one language, the configured one unless said; secrets are hidden."""
        rule, entries = self._rules[name]
        destinations = {
            action.name: _destination(action, entry, self._config.channels)
            for action, entry in zip(rule.actions, entries, strict=True)
        }
        return rule_told(rule, destinations, _kinds(), self._languages[locale or self._config.locale])


def _destination(action: Action, entry: EntryConfig, channels: Mapping[str, BaseModel]) -> Destination:
    options = channels.get(action.channel)
    place = getattr(entry, "channel", None) or getattr(options, "channel", None)
    instead = zip(action.otherwise, getattr(entry, "otherwise", None) or (), strict=True)
    return Destination(
        to=_listed(getattr(entry, "to", ())),
        cc=getattr(entry, "cc", ()),
        bcc=getattr(entry, "bcc", ()),
        place=place or "",
        otherwise=tuple(_destination(each, its, channels) for each, its in instead),
    )


def _listed(recipients: object) -> tuple[str, ...]:
    """Return whom a message is for: a Slack message is for one person, or for nobody by name."""
    if isinstance(recipients, str):
        return (recipients,)
    return tuple(recipients) if isinstance(recipients, tuple) else ()


@cache
def _kinds() -> Mapping[str, tuple[str, ...]]:
    return {name: sources.kinds_of(name) for name in sources.known_events()}
