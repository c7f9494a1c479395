"""Tables of the keys of `config.yaml` in Markdown, made from the JSON Schema, for the reference in the docs.

A page holds `<!-- keys: NAME -->` and `<!-- end -->` around each table; `refresh` writes what stands between.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from bridge.channels import registry as channels
from bridge.channels.options import ChannelOptions
from bridge.config.grammar import OPERATORS
from bridge.config.schema import json_schema
from bridge.config.sends import SEND, SendConfig

Schema = dict[str, Any]
_BLOCK = re.compile(r"(<!-- keys: (?P<name>[\w .]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
    "null": "",
}


def refresh(page: str) -> str:
    """Return the page with every table as the models have it today; raises KeyError for an unknown name."""
    tables = _tables()
    return _BLOCK.sub(lambda found: f"{found[1]}{tables[found['name']]}{found[3]}", page)


def table_names() -> set[str]:
    """Return the names of all tables; a complete reference has each of them."""
    return set(_tables())


def _tables() -> Mapping[str, str]:
    schema = json_schema()
    definitions: dict[str, Schema] = schema["$defs"]
    named = {
        "config": schema,
        "course": definitions["CourseConfig"],
        "rule": definitions["RuleConfig"],
    }
    for kind, options in channels.OPTIONS.items():
        named["channel any"], named[f"channel {kind}"] = _apart(definitions[options.__name__], ChannelOptions)
    for kind, model in SEND.items():
        named["send any"], named[f"send {kind}"] = _apart(definitions[model.__name__], SendConfig)
    tables = {name: _table(each, definitions) for name, each in named.items()}
    return {**tables, "operators": _operators()}


def _apart(schema: Schema, base: type[BaseModel]) -> tuple[Schema, Schema]:
    """Return what all of a kind have, and what this one has of its own."""
    common = {field.alias or name for name, field in base.model_fields.items()}
    properties = schema["properties"].items()
    return (
        {**schema, "properties": {key: each for key, each in properties if key in common}},
        {**schema, "properties": {key: each for key, each in properties if key not in common}},
    )


def table(schema: Schema, definitions: Mapping[str, Schema]) -> str:
    """Return the table of a schema's keys; `definitions` are what it refers to."""
    return _table(schema, definitions)


def _table(schema: Schema, definitions: Mapping[str, Schema], prefix: str = "") -> str:
    head = "" if prefix else "| key | value | default | meaning |\n| --- | --- | --- | --- |\n"
    required = schema.get("required", ())
    rows = sorted(schema["properties"].items(), key=lambda row: (row[0] not in SEND, row[0] not in required))
    return head + "".join(_row(prefix + key, each, definitions, needed=key in required) for key, each in rows)


def _row(key: str, schema: Schema, definitions: Mapping[str, Schema], *, needed: bool) -> str:
    below = definitions.get(_reference(schema).removeprefix("#/$defs/"), {})
    nested = "properties" in below
    default = "required" if needed else "" if nested else _default(schema.get("default"))
    meaning = schema.get("description") or below.get("description", "")
    row = f"| `{key}` | {_value(schema, definitions)} | {default} | {_cell(meaning)} |\n"
    return row + (_table(below, definitions, f"{key}.") if nested else "")


def _reference(schema: Schema) -> str:
    """Return the definition of a mapping of options, if the value is one or may be one."""
    options = (each["$ref"] for each in schema.get("anyOf", ()) if each.get("$ref", "").endswith("Options"))
    return str(schema.get("$ref") or next(options, ""))


def _value(schema: Schema, definitions: Mapping[str, Schema]) -> str:
    if "$ref" in schema:
        below = definitions[schema["$ref"].removeprefix("#/$defs/")]
        return "mapping" if "properties" in below else str(below["title"]).lower()
    if "const" in schema:
        value = schema["const"]
        return f"`{value if isinstance(value, str) else json.dumps(value)}`"
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            shapes = [_value(each, definitions) for each in schema[keyword] if each.get("pattern") != r"\$\{"]
            return " or ".join(dict.fromkeys(shape for shape in shapes if shape))
    kind = schema.get("type", "anything")
    if kind == "array":
        item = _value(schema.get("items", {}), definitions)
        return f"list of {item}{'s' if item[-1:].isalpha() else ''}"
    if schema.get("format") == "password":
        return "secret text"
    name = str(kind[0] if isinstance(kind, list) else kind)
    return _TYPES.get(name, name)


def _default(value: object) -> str:
    if value is None or value in ("", [], {}):
        return ""
    return f"`{_cell(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))}`"


def _operators() -> str:
    rows = "".join(f"| `{name}` | {_cell(each['description'])} |\n" for name, each in OPERATORS.items())
    return f"| operator | holds when |\n| --- | --- |\n{rows}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
