"""Checks the plain data of a file against a model, and says where pydantic found fault with it."""

from __future__ import annotations

from typing import TypeVar

from msgspec import Struct
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.config.files import Material
from bridge.core.problems import Path

M = TypeVar("M", bound=BaseModel)


class Fault(Struct, frozen=True):
    """One of pydantic's errors at its place; `branch` when it is about one of several allowed shapes."""

    path: Path
    branch: bool
    error: ErrorDetails


def checked(material: Material, model: type[M]) -> M | ValidationError:
    """Return what the data makes, or all that is wrong with it."""
    while True:  # text in its right place can let pydantic see further
        try:
            return model.model_validate(material.data)
        except ValidationError as error:
            if not material.use_typed_text(_texts(error, material.data)):
                return error


def _texts(error: ValidationError, data: object) -> list[Path]:
    """Return the paths where text was expected and YAML saw something else."""
    return [fault.path for fault in faults_of(error, data) if fault.error["type"] == "string_type"]


def faults_of(error: ValidationError, data: object) -> list[Fault]:
    """Return what is wrong with the data, where it stands."""
    return [_fault(each, data) for each in error.errors(include_url=False)]


def _fault(error: ErrorDetails, data: object) -> Fault:
    path: list[str | int] = []
    branch = False
    for part in _without_tags(error["loc"], data):
        if _has(data, part):
            path.append(part)
            data = data[part]  # type: ignore[index]
        else:
            branch = part != "[key]"
    return Fault(tuple(path), branch and error["type"] != "missing", error)


def _without_tags(loc: tuple[int | str, ...], data: object) -> tuple[int | str, ...]:
    """Return where an error is without the names that tell the members of a union apart."""
    match loc:
        case ("sources" | "channels" as section, name, _, *rest):
            return (section, name, *rest)
        case ("rules", rule, "send", entry, _, *rest):
            return _within_entry(("rules", rule, "send", entry), tuple(rest), data)
        case ("owner", _, *rest):
            return _within_entry(("owner",), tuple(rest), data)
        case _:
            return loc


def _within_entry(entry: Path, rest: Path, data: object) -> Path:
    """Return the place of an error in an entry; one `else:` may stand without the brackets of a list."""
    match rest:
        case ("else", int() as place, *deeper):
            alone = _has(data, entry[0]) and not isinstance(value_at(data, (*entry, "else")), list)
            return (*entry, "else", *(() if alone else (place,)), *deeper[1:])
        case _:
            return (*entry, *rest)


def _has(data: object, part: int | str) -> bool:
    if isinstance(data, dict):
        return part in data
    return isinstance(data, list) and isinstance(part, int) and part < len(data)


def value_at(data: object, path: Path) -> object:
    """Return what stands at a path, which there is."""
    for part in path:
        data = data[part]  # type: ignore[index]
    return data
