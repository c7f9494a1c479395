"""The grammar of `when:` as JSON Schema: paths, tests and operators with a sentence on each."""

from __future__ import annotations

from typing import Any

from bridge.core.events import VOCABULARY

Schema = dict[str, Any]

_SCALAR: Schema = {"type": ["string", "number", "boolean", "null"]}
_TEXT: Schema = {"type": ["string", "number"]}
_TEXTS: Schema = {"anyOf": [_TEXT, {"type": "array", "minItems": 1, "items": _TEXT}]}
_TEST: Schema = {"$ref": "#/$defs/Test"}
_TESTS: Schema = {"type": "array", "minItems": 1, "items": _TEST}
_FOLDED = ("prefix", "suffix", "contains", "glob")

OPERATORS: dict[str, Schema] = {
    "prefix": {**_TEXTS, "description": "The text begins like this."},
    "suffix": {**_TEXTS, "description": "The text ends like this."},
    "contains": {**_TEXTS, "description": "The text holds this somewhere."},
    "glob": {**_TEXTS, "description": "The whole text fits a pattern with * and ?."},
    "regex": {**_TEXTS, "description": "RE2 finds this regular expression somewhere in the text."},
    "ignore_case": {
        "description": "Compares without case and accents: a text, or {prefix: python}.",
        "anyOf": [
            *_TEXTS["anyOf"],
            {
                "type": "object",
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
                "properties": dict.fromkeys(_FOLDED, _TEXTS),
            },
        ],
    },
    "lt": {**_TEXT, "description": "Less than this number, or before this date."},
    "lte": {**_TEXT, "description": "At most this number, or this date and before."},
    "gt": {**_TEXT, "description": "More than this number, or after this date."},
    "gte": {**_TEXT, "description": "At least this number, or this date and after."},
    "between": {
        "type": "array",
        "items": _TEXT,
        "minItems": 2,
        "maxItems": 2,
        "description": "From the first to the second, both included.",
    },
    "null": {"type": "boolean", "description": "The value is null, or is not."},
    "exists": {"type": "boolean", "description": "The event has this path, or has it not."},
    "not": {**_TEST, "description": "The path is there and the test fails."},
    "any": {**_TESTS, "description": "At least one of these tests holds."},
    "all": {**_TESTS, "description": "Every one of these tests holds."},
}


def conditions() -> dict[str, Schema]:
    """Return the definitions `Conditions` and `Test`."""
    combined = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Conditions"}}
    return {
        "Conditions": {
            "title": "Conditions",
            "description": "Paths with what they must be; every line must hold.",
            "type": "object",
            "propertyNames": {"pattern": rf"^(any|all|({'|'.join(VOCABULARY)})([.\[].+)?)$"},
            "properties": {
                **{path: {**_TEST, "description": f"What {path} must be."} for path in plain_paths()},
                "any": {**combined, "description": "At least one of these sets of conditions holds."},
                "all": {**combined, "description": "Every one of these sets of conditions holds."},
            },
            "additionalProperties": _TEST,
        },
        "Test": {
            "title": "Test",
            "description": "A value, a list of which any will do, or operators that must all hold.",
            "anyOf": [
                _SCALAR,
                {"type": "array", "minItems": 1, "items": _SCALAR},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "minProperties": 1,
                    "properties": OPERATORS,
                },
            ],
        },
    }


def plain_paths() -> list[str]:
    """Return the paths every event may have, whatever its platform."""
    plain = [name for name, members in VOCABULARY.items() if members == ()]
    return plain + [f"{name}.{member}" for name, members in VOCABULARY.items() for member in members or ()]
