"""The course catalogue from the configuration, and what is wrong with it between its parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bridge.config.files import Material
from bridge.config.model import Config
from bridge.core.catalogue import Catalogue, Course
from bridge.core.problems import Path, Problem
from bridge.sources import registry as sources


def catalogue_of(config: Config) -> Catalogue:
    """Return the courses by their ids, and who says by itself that a course is done."""
    courses = {
        each.id: Course(name, each.id, each.title, each.modules, each.timezone)
        for name, each in config.courses.items()
    }
    return Catalogue(courses, sources.tellers())


def courses_apart(material: Material) -> Iterator[Problem]:
    """Yield a problem for each course and each module of a course that is listed twice, with both places."""
    courses = material.data.get("courses")
    seen: dict[object, Path] = {}
    for name, course in courses.items() if isinstance(courses, Mapping) else ():
        if isinstance(course, Mapping):
            path: Path = ("courses", str(name))
            yield from _twice(material, seen, course.get("id"), (*path, "id"), "course")
            modules = course.get("modules")
            listed: dict[object, Path] = {}
            for place, module in enumerate(modules if isinstance(modules, list) else ()):
                yield from _twice(material, listed, module, (*path, "modules", place), "module")


def _twice(
    material: Material, seen: dict[object, Path], found: object, path: Path, what: str
) -> Iterator[Problem]:
    if not isinstance(found, str):
        return
    first = seen.setdefault(found, path)
    if first != path:
        place = material.locate(Problem(first, ""))
        at = f"{place.file}:{place.line}:{place.column}"
        yield Problem(path, f"the {what} '{found}' stands at {at} already; each is listed once")
