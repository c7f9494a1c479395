"""Turns what stands in a file of stories into what can be played, and says what does not fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import Struct, field

from bridge.cli.stories.arriving import Requests
from bridge.cli.stories.model import FIRST_DAY, EventConfig, ExpectConfig, GivenConfig, StoryConfig
from bridge.cli.stories.moments import Moment
from bridge.cli.stories.plot import FURTHEST, Arriving, Expected, Spell, Story
from bridge.config.files import Material
from bridge.config.load import Loaded
from bridge.core.outcomes import State
from bridge.core.problems import Path as KeyPath
from bridge.core.problems import Problem, did_you_mean

_ONLY_OF = (
    ("to", "to", ("email", "slack")),
    ("subject", "subject", ("email",)),
    ("json", "structure", ("webhook",)),
)
"""What an expectation may say of some types of channel only: its key, and its name here."""


class Builder(Struct):
    """Builds the stories of one file; `problems` grows on the way."""

    path: Path
    loaded: Loaded
    material: Material
    problems: list[Problem] = field(default_factory=list)

    def story(self, place: int, story: StoryConfig) -> Story:
        """Return one story; it cannot be played if it added to `problems`."""
        here: KeyPath = ("stories", place)
        given, begins = story.given, self._begins(story.given)
        requests = Requests(self.path.parent, self.loaded, self.problems)
        before = self._arriving(requests, given.events, begins, (*here, "given", "events"), before=True)
        after = self._arriving(requests, story.events, begins, (*here, "events"))
        return Story(
            file=self.path,
            place=place,
            line=self._line(here),
            name=story.name,
            begins=begins,
            arriving=(*before, *after),
            courses=given.courses,
            rules=self._rules(story, here),
            spells=tuple(self._spells(given, begins, (*here, "given", "destinations"))),
            expected=self._expectations(story.expect, begins, (*here, "expect")),
        )

    def _rules(self, story: StoryConfig, path: KeyPath) -> tuple[str, ...] | None:
        names = story.rules
        known = [rule.name for rule in self.loaded.rules]
        for name in names or ():
            self._check_known(name, known, "rule", (*path, "rules"))
        for index, each in enumerate(story.expect or ()):
            if names is not None and each.rule is not None and each.rule not in names:
                sentence = f"the story is about {', '.join(names)}; add '{each.rule}' to its `rules:`"
                self._problem((*path, "expect", index, "rule"), sentence)
        return None if names is None else tuple(names)

    def _begins(self, given: GivenConfig) -> datetime:
        first = datetime.fromisoformat(FIRST_DAY).replace(tzinfo=self.loaded.config.timezone).astimezone(UTC)
        return first if given.now is None else self._resolved(given.now, first)

    def _resolved(self, moment: Moment, begins: datetime) -> datetime:
        return moment.resolve(begins, self.loaded.config.timezone)

    def _line(self, path: KeyPath) -> int:
        return self.material.main.place(path)[0] if self.material.main else 0

    def _problem(self, path: KeyPath, sentence: str) -> None:
        self.problems.append(Problem(path, sentence))

    def _arriving(
        self,
        requests: Requests,
        events: Sequence[EventConfig],
        begins: datetime,
        path: KeyPath,
        *,
        before: bool = False,
    ) -> list[Arriving]:
        found: list[Arriving] = []
        at = begins - timedelta(seconds=1) if before else begins
        for index, event in enumerate(events):
            if event.at is not None:
                at = self._resolved(event.at, begins)
                self._check_time(at, begins, (*path, index, "at"), before=before)
            found += requests.of(event, at, (*path, index))
        return sorted(found, key=lambda each: each.at)

    def _check_time(self, at: datetime, begins: datetime, path: KeyPath, *, before: bool = False) -> None:
        if abs(at - begins) > FURTHEST:
            self._problem(path, "is more than ten years from the beginning")
        elif before and at >= begins:
            self._problem(
                path, "is not before the beginning; what comes then stands under `events:` of the story"
            )
        elif not before and at < begins:
            self._problem(path, "is before the beginning; what came before stands under `given: events:`")

    def _spells(self, given: GivenConfig, begins: datetime, path: KeyPath) -> Iterator[Spell]:
        for channel, spells in given.destinations.items():
            self._check_known(channel, self.loaded.config.channels, "channel", (*path, channel))
            for each in spells:
                since = self._resolved(each.since, begins) if each.since else None
                yield Spell(
                    channel, each.state, since, self._resolved(each.until, begins) if each.until else None
                )

    def _expectations(
        self, expect: Sequence[ExpectConfig] | None, begins: datetime, path: KeyPath
    ) -> tuple[Expected, ...] | None:
        if expect is None:
            return None
        return tuple(self._expected(each, begins, (*path, index)) for index, each in enumerate(expect))

    def _expected(self, expect: ExpectConfig, begins: datetime, path: KeyPath) -> Expected:
        self._check_names(expect, path)
        at = self._resolved(expect.at, begins) if expect.at else None
        if at is not None:
            self._check_time(at, begins, (*path, "at"))
        typed = self.material.as_typed(path)
        return Expected(
            line=self._line(path),
            channel=expect.channel,
            state=State(expect.state),
            typed=typed if isinstance(typed, dict) else {},
            at=at,
            to=expect.to,
            subject=expect.subject,
            texts=expect.text or (),
            structure=expect.structure,
            rule=expect.rule,
        )

    def _check_names(self, expect: ExpectConfig, path: KeyPath) -> None:
        rules = [rule.name for rule in self.loaded.rules]
        self._check_known(expect.channel, self.loaded.config.channels, "channel", (*path, "channel"))
        self._check_known(expect.rule, rules, "rule", (*path, "rule"))
        kind = self.loaded.config.channel_types().get(expect.channel)
        for key, name, kinds in _ONLY_OF:
            if kind is not None and kind not in kinds and getattr(expect, name) is not None:
                have = f"those of type {' and '.join(kinds)} have"
                self._problem((*path, key), f"a message of type {kind} has no `{key}:`; {have}")

    def _check_known(
        self, name: str | None, known: Mapping[str, object] | Iterable[str], what: str, path: KeyPath
    ) -> None:
        if name is not None and name not in known:
            hint = did_you_mean(name, known) or f"; there are {', '.join(known) or 'none'}"
            self._problem(path, f"there is no {what} '{name}'{hint}")
