"""The requests of a story: samples and files as the bytes and headers that their platforms would send."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bridge.bootstrap import build_sources
from bridge.cli.body import Added, Change, added, apply, read_body, steps_of, write_body
from bridge.cli.event import MAX_BYTES
from bridge.cli.exits import Failure
from bridge.cli.fresh import fresh
from bridge.cli.stories.model import EventConfig
from bridge.cli.stories.plot import Arriving
from bridge.config.load import Loaded
from bridge.core.problems import Path as KeyPath
from bridge.core.problems import Problem, did_you_mean, dotted
from bridge.sources import registry
from bridge.sources.base import Malformed, Request, Source, Unsupported


@dataclass(slots=True)
class Requests:
    """Makes the requests of one story; files are beside `folder`, `problems` grows on the way."""

    folder: Path
    loaded: Loaded
    problems: list[Problem]
    _sources: Mapping[str, Source] = field(init=False)
    _count: int = 0

    def __post_init__(self) -> None:
        built = build_sources(self.loaded.config)
        self._sources = {name: built[name] for name in self.loaded.config.sources}

    def of(self, event: EventConfig, at: datetime, path: KeyPath) -> Iterator[Arriving]:
        """Yield the requests of an event that comes then; none if something is wrong with it."""
        body = self._body(event, path)
        source = self._source(event, body, path) if body is not None else None
        if body is None or source is None:
            return
        try:
            changes = self._possible(event, self._changes(event, path), body, path)
            for _ in range(event.repeat):
                made = self._made(event, changes, body, source, at)
                yield Arriving(at, source.name, source.outgoing_headers(made), made)
        except Failure as failure:
            self._problem((*path, "set"), failure.lines[0])

    def _problem(self, path: KeyPath, sentence: str, *, warning: bool = False) -> None:
        self.problems.append(Problem(path, sentence, warning=warning))

    def _changes(self, event: EventConfig, path: KeyPath) -> dict[str, Change]:
        """Return the changes by their keys; a key that is no path is a problem."""
        steps = {key: steps_of(key) for key in event.changes}
        for key in (key for key, found in steps.items() if not found):
            self._problem((*path, "set", key), "expected a path of the body, such as data.learner.name")
        return {key: Change(steps[key], value) for key, value in event.changes.items() if steps[key]}

    def _possible(
        self, event: EventConfig, changes: Mapping[str, Change], body: bytes, path: KeyPath
    ) -> list[Change]:
        """Return the changes that the body can take; what adds a field may be a slip, and is told."""
        parsed = read_body(body, event.sample or event.file or "") if changes else {}
        possible: list[Change] = []
        for key, change in changes.items():
            self._tell_added(added(parsed, change), change, (*path, "set", key))
            try:
                apply(parsed, change)
            except Failure as failure:
                self._problem((*path, "set", key), failure.lines[0])
            else:
                possible.append(change)
        return possible

    def _tell_added(self, new: Added | None, change: Change, path: KeyPath) -> None:
        """Tell of a field that neither the body nor any sample has: a slip is a problem, else a warning."""
        if new is None or isinstance(change.steps[-1], int) or _in_a_sample(change):
            return
        end = " if the platform does send it, use a `file:` that has it" if new.slip else " it is added"
        sentence = f"the event has no {new.path}{new.hint or ';'}{end}"
        self._problem(path, sentence, warning=not new.slip)

    def _made(
        self, event: EventConfig, changes: Sequence[Change], body: bytes, source: Source, at: datetime
    ) -> bytes:
        if not event.fresh and not changes:
            return body
        parsed = read_body(body, event.sample or event.file or "")
        if event.fresh:
            self._count += 1
            options = self.loaded.config.sources[source.name]
            for change in list(fresh(options, parsed, at, f"story-event-{self._count}")):
                apply(parsed, change)
        for change in changes:
            apply(parsed, change)
        return write_body(parsed)

    def _body(self, event: EventConfig, path: KeyPath) -> bytes | None:
        if event.sample is not None:
            body = registry.sample(event.sample)
            if body is None:
                hint = did_you_mean(event.sample, registry.sample_names()) or "; `bridge samples` lists them"
                self._problem((*path, "sample"), f"there is no sample '{event.sample}'{hint}")
            return body
        return self._file(str(event.file), (*path, "file"))

    def _file(self, name: str, path: KeyPath) -> bytes | None:
        try:
            body = (self.folder / name).read_bytes()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            self._problem(path, f"the file {name} cannot be read from {self.folder}: {why}")
            return None
        if len(body) > MAX_BYTES:
            self._problem(path, f"the file {name} has more than {MAX_BYTES} bytes; no source takes that much")
            return None
        return body

    def _source(self, event: EventConfig, body: bytes, path: KeyPath) -> Source | None:
        """Return the source that is named, or the only one that can read the body."""
        if event.source is not None:
            if event.source not in self._sources:
                hint = did_you_mean(event.source, self._sources) or f"; there are {', '.join(self._sources)}"
                self._problem((*path, "source"), f"there is no source '{event.source}'{hint}")
            return self._sources.get(event.source)
        able = [
            each for each in self._sources.values() if len(self._sources) == 1 or _reads(each, body, event)
        ]
        if len(able) == 1:
            return able[0]
        which = "several sources can read it" if able else "no source can read it"
        self._problem(path, f"{which}; say which gets it: `source:` with one of {', '.join(self._sources)}")
        return None


def _reads(source: Source, body: bytes, event: EventConfig) -> bool:
    """Return whether a source can read a body; of a sample, as the event that it is a sample of."""
    parsed = source.parse(Request(source.outgoing_headers(body), body, datetime(2026, 1, 1, tzinfo=UTC)))
    if isinstance(parsed, Malformed | Unsupported):
        return False
    return event.sample is None or any(each.type == event.sample for each in parsed)


def _in_a_sample(change: Change) -> bool:
    """Return whether any sample shows such a field: not every one has all that its platform sends."""
    path = dotted(tuple("[]" if isinstance(step, int) else step for step in change.steps)).replace(
        ".[]", "[]"
    )
    return any(path in registry.fields(name) for name in registry.sample_names())
