"""Compiles the rules, and checks in them what a model cannot: names, conditions, templates.

Works on plain data, piece by piece, so that one mistake does not hide the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta, tzinfo

from msgspec.structs import replace
from pydantic import TypeAdapter, ValidationError

from bridge.channels import registry as channels
from bridge.channels.base import ActionModel, Together
from bridge.config.files import Material
from bridge.config.model import LOCALES, AfterOptions, Config
from bridge.config.names import EventNames
from bridge.config.over_time import never_reached, senseless, senseless_count, senseless_pause
from bridge.config.purposes import unleavable
from bridge.config.sends import (
    DigestOptions,
    EntryConfig,
    Instead,
    InsteadConfig,
    LimitOptions,
    Owner,
    Send,
    SendConfig,
    entries,
    in_our_words,
    send_kind,
)
from bridge.config.was import listed
from bridge.core.conditions import NOTHING, Condition, compile_when
from bridge.core.digests import Digest
from bridge.core.paths import parse_path
from bridge.core.problems import Path, Problem, did_you_mean
from bridge.core.quiet_hours import QuietHours, parse_hours
from bridge.core.rates import parse_rate
from bridge.core.rules import (
    OWNER_RULE,
    Action,
    After,
    Limit,
    Predicate,
    Rule,
    Thread,
    Unless,
    else_name,
    kind_of,
)
from bridge.core.suppressions import Purpose
from bridge.core.threads import COUNT, COUNTS, DATE
from bridge.rendering.renderer import Renderer

_KINDS = tuple(channels.ACTIONS)
_TOP = tuple(Config.model_fields)
_SEND: TypeAdapter[EntryConfig] = TypeAdapter(Send)
_INSTEAD: TypeAdapter[EntryConfig] = TypeAdapter(Instead)
_OWNER: TypeAdapter[EntryConfig] = TypeAdapter(Owner)


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
        self._locale = str(material.data.get("locale") or LOCALES[0])
        self._pages = {"admin_url": url} if (url := material.data.get("admin_url")) else {}

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
        limit = self._limit(raw.get("limit"), (*path, "limit"))
        shadow = raw.get("mode") == "shadow"
        was = listed(raw.get("was"))
        purpose = _purpose(raw.get("purpose"))
        sending = tuple(
            _marked(replace(action, limit=action.limit or limit, shadow=shadow, rule_was=was), purpose)
            for action in actions
            if action is not None
        )
        if purpose.is_optional:
            self.problems += unleavable(sending, sends, path, self._material.data.get("public_url"))
        after = self._after(raw.get("after"), (*path, "after"))
        made = Rule(
            name=name,
            on=on,
            when=when,
            condition=condition,
            after=after,
            pause_above=parse_rate(str(raw.get("pause_above", ""))),
            actions=sending,
            was=was,
        )
        self.problems += senseless_count(made, (*path, "after"))
        self.problems += senseless_pause(made, (*path, "pause_above"))
        return made

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

    def _unless(self, raw: object, path: Path) -> Unless | None:
        if not isinstance(raw, Mapping):
            return None
        on = self._on(raw.get("on"), (*path, "on"))
        when = self._when(raw, (*path, "when"))
        return Unless(on, when, self._once_per(raw.get("same"), (*path, "same"), "same"))

    def _limit(self, raw: object, path: Path) -> Limit | None:
        by = self._once_per(_get(raw, "by"), (*path, "by"), "limit")
        try:
            options = LimitOptions.model_validate(raw)
        except ValidationError:  # told by the whole configuration's model
            return None
        limit = Limit(options.max, options.per, by)
        self.problems += never_reached(limit, path)
        return limit

    def _after(self, raw: object, path: Path) -> After | None:
        by = self._once_per(_get(raw, "by"), (*path, "by"), "after")
        distinct = _get(raw, "distinct")
        if isinstance(distinct, str):
            self._one_value(distinct, (*path, "distinct"), "after")
        try:
            options = AfterOptions.model_validate(raw)
        except ValidationError:  # told by the whole configuration's model
            return None
        return After(options.count, options.distinct, by, options.within)

    def _digest(self, raw: object, path: Path) -> Digest | None:
        by = self._once_per(_get(raw, "by"), (*path, "by"), "digest")
        try:
            options = DigestOptions.model_validate(raw)
        except ValidationError:  # told by the whole configuration's model
            return None
        if options.on is not None and options.every != "week":
            sentence = f"is for `every: week`, and this one is sent every {options.every}; remove one of them"
            self.problems.append(Problem((*path, "on"), sentence))
        return Digest(options.at, self._zone, options.every, options.on or "monday", by)

    def _once_per(self, paths: object, path: Path, word: str = "once_per") -> tuple[str, ...]:
        texts = [text for text in paths if isinstance(text, str)] if isinstance(paths, list) else []
        for place, text in enumerate(texts):
            self._one_value(text, (*path, place), word)
        return tuple(texts)

    def _one_value(self, text: str, path: Path, word: str) -> None:
        """Note a path that is none, or that leads to several values."""
        found = parse_path(text)
        if isinstance(found, str):
            self.problems.append(Problem(path, found))
        elif "[]" in text:
            better = text.replace("[]", "[0]")
            sentence = f"'{text}' leads to several values; {word} needs one, such as {better}"
            self.problems.append(Problem(path, sentence))

    def owner(self, raw: object) -> Action | None:
        """Return the action that tells the owner of trouble, if there is one."""
        entry, path = in_our_words(raw, _taking_texts(self._material.data.get("channels"))), ("owner",)
        made = self._entry(_OWNER, OWNER_RULE, entry, path)
        otherwise = self._otherwise(OWNER_RULE, made, entry, path)
        return replace(made, otherwise=otherwise) if made else None

    def _action(self, rule: str, entry: object, path: Path, inherited: tuple[str, ...]) -> Action | None:
        own = self._once_per(_get(entry, "once_per"), (*path, "once_per"))
        made = self._entry(_SEND, rule, entry, path)
        unless = self._unless(_get(entry, "unless"), (*path, "unless"))
        limit = self._limit(_get(entry, "limit"), (*path, "limit"))
        digest = self._digest(_get(entry, "digest"), (*path, "digest"))
        made = replace(made, unless=unless, limit=limit, digest=digest) if made else None
        self.problems += senseless(made, path) if made else ()
        otherwise = self._otherwise(rule, made, entry, path)
        once_per = inherited if _get(entry, "once_per") is None else own
        was = listed(_get(entry, "was"))
        return replace(made, once_per=once_per, otherwise=otherwise, was=was) if made else None

    def _otherwise(self, rule: str, parent: Action | None, entry: object, path: Path) -> tuple[Action, ...]:
        """Compile an `else:`; what expires with the message that it stands in for need not say so."""
        raw = _get(entry, "else")
        where: Path = (*path, "else")
        places = (
            [where] if isinstance(raw, Mapping) else [(*where, place) for place in range(len(entries(raw)))]
        )
        made = [
            self._entry(_INSTEAD, rule, each, place) for each, place in zip(entries(raw), places, strict=True)
        ]
        self._tell_apart(made, where)
        for each, place in zip(made, places, strict=True):
            if each is not None and each.thread is not None and each.thread.edits:
                sentence = "what is sent instead is a message of its own; remove this, or write `thread_by`"
                self.problems.append(Problem((*place, "update_by"), sentence))
        return tuple(
            replace(each, name=else_name(each.name, parent.name), expires=each.expires or parent.expires)
            for each in made
            if each is not None and parent is not None
        )

    def _entry(self, shape: TypeAdapter[EntryConfig], rule: str, entry: object, path: Path) -> Action | None:
        """Compile what the entries of `send:`, `else:` and `owner:` have in common."""
        kind = send_kind(entry)
        if kind is None or not isinstance(entry, Mapping):
            return None
        channel = self._channel(kind, entry.get(kind), (*path, kind))
        condition = self._predicate(entry, (*path, "if"))
        send = _understood(shape, {key: value for key, value in entry.items() if key != "else"})
        if send is None:
            return None
        said = send.action()
        found = said.together()
        thread = self._together(found, path) if found else None
        together = thread if found and found.stored else None
        options = _get(self._material.data.get("channels"), channel)
        self.problems += self._unfit(said, _mapping(options), path)
        content, problems = self._renderer.content(said.slots(), _names(together))
        self.problems += (replace(problem, path=(*path, *problem.path)) for problem in problems)
        if content is None:
            return None
        name, expires, delay = _own(send)
        return Action(
            rule=rule,
            name=f"{kind}:{channel}#{name}" if name else f"{kind}:{channel}",
            channel=channel,
            content=content,
            settings={**said.settings(), **self._pages},
            thread=together,
            unmade=self._locale if said.is_for_the_team(_mapping(options)) else None,
            conversation=None if together else thread,
            condition=condition,
            expires=expires,
            delay=delay,
            quiet_hours=self._quiet_hours(send, channel),
        )

    def _together(self, found: Together, path: Path) -> Thread:
        """Return which messages continue each other; `date` stands beside paths of the event."""
        word = "update_by" if found.edits else "thread_by"
        for place, text in enumerate(found.by):
            if text != DATE:
                self._one_value(text, (*path, word, place), word)
        for name, text in found.counts:
            self._one_value(text, (*path, "counts", name), "counts")
        return Thread(by=found.by, zone=self._zone, edits=found.edits, place=found.place, counts=found.counts)

    def _unfit(self, said: ActionModel, channel: Mapping[str, object], path: Path) -> Iterator[Problem]:
        for below, sentence in said.unfit(channel, self._material.data):
            yield Problem((*path, *below), sentence)

    def _quiet_hours(self, send: EntryConfig, channel: str) -> QuietHours | None:
        """Return the hours that an entry gives itself, else those of its channel, if that can be read."""
        own = send.quiet_hours if isinstance(send, InsteadConfig) else None
        text = _get(_get(self._material.data.get("channels"), channel), "quiet_hours")
        hours = parse_hours(text) if own is None and isinstance(text, str) else own
        return QuietHours(hours, self._zone) if hours else None

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


def _purpose(said: object) -> Purpose:
    known = isinstance(said, str) and said in tuple(Purpose)
    return Purpose(str(said)) if known else Purpose.TRANSACTIONAL


def _marked(action: Action, purpose: Purpose) -> Action:
    """Return an action, and what is sent in its place, with the purpose of their rule."""
    if not purpose.is_optional:
        return action
    instead = tuple(replace(each, purpose=purpose) for each in action.otherwise)
    return replace(action, purpose=purpose, otherwise=instead)


def _understood(shape: TypeAdapter[EntryConfig], entry: Mapping[str, object]) -> EntryConfig | None:
    """Return what an entry says, without the keys that the model will refuse; None when it refuses more."""
    try:
        return shape.validate_python(entry)
    except ValidationError as error:
        unknown = {each["loc"][-1] for each in error.errors() if each["type"] == "extra_forbidden"}
    known = {key: value for key, value in entry.items() if key not in unknown}
    return _understood(shape, known) if unknown and len(known) < len(entry) else None


def _own(send: EntryConfig) -> tuple[str | None, timedelta | None, timedelta | None]:
    """Return the name, the expiry and the delay that an entry gives itself; one of `owner:` has none."""
    if not isinstance(send, InsteadConfig):
        return None, None, None
    return send.name, send.expires, send.delay if isinstance(send, SendConfig) else None


def _names(thread: Thread | None) -> Mapping[str, tuple[str, ...] | None]:
    """Return what the texts of an action may use beside the event."""
    if thread is None or not thread.edits:
        return {}
    return {COUNT: (), COUNTS: tuple(name for name, _ in thread.counts)}


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _get(entry: object, key: str) -> object:
    return entry.get(key) if isinstance(entry, Mapping) else None


def _taking_texts(section: object) -> frozenset[str]:
    """Return the webhooks with a preset, which are sent texts."""
    named = section.items() if isinstance(section, Mapping) else ()
    return frozenset(str(name) for name, raw in named if _get(raw, "preset") is not None)


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
