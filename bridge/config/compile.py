"""Compiles the rules, and checks in them what a model cannot: names, conditions, templates.

Works on plain data, piece by piece, so that one mistake does not hide the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo

from pydantic import TypeAdapter, ValidationError

from bridge.channels import registry as channels
from bridge.config.files import Material
from bridge.config.model import Config, Send, SendConfig, send_kind
from bridge.config.names import EventNames
from bridge.core.conditions import NOTHING, Condition, compile_when
from bridge.core.paths import parse_path
from bridge.core.problems import Path, Problem, did_you_mean
from bridge.core.rules import Action, Predicate, Rule, kind_of
from bridge.rendering.renderer import Renderer

_KINDS = tuple(channels.ACTIONS)
_TOP = tuple(Config.model_fields)
_SEND: TypeAdapter[SendConfig] = TypeAdapter(Send)


class Compiler:
    """Compiles rules one by one and gathers what is wrong in `problems`."""

    def __init__(self, material: Material, renderer: Renderer, events: EventNames, zone: tzinfo) -> None:
        self.problems: list[Problem] = []
        self.used_channels: set[str] = set()
        self._material = material
        self._renderer = renderer
        self._events = events
        self._zone = zone
        self._channels = _types(material.data.get("channels"))
        self._may_miss = _is_misspelt("channels", material.data)
        self._names: dict[str, Path] = {}

    def rule(self, index: int, raw: object) -> Rule | None:
        """Return the compiled rule, or None when it is not a rule at all; complete only without problems."""
        if not isinstance(raw, Mapping):
            return None
        path: Path = ("rules", index)
        name = str(raw.get("name", ""))
        self._check_name(name, path)
        on = self._on(raw.get("on"), (*path, "on"))
        when = self._when(raw, (*path, "when"))
        condition = self._predicate(raw, (*path, "if"))
        inherited = self._once_per(raw.get("once_per"), (*path, "once_per"))
        sends = raw.get("send")
        actions = [
            self._action(name, entry, (*path, "send", place), inherited)
            for place, entry in enumerate(sends if isinstance(sends, list) else ())
        ]
        self._tell_apart(actions, (*path, "send"))
        sending = tuple(action for action in actions if action is not None)
        return Rule(name=name, on=on, when=when, condition=condition, actions=sending)

    def _tell_apart(self, actions: Sequence[Action | None], path: Path) -> None:
        """Refuse two actions of one name: claims and waiting deliveries could not say which is theirs."""
        seen: set[str] = set()
        for place, action in enumerate(actions):
            if action is not None and action.name in seen:
                kind = kind_of(action.name)
                sentence = (
                    f"another action of this rule is called '{action.name}'; give this one a `name:` of its "
                    "own, so that once_per and waiting messages stay with the right one"
                )
                self.problems.append(Problem((*path, place, kind), sentence))
            seen.update([action.name] if action is not None else [])

    def _check_name(self, name: str, path: Path) -> None:
        first = self._names.setdefault(name, path)
        if name and first != path:
            place = self._material.locate(Problem((*first, "name"), ""))
            sentence = f"the rule at {place.file}:{place.line} is called '{name}' too; give each its own name"
            self.problems.append(Problem((*path, "name"), sentence))

    def _on(self, on: object, path: Path) -> tuple[str, ...]:
        if isinstance(on, str):
            self.problems += self._events.check(on, path)
            return (on,)
        names = [name for name in on if isinstance(name, str)] if isinstance(on, list) else []
        for place, name in enumerate(names):
            self.problems += self._events.check(name, (*path, place))
        return tuple(names)

    def _when(self, raw: Mapping[str, object], path: Path) -> Condition:
        if raw.get("when") is None:
            return NOTHING
        condition, problems = compile_when(self._material.as_typed(path), path, self._zone)
        self.problems += problems
        return condition

    def _predicate(self, raw: Mapping[str, object], path: Path) -> Predicate | None:
        source = raw.get("if")
        if not isinstance(source, str):
            return None
        predicate, problems = self._renderer.predicate(source)
        self.problems += (replace(problem, path=(*path, *problem.path)) for problem in problems)
        return predicate

    def _once_per(self, paths: object, path: Path) -> tuple[str, ...]:
        texts = [text for text in paths if isinstance(text, str)] if isinstance(paths, list) else []
        for place, text in enumerate(texts):
            found = parse_path(text)
            if isinstance(found, str):
                self.problems.append(Problem((*path, place), found))
            elif "[]" in text:
                better = text.replace("[]", "[0]")
                sentence = f"'{text}' leads to several values; once_per needs one, such as {better}"
                self.problems.append(Problem((*path, place), sentence))
        return tuple(texts)

    def _action(self, rule: str, entry: object, path: Path, inherited: tuple[str, ...]) -> Action | None:
        kind = send_kind(entry)
        if kind is None or not isinstance(entry, Mapping):
            return None
        channel = self._channel(kind, entry.get(kind), (*path, kind))
        condition = self._predicate(entry, (*path, "if"))
        own = self._once_per(entry.get("once_per"), (*path, "once_per"))
        send = _understood(entry)
        if send is None:
            return None
        said = send.action()
        content, problems = self._renderer.content(said.slots())
        self.problems += (replace(problem, path=(*path, *problem.path)) for problem in problems)
        if content is None:
            return None
        return Action(
            rule=rule,
            name=f"{kind}:{channel}#{send.name}" if send.name else f"{kind}:{channel}",
            channel=channel,
            content=content,
            settings=said.settings(),
            condition=condition,
            once_per=inherited if send.once_per is None else own,
            expires=send.expires,
        )

    def _channel(self, kind: str, name: object, path: Path) -> str:
        if not isinstance(name, str):
            return ""
        self.used_channels.add(name)
        if name not in self._channels:
            if self._may_miss:  # which is a problem already, and the cause of this one
                return name
            same = [each for each, its in self._channels.items() if its == kind]
            known = (
                f"channels of type {kind} are {', '.join(same)}" if same else f"there is none of type {kind}"
            )
            sentence = f"there is no channel '{name}'{did_you_mean(name, self._channels) or f'; {known}'}"
            self.problems.append(Problem(path, sentence))
        elif (its := self._channels[name]) not in (None, kind):
            advice = f"write `{its}: {name}`, or name a channel of type {kind}"
            self.problems.append(Problem(path, f"the channel '{name}' is of type {its}; {advice}"))
        return name


def _understood(entry: Mapping[str, object]) -> SendConfig | None:
    """Return what an entry says, without the keys that the model will refuse; None when it refuses more."""
    try:
        return _SEND.validate_python(entry)
    except ValidationError as error:
        unknown = {each["loc"][-1] for each in error.errors() if each["type"] == "extra_forbidden"}
    known = {key: value for key, value in entry.items() if key not in unknown}
    return _understood(known) if unknown and len(known) < len(entry) else None


def _types(section: object) -> dict[str, str | None]:
    """Return the type of every channel by its name, None where it cannot be told."""
    if not isinstance(section, Mapping):
        return {}
    named = (
        (str(name), raw.get("type") if isinstance(raw, Mapping) else None) for name, raw in section.items()
    )
    return {name: kind if kind in _KINDS else None for name, kind in named}


def _is_misspelt(section: str, data: Mapping[str, object]) -> bool:
    """Return whether a section cannot be used, because of its name or because it is no mapping."""
    if section in data:
        return not isinstance(data[section], Mapping)
    return any(f"'{section}'" in did_you_mean(key, _TOP) for key in data.keys() - _TOP)
