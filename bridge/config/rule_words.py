"""The words that rules and their actions share: which events, under which conditions, how often, and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo

from msgspec.structs import replace
from pydantic import ValidationError

from bridge.config.channel_section import get
from bridge.config.files import Material
from bridge.config.model import AfterOptions
from bridge.config.names import EventNames
from bridge.config.over_time import never_reached
from bridge.config.sends import DigestOptions, LimitOptions
from bridge.core.conditions import NOTHING, Condition, compile_when
from bridge.core.digests import Digest
from bridge.core.paths import parse_path
from bridge.core.problems import Path, Problem
from bridge.core.rules import After, Limit, Predicate, Unless
from bridge.rendering.renderer import Renderer


class RuleWords:
    """Compiles one word after the other; what is wrong with them goes to `problems`, with its path."""

    def __init__(
        self,
        material: Material,
        renderer: Renderer,
        events: EventNames,
        zone: tzinfo,
        problems: list[Problem],
    ) -> None:
        self.problems = problems
        self._material = material
        self._renderer = renderer
        self._events = events
        self._zone = zone

    def on(self, on: object, path: Path) -> tuple[str, ...]:
        """Return the names under `on:`, each checked."""
        if isinstance(on, str):
            self.problems += self._events.check(on, path)
            return (on,)
        names = [name for name in on if isinstance(name, str)] if isinstance(on, list) else []
        for place, name in enumerate(names):
            self.problems += self._events.check(name, (*path, place))
        return tuple(names)

    def when(self, raw: Mapping[str, object], path: Path) -> Condition:
        """Return the compiled `when:` of a rule or of an `unless:`."""
        if raw.get("when") is None:
            return NOTHING
        condition, problems = compile_when(self._material.as_typed(path), path, self._zone)
        self.problems += problems
        return condition

    def predicate(self, raw: Mapping[str, object], path: Path) -> Predicate | None:
        """Return the compiled `if:`, if there is one."""
        source = raw.get("if")
        if not isinstance(source, str):
            return None
        predicate, problems = self._renderer.predicate(source)
        self.problems += (replace(problem, path=(*path, *problem.path)) for problem in problems)
        return predicate

    def unless(self, raw: object, path: Path) -> Unless | None:
        """Return what withdraws a waiting message, if anything does."""
        if not isinstance(raw, Mapping):
            return None
        on = self.on(raw.get("on"), (*path, "on"))
        when = self.when(raw, (*path, "when"))
        return Unless(on, when, self.paths(raw.get("same"), (*path, "same"), "same"))

    def limit(self, raw: object, path: Path) -> Limit | None:
        """Return how many messages a period may have, if that is limited."""
        by = self.paths(get(raw, "by"), (*path, "by"), "limit")
        try:
            options = LimitOptions.model_validate(raw)
        except ValidationError:  # told by the whole configuration's model
            return None
        limit = Limit(options.max, options.per, by)
        self.problems += never_reached(limit, path)
        return limit

    def after(self, raw: object, path: Path) -> After | None:
        """Return what is counted until a rule fires, if anything is."""
        by = self.paths(get(raw, "by"), (*path, "by"), "after")
        distinct = get(raw, "distinct")
        if isinstance(distinct, str):
            self.one_value(distinct, (*path, "distinct"), "after")
        try:
            options = AfterOptions.model_validate(raw)
        except ValidationError:  # told by the whole configuration's model
            return None
        return After(options.count, options.distinct, by, options.within)

    def digest(self, raw: object, path: Path) -> Digest | None:
        """Return when what is collected goes out, if it is collected."""
        by = self.paths(get(raw, "by"), (*path, "by"), "digest")
        try:
            options = DigestOptions.model_validate(raw)
        except ValidationError:  # told by the whole configuration's model
            return None
        if options.on is not None and options.every != "week":
            sentence = f"is for `every: week`, and this one is sent every {options.every}; remove one of them"
            self.problems.append(Problem((*path, "on"), sentence))
        return Digest(options.at, self._zone, options.every, options.on or "monday", by)

    def paths(self, said: object, path: Path, word: str) -> tuple[str, ...]:
        """Return paths that each lead to one value; `word` is the key that they stand under."""
        texts = [text for text in said if isinstance(text, str)] if isinstance(said, list) else []
        for place, text in enumerate(texts):
            self.one_value(text, (*path, place), word)
        return tuple(texts)

    def one_value(self, text: str, path: Path, word: str) -> None:
        """Note a path that is none, or that leads to several values."""
        found = parse_path(text)
        if isinstance(found, str):
            self.problems.append(Problem(path, found))
        elif "[]" in text:
            better = text.replace("[]", "[0]")
            sentence = f"'{text}' leads to several values; {word} needs one, such as {better}"
            self.problems.append(Problem(path, sentence))
