"""What the section `channels:` of the configuration says to the entries that name its channels."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.channels import registry as channels
from bridge.config.model import Config
from bridge.core.problems import Path, Problem, did_you_mean
from bridge.core.quiet_hours import Hours, parse_hours

_KINDS = tuple(channels.ACTIONS)
_TOP = tuple(Config.model_fields)


class ChannelSection:
    """The channels by their names, before it is known whether all about them is right.

    `used` grows by the names that entries use, `problems` by those that are wrong.
    """

    def __init__(self, data: Mapping[str, object], problems: list[Problem]) -> None:
        self.used: set[str] = set()
        self.problems = problems
        section = data.get("channels")
        self._section: Mapping[str, object] = section if isinstance(section, Mapping) else {}
        self._types = {str(name): _type(raw) for name, raw in self._section.items()}
        self._may_miss = _is_misspelt("channels", data)

    def options(self, name: str) -> Mapping[str, object]:
        """Return what a channel says of itself; nothing where there is no such channel."""
        raw = self._section.get(name)
        return raw if isinstance(raw, Mapping) else {}

    def hours(self, name: str) -> Hours | None:
        """Return the quiet hours of a channel, if it has some that can be read."""
        text = self.options(name).get("quiet_hours")
        return parse_hours(text) if isinstance(text, str) else None

    def taking_texts(self) -> frozenset[str]:
        """Return the webhooks with a preset, which are sent texts."""
        return frozenset(str(name) for name in self._section if self.options(name).get("preset") is not None)

    def name(self, kind: str, name: object, path: Path) -> str:
        """Return the channel that an entry names; '' where that is no name."""
        if not isinstance(name, str):
            return ""
        self.used.add(name)
        if name not in self._types:
            if self._may_miss:  # which is a problem already, and the cause of this one
                return name
            same = [each for each, its in self._types.items() if its == kind]
            known = (
                f"channels of type {kind} are {', '.join(same)}" if same else f"there is none of type {kind}"
            )
            sentence = f"there is no channel '{name}'{did_you_mean(name, self._types) or f'; {known}'}"
            self.problems.append(Problem(path, sentence))
        elif (its := self._types[name]) not in (None, kind):
            advice = f"write `{its}: {name}`, or name a channel of type {kind}"
            self.problems.append(Problem(path, f"the channel '{name}' is of type {its}; {advice}"))
        return name


def get(entry: object, key: str) -> object:
    """Return a value of what may be no mapping at all."""
    return entry.get(key) if isinstance(entry, Mapping) else None


def _type(raw: object) -> str | None:
    """Return the type of a channel, None where it cannot be told."""
    kind = get(raw, "type")
    return str(kind) if kind in _KINDS else None


def _is_misspelt(section: str, data: Mapping[str, object]) -> bool:
    """Return whether a section cannot be used, because of its name or because it is no mapping."""
    if section in data:
        return not isinstance(data[section], Mapping)
    return any(f"'{section}'" in did_you_mean(key, _TOP) for key in data.keys() - _TOP)
