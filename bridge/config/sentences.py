"""Rewrites pydantic's errors for people: what is wrong, what was expected, which word was meant."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from msgspec.structs import replace
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.channels import registry as channels
from bridge.config.faults import Fault, faults_of, value_at
from bridge.config.files import Material
from bridge.config.model import TYPED, Config
from bridge.config.sends import INSTEAD, OWNER, SEND
from bridge.core.digests import WEEKDAYS
from bridge.core.problems import Path, Problem, describe, did_you_mean
from bridge.core.redact import HIDDEN

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "keys with values",
    "mapping_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
    "none_required": "nothing",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
}
_NOT_IN_ELSE = {
    "once_per": "what is sent instead has the `once_per` of what it stands in for; remove this one",
    "delay": "what is sent instead is sent at once; remove this one",
    "unless": "what is sent instead is sent at once; remove this one",
    "digest": "what is sent instead is sent at once, about the same events; remove this one",
    "limit": "what is sent instead counts as what it stands in for; remove this one",
    "else": "what is sent instead has no `else:` of its own; write a list under the first one",
}
_OF_THE_RULE = frozenset({"after", "mode", "on", "pause_above", "when"})
"""Words that people look for under an action."""
_OF_AN_ACTION = frozenset({"delay", "digest", "else", "expires", "quiet_hours", "unless"})
"""Words that people look for beside `send:`."""
_MISSING = re.compile("the key '([^']*)' is missing")
_MEANT = re.compile(r"unknown key .* did you mean '([^']*)'\?$")
_YES_NO = frozenset({"yes", "no", "on", "off", "y", "n", "True", "False"})


def problems_of(
    error: ValidationError,
    material: Material,
    secret: Callable[[Path], bool],
    model: type[BaseModel] = Config,
) -> list[Problem]:
    """Return the problems in words; a value from outside, or where `secret` says so, is `***`.

    `model` is what the file was checked against.
    """
    places: dict[Path, list[Fault]] = defaultdict(list)
    for fault in faults_of(error, material.data):
        places[fault.path].append(fault)
    problems: list[Problem] = []
    for path, faults in places.items():
        telling = [fault for fault in faults if not _idle(fault, places)]
        problems += _at(_Place(path, material, secret), telling, model)
    meant = {(each.path[:-1], found[1]) for each in problems if (found := _MEANT.search(each.sentence))}
    return [problem for problem in problems if (problem.path, _missing(problem)) not in meant]


def _missing(problem: Problem) -> str | None:
    """Return the key that is missing; it may be there under a name that another problem corrects."""
    found = _MISSING.match(problem.sentence)
    return found[1] if found else None


def _idle(fault: Fault, places: Mapping[Path, object]) -> bool:
    """Return whether an error only follows from errors further down."""
    below = any(len(path) > len(fault.path) and path[: len(fault.path)] == fault.path for path in places)
    return below and (fault.branch or fault.error["type"] == "too_short")


class _Place:
    """A path with what stands there, shown as far as it may be."""

    def __init__(self, path: Path, material: Material, secret: Callable[[Path], bool]) -> None:
        self.path = path
        self.value = value_at(material.data, path)
        self.is_hidden = material.is_outside(path) or secret(path)
        self.shown = HIDDEN if self.is_hidden and self.value is not None else describe(self.value)

    def hide(self, sentence: str) -> str:
        """Return a validator's sentence without the value, which it describes in full."""
        shows = self.is_hidden and isinstance(self.value, str | int | float)
        return sentence.replace(describe(self.value), HIDDEN) if shows else sentence


def _at(place: _Place, faults: list[Fault], model: type[BaseModel]) -> Iterator[Problem]:
    expected = list(dict.fromkeys(words for fault in faults if (words := _expected(fault.error))))
    if expected:
        sentence = f"expected {' or '.join(expected)}, not {place.shown}{_hint(expected, place)}"
        yield Problem(place.path, sentence)
    for fault in faults:
        if not _expected(fault.error):
            problem = _problem(place, fault.error, model)
            yield replace(problem, sentence=place.hide(problem.sentence))


def _expected(error: ErrorDetails) -> str | None:
    if error["type"] in ("literal_error", "enum"):
        return str(error["ctx"]["expected"]).replace("False", "false")
    return _EXPECTED.get(error["type"])


def _hint(expected: list[str], place: _Place) -> str:
    value = place.value
    if isinstance(value, dict) and "a list" in expected:
        return "; begin each entry with '-'"
    if not isinstance(value, str) or place.is_hidden:
        return ""
    if "true or false" in expected and value in _YES_NO:
        return "; write true or false, without quotes"
    if "a whole number" in expected and value.isdigit():
        return "; write it without quotes"
    if value.lower() in WEEKDAYS and any("'week'" in words for words in expected):
        return f"; write every: week, on: {value.lower()}"
    if expected == ["a list"] and value.isprintable():
        return f"; write [{value}]"
    return did_you_mean(value, [word for words in expected for word in words.split("'")[1::2]])


def _problem(place: _Place, error: ErrorDetails, model: type[BaseModel]) -> Problem:
    message, path, shown = error["msg"], place.path, place.shown
    match error["type"]:
        case "missing":
            return Problem(path, f"the key '{error['loc'][-1]}' is missing")
        case "extra_forbidden":
            return Problem(path, _unknown_key(error["loc"], model))
        case "union_tag_invalid":
            return Problem((*path, "type"), _unknown_type(error))
        case "union_tag_not_found":
            return _no_tag(path, place.value, shown)
        case "value_error":
            return Problem(path, message.removeprefix("Value error, "))
        case "too_short":
            return Problem(path, "expected at least one entry")
        case _ if message.startswith("Input should be "):
            return Problem(path, f"expected {message.removeprefix('Input should be ')}, not {shown}")
        case _:
            return Problem(path, message[:1].lower() + message[1:])


def _unknown_key(loc: tuple[int | str, ...], model: type[BaseModel]) -> str:
    key = str(loc[-1])
    if "else" in loc and key in _NOT_IN_ELSE:
        return _NOT_IN_ELSE[key]
    if key in _OF_THE_RULE and loc[2:3] == ("send",) and len(loc) == 6:
        return f"'{key}' is a word of the whole rule; write it there, beside `send:`"
    if key in _OF_AN_ACTION and loc[:1] == ("rules",) and len(loc) == 3:
        return f"'{key}' is a word of an action; write it under `send:`, in the entry that it is for"
    known = sorted(known_keys(loc[:-1], model))
    return f"unknown key '{key}'{did_you_mean(key, known) or '; known are ' + ', '.join(known)}"


def _unknown_type(error: ErrorDetails) -> str:
    known = error["ctx"]["expected_tags"].split("'")[1::2]
    tag = str(error["ctx"]["tag"])
    return f"unknown type '{tag}'{did_you_mean(tag, known) or '; known are ' + ', '.join(known)}"


def _no_tag(path: Path, value: object, shown: str) -> Problem:
    if path and path[0] in TYPED:
        if not isinstance(value, dict):
            return Problem(path, f"expected keys with values, one of them `type`, not {shown}")
        return Problem(path, f"the key 'type' is missing; it is one of {', '.join(TYPED[str(path[0])])}")
    kinds = list(channels.ACTIONS)
    example = "such as `email: learners`" if "send" not in path[-2:] else "such as `- email: learners`"
    if not isinstance(value, dict):
        return Problem(path, f"expected a channel's type and name, {example}, not {shown}")
    named = [kind for kind in kinds if kind in value]
    if named:
        return Problem(
            path, f"{' and '.join(named)} stand in one entry; write one entry for each, with its own '-'"
        )
    for key in value:
        if near := did_you_mean(key, kinds):
            return Problem((*path, key), f"unknown key '{key}'{near}")
    return Problem(
        path, f"no channel is named; expected one of {', '.join(kinds)} with a channel's name, {example}"
    )


def known_keys(loc: tuple[int | str, ...], model: type[BaseModel] = Config) -> set[str]:
    """Return the keys that may stand where pydantic's `loc` points."""
    models: list[type[BaseModel]] = [model]
    match loc:
        case ("sources" | "channels" as section, _, kind, *rest):
            models = [TYPED[str(section)][str(kind)]]
        case ("rules", _, "send", _, _, "else", _, kind, *rest) | ("owner", _, "else", _, kind, *rest):
            models = [INSTEAD[str(kind)]]
        case ("rules", _, "send", _, kind, *rest):
            models = [SEND[str(kind)]]
        case ("owner", kind, *rest):
            models = [OWNER[str(kind)]]
        case _:
            rest = list(loc)
    for part in rest:
        below = [found for each in models for found in _models(_keys(each).get(str(part)))]
        models = below or models
    return {key for each in models for key in _keys(each)}


def _keys(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
