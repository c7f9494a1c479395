"""The JSON Schema of `config.yaml`, with which editors complete and check while a person types.

It accepts whatever the loader may accept: a number may be `${PORT}`, and text may be typed as `1.10`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind

from bridge.config.grammar import conditions, plain_paths
from bridge.config.model import Config
from bridge.core import trouble
from bridge.core.threads import DATE
from bridge.sources import registry as sources

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TITLE = "config.yaml of Course Bridge"

Schema = dict[str, Any]
_REFERENCE: Schema = {"type": "string", "pattern": r"\$\{"}
_NAME: Schema = {"$ref": "#/$defs/EventName"}
_PATH: Schema = {"$ref": "#/$defs/FactPath"}
_KEY: Schema = {"anyOf": [{"const": DATE, "description": "The day of the event."}, _PATH]}
_ABOUT = frozenset({"title", "description", "default"})
_NARROW = frozenset({"const", "examples", "format", "maxLength", "pattern"})
_NAMED = ("properties", "patternProperties", "$defs")
_BELOW = ("items", "additionalProperties", "anyOf", "oneOf", "allOf")


class _Generator(GenerateJsonSchema):
    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """Say nothing: a section that may be left out has no default of its own; its keys have."""


def json_schema() -> Schema:
    """Return the schema, in draft 2020-12."""
    schema = Config.model_json_schema(schema_generator=_Generator)
    definitions: dict[str, Schema] = schema["$defs"]
    for each in list(_schemas(schema)):
        _widen(each)
    definitions |= {**conditions(), "EventName": _event_name(), "FactPath": _fact_path()}
    _refine(definitions)
    return {"$schema": DIALECT, **schema, "title": TITLE}


def _refine(definitions: dict[str, Schema]) -> None:
    """Put in what the models leave to the compiler: conditions, and the names that rules may use."""
    for name in ("RuleConfig", "UnlessOptions"):
        asked = definitions[name]["properties"]
        asked["on"] |= {"anyOf": [_NAME, {"type": "array", "minItems": 1, "items": _NAME}]}
        asked["when"] |= {"anyOf": [{"$ref": "#/$defs/Conditions"}, {"type": "null"}]}
    definitions["UnlessOptions"]["properties"]["same"]["items"] = _PATH
    for name in ("LimitOptions", "AfterOptions"):
        definitions[name]["properties"]["by"]["items"] = _PATH
    definitions["AfterOptions"]["properties"]["distinct"] |= {"anyOf": [_PATH, {"type": "null"}]}
    for properties in [definition.get("properties", {}) for definition in definitions.values()]:
        for word in ("thread_by", "update_by"):
            if word in properties and "update_by" in properties:
                listed = {"type": "array", "minItems": 1, "maxItems": 10, "items": _KEY}
                properties[word] |= {"anyOf": [listed, {"type": "null"}]}
            elif word in properties:
                properties[word]["items"] = _KEY
        if "once_per" in properties:
            listed = {"type": "array", **properties["once_per"]["anyOf"][0], "items": _PATH}
            properties["once_per"] |= {"anyOf": [listed, {"type": "null"}]}


def _event_name() -> Schema:
    known = sources.known_events()
    kinds = sorted({*known.values(), *sources.known_kinds(), trouble.STARTED, trouble.ENDED})
    names = kinds + sorted({*known, *sources.own_events()})
    return {
        "title": "Event name",
        "description": "A neutral kind, a platform's own type, or a glob of either such as nutror.*",
        "anyOf": [{"enum": names}, {"type": "string"}],
    }


def _fact_path() -> Schema:
    return {
        "title": "Path",
        "description": "Where a value stands in an event: learner.email, data.course.hash",
        "anyOf": [{"enum": plain_paths()}, {"type": "string"}],
    }


def _schemas(schema: object) -> Iterator[Schema]:
    """Yield every schema inside a schema, and itself."""
    if isinstance(schema, list):
        for each in schema:
            yield from _schemas(each)
    if not isinstance(schema, dict):
        return
    yield schema
    for keyword in _NAMED:
        yield from _schemas(list(schema.get(keyword, {}).values()))
    for keyword in _BELOW:
        yield from _schemas(schema.get(keyword))


def _widen(schema: Schema) -> None:
    """Let a reference stand for a value with a type, and a number for free text."""
    schema.pop("discriminator", None)  # OpenAPI's word
    _count_items(schema)
    kind = schema.get("type")
    if kind in ("integer", "number", "boolean") or "enum" in schema:
        schema["anyOf"] = [{word: schema.pop(word) for word in sorted(schema.keys() - _ABOUT)}, _REFERENCE]
    elif kind == "string" and not _NARROW & schema.keys():
        schema["type"] = ["string", "number"]


def _count_items(schema: Schema) -> None:
    """Put a limit on "one or a list" where it belongs: pydantic writes it as if it were about letters."""
    for shape in schema.get("anyOf", ()):
        if shape.get("type") == "array":
            limits = {"minLength": "minItems", "maxLength": "maxItems"}
            shape |= {limits[word]: schema.pop(word) for word in sorted(limits.keys() & schema.keys())}
