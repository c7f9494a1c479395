"""The JSON Schema of files of stories, with which editors complete and check while a person types."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind

from bridge.cli.stories.model import StoriesConfig
from bridge.config.schema import DIALECT
from bridge.sources import registry

TITLE = "Stories of Course Bridge"


class _Generator(GenerateJsonSchema):
    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """Say nothing: what may be left out and has keys of its own has no default of its own."""


def stories_schema() -> dict[str, Any]:
    """Return the schema, in draft 2020-12; it accepts whatever `bridge test` may accept."""
    schema = StoriesConfig.model_json_schema(schema_generator=_Generator)
    definitions = schema["$defs"]
    samples: dict[str, object] = {"anyOf": [{"enum": list(registry.sample_names())}, {"type": "null"}]}
    definitions["EventConfig"]["properties"]["sample"] |= samples
    spells = definitions["GivenConfig"]["properties"]["destinations"]["additionalProperties"]
    one = dict(spells["items"])
    definitions["GivenConfig"]["properties"]["destinations"]["additionalProperties"] = {
        "anyOf": [one, spells]
    }
    _widen(schema)
    return {"$schema": DIALECT, **schema, "title": TITLE}


def _widen(schema: object) -> None:
    """Let free text be typed as a number: `text: 100`."""
    if isinstance(schema, list):
        for each in schema:
            _widen(each)
    if isinstance(schema, dict):
        if schema.get("type") == "string" and not {"enum", "const", "examples"} & schema.keys():
            schema["type"] = ["string", "number"]
        for each in schema.values():
            _widen(each)
