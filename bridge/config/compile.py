"""Compiles the rules, and checks in them what a model cannot: names, conditions, templates.

Works on plain data, piece by piece, so that one mistake does not hide the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta, tzinfo

from msgspec.structs import replace
from pydantic import TypeAdapter, ValidationError

from bridge.channels.base import ActionModel, Together
from bridge.config.channel_section import ChannelSection, get
from bridge.config.files import Material
from bridge.config.model import LOCALES
from bridge.config.names import EventNames
from bridge.config.over_time import senseless, senseless_count, senseless_pause
from bridge.config.purposes import unleavable
from bridge.config.rule_words import RuleWords
from bridge.config.sends import (
    EntryConfig,
    Instead,
    InsteadConfig,
    Owner,
    Send,
    SendConfig,
    entries,
    in_our_words,
    send_kind,
)
from bridge.config.was import listed
from bridge.core.messages import Target
from bridge.core.problems import Path, Problem
from bridge.core.quiet_hours import QuietHours
from bridge.core.rates import parse_rate
from bridge.core.rules import (
    OWNER_RULE,
    Action,
    Rule,
    Thread,
    else_name,
    kind_of,
)
from bridge.core.suppressions import Purpose
from bridge.core.threads import COUNT, COUNTS, DATE
from bridge.rendering.renderer import Renderer

_SEND: TypeAdapter[EntryConfig] = TypeAdapter(Send)
_INSTEAD: TypeAdapter[EntryConfig] = TypeAdapter(Instead)
_OWNER: TypeAdapter[EntryConfig] = TypeAdapter(Owner)


class Compiler:
    """Compiles rules one by one and gathers what is wrong in `problems`."""

    def __init__(self, material: Material, renderer: Renderer, events: EventNames, zone: tzinfo) -> None:
        self.problems: list[Problem] = []
        self.channels = ChannelSection(material.data, self.problems)
        self._material = material
        self._renderer = renderer
        self._words = RuleWords(material, renderer, events, zone, self.problems)
        self._zone = zone
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
        made = Rule(
            name=name,
            on=self._words.on(raw.get("on"), (*path, "on")),
            when=self._words.when(raw, (*path, "when")),
            condition=self._words.predicate(raw, (*path, "if")),
            after=self._words.after(raw.get("after"), (*path, "after")),
            pause_above=parse_rate(str(raw.get("pause_above", ""))),
            actions=self._actions(name, raw, path),
            was=listed(raw.get("was")),
        )
        self.problems += senseless_count(made, (*path, "after"))
        self.problems += senseless_pause(made, (*path, "pause_above"))
        return made

    def _actions(self, rule: str, raw: Mapping[str, object], path: Path) -> tuple[Action, ...]:
        """Compile what stands under `send:`, with what the rule says of all its actions."""
        sends, purpose = raw.get("send"), _purpose(raw.get("purpose"))
        once_per = self._words.paths(raw.get("once_per"), (*path, "once_per"), "once_per")
        own = [
            self._action(rule, entry, (*path, "send", place), once_per)
            for place, entry in enumerate(sends if isinstance(sends, list) else ())
        ]
        self._tell_apart(own, (*path, "send"))
        limit = self._words.limit(raw.get("limit"), (*path, "limit"))
        shadow, was = raw.get("mode") == "shadow", listed(raw.get("was"))
        made = tuple(
            _marked(replace(action, limit=action.limit or limit, shadow=shadow, rule_was=was), purpose)
            for action in own
            if action is not None
        )
        if purpose.is_optional:
            self.problems += unleavable(made, sends, path, self._material.data.get("public_url"))
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

    def owner(self, raw: object) -> Action | None:
        """Return the action that tells the owner of trouble, if there is one."""
        entry, path = in_our_words(raw, self.channels.taking_texts()), ("owner",)
        made = self._entry(_OWNER, OWNER_RULE, entry, path)
        otherwise = self._otherwise(OWNER_RULE, made, entry, path)
        return replace(made, otherwise=otherwise) if made else None

    def _action(self, rule: str, entry: object, path: Path, inherited: tuple[str, ...]) -> Action | None:
        own = self._words.paths(get(entry, "once_per"), (*path, "once_per"), "once_per")
        made = self._entry(_SEND, rule, entry, path)
        unless = self._words.unless(get(entry, "unless"), (*path, "unless"))
        limit = self._words.limit(get(entry, "limit"), (*path, "limit"))
        digest = self._words.digest(get(entry, "digest"), (*path, "digest"))
        made = replace(made, unless=unless, limit=limit, digest=digest) if made else None
        self.problems += senseless(made, path) if made else ()
        otherwise = self._otherwise(rule, made, entry, path)
        once_per = inherited if get(entry, "once_per") is None else own
        was = listed(get(entry, "was"))
        return replace(made, once_per=once_per, otherwise=otherwise, was=was) if made else None

    def _otherwise(self, rule: str, parent: Action | None, entry: object, path: Path) -> tuple[Action, ...]:
        """Compile an `else:`; what expires with the message that it stands in for need not say so."""
        raw = get(entry, "else")
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
        channel = self.channels.name(kind, entry.get(kind), (*path, kind))
        condition = self._words.predicate(entry, (*path, "if"))
        send = _understood(shape, {key: value for key, value in entry.items() if key != "else"})
        if send is None:
            return None
        said = send.action()
        found = said.together()
        thread = self._together(found, path) if found else None
        together = thread if found and found.stored else None
        options = self.channels.options(channel)
        self.problems += self._unfit(said, options, path)
        slots = said.slots()
        content, problems = self._renderer.content(slots, _names(together))
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
            unmade=self._locale if said.is_for_the_team(options) else None,
            conversation=None if together else thread,
            condition=condition,
            expires=expires,
            delay=delay,
            quiet_hours=self._quiet_hours(send, channel),
            laborious=any(slot.target is Target.CERTIFICATE for slot in slots.values()),
        )

    def _together(self, found: Together, path: Path) -> Thread:
        """Return which messages continue each other; `date` stands beside paths of the event."""
        word = "update_by" if found.edits else "thread_by"
        for place, text in enumerate(found.by):
            if text != DATE:
                self._words.one_value(text, (*path, word, place), word)
        for name, text in found.counts:
            self._words.one_value(text, (*path, "counts", name), "counts")
        return Thread(by=found.by, zone=self._zone, edits=found.edits, place=found.place, counts=found.counts)

    def _quiet_hours(self, send: EntryConfig, channel: str) -> QuietHours | None:
        """Return the hours that an entry gives itself, which may be none, else those of its channel."""
        own = send.quiet_hours if isinstance(send, InsteadConfig) else None
        hours = self.channels.hours(channel) if own is None else own
        return QuietHours(hours, self._zone) if hours else None

    def _unfit(self, said: ActionModel, channel: Mapping[str, object], path: Path) -> Iterator[Problem]:
        for below, sentence in said.unfit(channel, self._material.data):
            yield Problem((*path, *below), sentence)


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
