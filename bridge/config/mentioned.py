"""Checks the paths that `if:`, texts and template files of a rule mention against what its events carry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as FilePath

from msgspec import Struct
from msgspec.structs import replace

from bridge.config.inventory import Carried, Uncatalogued
from bridge.core.paths import FactPath, parse_path
from bridge.core.problems import Path, Problem
from bridge.rendering.files import find
from bridge.rendering.mentions import mentions, names
from bridge.rendering.predicate import as_template

_KINDS = (".md", ".html", ".json")
_NOT_TEXTS = frozenset(
    {
        "else",
        "if",
        "once_per",
        "expires",
        "delay",
        "digest",
        "quiet_hours",
        "unless",
        "thread_by",
        "update_by",
        "counts",
        "template",
        "certificate",
    }
)

_SAYING = ("subject", "title", "text", "json", "form", "body")
_OF_ALL = frozenset({"items", "count"})
"""The names under which a template has all events that a message is about."""


class Said(Struct, frozen=True):
    """A template's text, where the configuration has it, and its file if it has one of its own."""

    source: str
    path: Path
    file: str | None = None


def mentioned(
    raw: Mapping[str, object],
    path: Path,
    templates: FilePath,
    carried: Carried | Uncatalogued,
    each: Mapping[str, Carried],
) -> Iterator[Problem]:
    """Yield a problem for each path in a rule's templates that its events do not have.

    `carried` is what they carry between them, `each` what every type of them carries for itself.
    """
    for said in _texts(raw, path, templates):
        for mention in mentions(said.source):
            parsed = parse_path(mention.path)
            problem = _problem(parsed, said.path, carried, each) if isinstance(parsed, FactPath) else None
            if problem is not None and not (mention.guarded and _is_forgiven(problem, carried)):
                yield replace(problem, file=said.file, line=mention.line)


def newest_alone(raw: Mapping[str, object], path: Path, templates: FilePath) -> Iterator[Problem]:
    """Yield a warning for each digest whose message tells of one event, as if there were no others."""
    for where, entry in _entries(raw.get("send"), (*path, "send")):
        digest = entry.get("digest")
        if isinstance(digest, Mapping):
            said = [*_leaves({key: entry.get(key) for key in _SAYING}, where)]
            said += _files(entry.get("template"), (*where, "template"), templates)
            told = next(_of_one_event([each.source for each in said], digest.get("by")), None)
            if told is not None:
                sentence = (
                    f"collects several events, and '{told}' in its message is of the newest alone; "
                    "tell of all of them with {% for item in items %}, or of their `count`"
                )
                yield Problem((*where, "digest"), sentence, warning=True)


def _of_one_event(sources: Sequence[str], by: object) -> Iterator[str]:
    """Yield what texts say of an event that another one in the same digest may have otherwise."""
    if any(not _OF_ALL.isdisjoint(names(source)) for source in sources):
        return
    shared = {str(each).partition(".")[0] for each in by} if isinstance(by, list) else set()
    for source in sources:
        for mention in mentions(source):
            if mention.path.partition(".")[0] not in shared:
                yield mention.path


def _is_forgiven(problem: Problem, carried: Carried | Uncatalogued) -> bool:
    """Return whether a problem is none in a template that provides for the value's absence."""
    return problem.warning or isinstance(carried, Uncatalogued)


def _problem(
    path: FactPath, where: Path, carried: Carried | Uncatalogued, each: Mapping[str, Carried]
) -> Problem | None:
    problem = carried.problem(path, where)
    if problem is not None:
        return problem
    without = lacking(path, each)
    if not without:
        return None
    advice = "write `| default(...)`, or ask `is defined` first"
    return Problem(where, f"events of {without} have no '{path.text}'; {advice}", warning=True)


def lacking(path: FactPath, each: Mapping[str, Carried]) -> str:
    """Return the types that do not have a path, as words; empty when all have it."""
    names = [name for name, carried in each.items() if carried.lacks(path)]
    return ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")


def _texts(raw: Mapping[str, object], path: Path, templates: FilePath) -> Iterator[Said]:
    yield from _conditions(raw, path)
    for where, entry in _entries(raw.get("send"), (*path, "send")):
        yield from _conditions(entry, where)
        yield from _leaves({key: value for key, value in entry.items() if key not in _NOT_TEXTS}, where)
        for key in ("template", "certificate"):
            yield from _files(entry.get(key), (*where, key), templates)


def _entries(sends: object, path: Path) -> Iterator[tuple[Path, Mapping[str, object]]]:
    """Yield the entries of a `send:` or an `else:` with their places; below each, those of its `else:`."""
    listed = enumerate(sends) if isinstance(sends, list) else ()
    for where, entry in (
        [(path, sends)] if isinstance(sends, Mapping) else [((*path, i), e) for i, e in listed]
    ):
        if isinstance(entry, Mapping):
            yield where, entry
            yield from _entries(entry.get("else"), (*where, "else"))


def _conditions(raw: Mapping[str, object], path: Path) -> Iterator[Said]:
    source = raw.get("if")
    if isinstance(source, str):
        yield Said(as_template(source), (*path, "if"))


def _leaves(value: object, path: Path) -> Iterator[Said]:
    match value:
        case str() if "{" in value:
            yield Said(value, path)
        case Mapping():
            for key, item in value.items():
                yield from _leaves(item, (*path, str(key)))
        case list():
            for place, item in enumerate(value):
                yield from _leaves(item, (*path, place))


def _files(name: object, path: Path, templates: FilePath) -> Iterator[Said]:
    found = find(templates, name, _KINDS) if isinstance(name, str) else None
    if isinstance(found, FilePath):
        try:
            yield Said(found.read_text("utf-8-sig"), path, found.as_posix())
        except (OSError, UnicodeDecodeError):
            return  # whoever compiles it says so
