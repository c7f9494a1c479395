"""Words over time in any combination, against a model of a page: the same messages at the same times.

Also when the rule gets another name in the middle, and says by `was:` what it was called before.

The same runs each time, unless `BRIDGE_FAULT_RUNS` asks for so many new ones.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.pipeline.node import Point
from tests.faults.giving import give
from tests.faults.plays import SAYS, sends
from tests.faults.words import DAY, HOUR, Comes, Play, Stage
from tests.faults.world import Trouble
from tests.support.clock import START

MINUTE = timedelta(minutes=1)
AND = " and "
SAYS_ALL = 'json: { text: "{% for each in items %}{{ each.learner.name }} {{ each.module.title }}' + (
    "{{ '" + AND + "' if not loop.last else '' }}{% endfor %}\" }"
)
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
LONGER = "BRIDGE_FAULT_RUNS" in os.environ


@dataclass(frozen=True)
class Words:
    """What stands under the action, and how often it must have happened before."""

    times: int | None = None
    different: bool = False
    within: timedelta | None = None
    once: tuple[str, ...] = ()
    most: int | None = None
    per: timedelta = DAY
    delay: timedelta = timedelta()
    unless: bool = False
    quiet: bool = False
    digest: bool = False
    by: bool = False
    expires: timedelta | None = None

    def yaml(self) -> Iterator[str]:
        """Yield the lines of the action."""
        if self.once:
            yield f"once_per: [{', '.join(self.once)}]"
        if self.most is not None:
            yield f"limit: {{ max: {self.most}, per: {_hours(self.per)}, by: [learner.email] }}"
        if self.delay:
            yield f"delay: {_hours(self.delay)}"
        if self.unless:
            yield "unless: { on: lesson.started, same: [learner.email] }"
        if self.digest:
            yield f'digest: {{ at: "18:00"{", by: [learner.email]" if self.by else ""} }}'
        if self.quiet:
            yield 'quiet_hours: "21:00-08:00"'
        if self.expires:
            yield f"expires: {_hours(self.expires)}"

    def rules(self) -> str:
        """Return the rule."""
        made = sends(*self.yaml())
        if self.times is None:
            return made
        distinct = ", distinct: module.id" if self.different else ""
        within = f", within: {_hours(self.within)}" if self.within else ""
        after = f"after: {{ count: {self.times}, by: [learner.email]{distinct}{within} }}"
        return made.replace("    send:", f"    {after}\n    send:")


def _hours(span: timedelta) -> str:
    return f"{span // HOUR}h"


@dataclass
class Told:
    """What is said of an event in the model, by when that happened and when it is due.

    `joint` says that it is said together with others at that time.
    """

    comes: Comes
    happened: timedelta
    due: timedelta
    joint: bool = False
    state: str = "waits"

    @property
    def text(self) -> str:
        """What it says."""
        return f"{self.comes.learner.title()} Module {self.comes.module}"


class Model:
    """What the words say, without a store, without lanes, without anything that can fail."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.told: list[Told] = []
        self.started: dict[str, timedelta] = {}
        """When each learner last started a lesson, by when it happened."""
        self.counted: list[Comes] = []

    def given(self, play: Play) -> list[tuple[timedelta, str]]:
        """Return what arrives and when."""
        for comes in play.comes:
            self._pass(comes.after)
            if comes.type == "nutror.lesson_started":
                self._start(comes)
            else:
                self._complete(comes)
        self._pass(play.until)
        return sorted(self._messages([each for each in self.told if each.state == "sent"]))

    def _messages(self, sent: list[Told]) -> Iterator[tuple[timedelta, str]]:
        """Yield what goes out alone, and together for each learner, or with a digest over all of them."""
        together: dict[tuple[timedelta, str], list[Told]] = {}
        for place, each in enumerate(sent):
            whose = "" if self.words.digest and not self.words.by else each.comes.learner
            together.setdefault((each.due, whose if each.joint else str(place)), []).append(each)
        for (due, _), some in together.items():
            yield due, AND.join(each.text for each in sorted(some, key=lambda told: told.happened))

    def _pass(self, now: timedelta) -> None:
        for each in self.told:
            if each.state == "waits" and each.due <= now:
                over = self.words.expires is not None and each.due >= each.happened + self.words.expires
                each.state = "expired" if over else "sent"

    def _start(self, comes: Comes) -> None:
        happened = comes.after - comes.late
        self.started[comes.learner] = max(happened, self.started.get(comes.learner, happened))
        for each in self.told:
            ours = each.comes.learner == comes.learner and each.happened < happened
            if self.words.unless and each.state == "waits" and ours:
                each.state = "withdrawn"

    def _complete(self, comes: Comes) -> None:
        words, happened = self.words, comes.after - comes.late
        if words.times is not None and not self._fires(comes, words.times):
            return
        due = max(comes.after, happened + words.delay)
        due = _evening(due) if words.digest else due
        asked, due = due, _morning(due) if words.quiet else due
        if words.expires is not None and due > comes.after and due >= happened + words.expires:
            return
        if words.unless and self.started.get(comes.learner, happened) > happened:
            return
        if words.most is not None and self._counted(comes, due - words.per) >= words.most:
            return
        if words.once and any(self._key(each.comes) == self._key(comes) for each in self._standing()):
            return
        self.told.append(Told(comes, happened, due, joint=words.digest or due > asked))
        self._pass(comes.after)

    def _fires(self, comes: Comes, times: int) -> bool:
        """Return whether with this event there are so many for a stretch of time that touches none before."""
        before = [each for each in self.counted if each.learner == comes.learner]
        self.counted.append(comes)
        now, within = [*before, comes], self.words.within
        if within is None:
            return self._number(before) < times <= self._number(now)
        happened = [each.after - each.late for each in now]
        stretch: list[timedelta] = []
        for moment in sorted({*happened, *(at + within for at in happened)}):
            if self._number(now, moment) >= times:
                stretch.append(moment)  # between two of these moments nothing changes
            elif self._is_new(before, stretch, times):
                return True
            else:
                stretch.clear()
        return False  # at the last moment nothing counts

    def _is_new(self, before: list[Comes], stretch: list[timedelta], times: int) -> bool:
        return bool(stretch) and all(self._number(before, moment) < times for moment in stretch)

    def _number(self, events: list[Comes], at: timedelta | None = None) -> int:
        """Return how many count, at a time or at all."""
        within = self.words.within or timedelta()
        there = [each for each in events if at is None or at - within < each.after - each.late <= at]
        return len({each.module for each in there} if self.words.different else there)

    def _standing(self) -> list[Told]:
        return [each for each in self.told if each.state in ("waits", "sent")]

    def _counted(self, comes: Comes, since: timedelta) -> int:
        return sum(each.comes.learner == comes.learner and each.due > since for each in self._standing())

    def _key(self, comes: Comes) -> tuple[str, ...]:
        values = {"learner.email": comes.learner, "module.id": comes.module}
        return tuple(values[path] for path in self.words.once)


def _morning(due: timedelta) -> timedelta:
    """Return the end of the quiet hours that a time since noon falls into, or the time itself."""
    day, hour = divmod(due + 12 * HOUR, DAY)
    if hour >= 21 * HOUR:
        day += 1
    elif hour >= 8 * HOUR:
        return due
    return day * DAY + 8 * HOUR - 12 * HOUR


def _evening(asked: timedelta) -> timedelta:
    """Return the first six o'clock in the evening after a time since noon."""
    return ((asked - 6 * HOUR) // DAY + 1) * DAY + 6 * HOUR


def _makes_sense(each: Words) -> bool:
    """What `bridge check` refuses is no combination."""
    if each.times == 1 and each.within is None:
        return False
    if (each.unless and not each.delay and not each.digest) or (each.delay and each.digest):
        return False
    return each.expires is None or each.expires > each.delay


spans = st.integers(1, 60).map(lambda hours: hours * HOUR)
words = st.builds(
    Words,
    times=st.none() | st.integers(1, 3),
    different=st.booleans(),
    within=st.none() | spans,
    once=st.sampled_from([(), ("learner.email",), ("learner.email", "module.id")]),
    most=st.none() | st.integers(1, 2),
    per=spans,
    delay=st.just(timedelta()) | st.just(timedelta()) | spans,
    unless=st.booleans(),
    quiet=st.booleans(),
    digest=st.booleans(),
    by=st.booleans(),
    expires=st.none() | spans,
).filter(_makes_sense)


@st.composite
def coming(draw: st.DrawFn) -> tuple[Comes, ...]:
    """Events in the order in which they come, no two at the same minute of any hour."""
    hours = sorted(draw(st.lists(st.integers(0, 72), min_size=1, max_size=8)))
    return tuple(
        Comes(
            hour * HOUR + number * MINUTE,
            module=draw(st.sampled_from("123")),
            learner=draw(st.sampled_from(["maria", "joana"])),
            type=draw(st.sampled_from(["nutror.module_completed"] * 3 + ["nutror.lesson_started"])),
            late=draw(st.sampled_from([0, 0, 0, 1, 20])) * HOUR,
        )
        for number, hour in enumerate(hours, 1)
    )


troubles = st.none() | st.builds(
    Trouble, point=st.sampled_from(list(Point)), countdown=st.integers(1, 6), ends=st.just(value=True)
)


@settings(
    max_examples=int(os.environ.get("BRIDGE_FAULT_RUNS", "60")),
    derandomize=not LONGER,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(words=words, comes=coming(), trouble=troubles, renamed=st.none() | spans, at_once=st.booleans())
def test_words_mean_together_what_they_mean_alone(
    words: Words,
    comes: tuple[Comes, ...],
    trouble: Trouble | None,
    renamed: timedelta | None,
    *,
    at_once: bool,
) -> None:
    """Whatever words stand together, whatever comes, wherever the process ends once, whatever the name."""
    play = Play("any", words.rules().replace(SAYS, SAYS_ALL), comes, (), until=10 * DAY)
    expected = Model(words).given(play)
    came = asyncio.run(_played(play, trouble, renamed, at_once=at_once))
    assert sorted(came) == expected


async def _played(
    play: Play, trouble: Trouble | None, renamed: timedelta | None, *, at_once: bool
) -> list[tuple[timedelta, str]]:
    """Return what arrived and when, each message once: a crash may repeat it under its id."""
    other = replace(play, rules=play.rules.replace("- name: told", "- name: new\n    was: told"))
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        folder = Path(name)
        stage = await Stage.opened(f"sqlite:///{folder / 'bridge.db'}", play.load(folder), at_once=at_once)
        try:
            stage.trouble = trouble or Trouble()

            async def rename(stage: Stage) -> None:
                is_old = stage.loaded is not None and stage.loaded.rules[0].name == "told"
                if renamed is not None and is_old and stage.clock.now() >= START + renamed:
                    stage.loaded = other.load(folder)
                    await stage.restart(stage.rules, kill=False)

            await give(play, [stage], between=rename)
        finally:
            await stage.close()
    first = {came.id: came for came in reversed(stage.came)}.values()
    return [(came.at - START, came.text) for came in first]
