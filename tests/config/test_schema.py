"""The JSON Schema for editors, and the page that is made from it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.config.grammar import OPERATORS
from bridge.config.schema import DIALECT, json_schema
from bridge.config.yaml_nodes import ScalarNode, resolve, to_data
from bridge.config.yaml_source import parse
from bridge.core import operators
from bridge.core.conditions import compile_when
from tests.config.expected import is_as_expected
from tests.config.reference import refresh, table_names

ROOT = Path(__file__).parents[2]
SCHEMA = json_schema()
PAGE = ROOT / "docs/reference/configuration.md"


def read(text: str) -> Any:
    file, problems = parse(text.encode(), "c.yaml")
    assert problems == []
    assert file is not None
    return to_data(file.root, scalar)


def scalar(node: ScalarNode) -> object:
    return resolve(node.text) if node.plain else node.text


def faults(value: object, schema: Any, path: str = "") -> Iterator[str]:
    """Yield where a value breaks a schema; knows the words that our schema uses, and stops at others."""
    if schema is True or schema == {}:
        return
    for word, rule in schema.items():
        yield from CHECKS[word](value, rule, path, schema)


def kind(value: object) -> set[str]:
    match value:
        case None:
            return {"null"}
        case bool():
            return {"boolean"}
        case int():
            return {"integer", "number"}
        case float():
            return {"number"}
        case str():
            return {"string"}
        case list():
            return {"array"}
        case _:
            return {"object"}


def of_type(value: object, rule: Any, path: str, _schema: Any) -> Iterator[str]:
    if not kind(value) & set([rule] if isinstance(rule, str) else rule):
        yield f"{path}: {value!r} is no {rule}"


def properties(value: object, rule: Any, path: str, _schema: Any) -> Iterator[str]:
    for key, below in rule.items():
        if isinstance(value, dict) and key in value:
            yield from faults(value[key], below, f"{path}.{key}")


def additional(value: object, rule: Any, path: str, schema: Any) -> Iterator[str]:
    patterns = schema.get("patternProperties", {})
    for key, item in value.items() if isinstance(value, dict) else ():
        if key in schema.get("properties", {}) or any(re.search(pattern, key) for pattern in patterns):
            continue
        if rule is False:
            yield f"{path}: unknown {key}"
        else:
            yield from faults(item, rule, f"{path}.{key}")


def patterns(value: object, rule: Any, path: str, _schema: Any) -> Iterator[str]:
    for pattern, below in rule.items():
        for key, item in value.items() if isinstance(value, dict) else ():
            if re.search(pattern, key):
                yield from faults(item, below, f"{path}.{key}")


def names(value: object, rule: Any, path: str, _schema: Any) -> Iterator[str]:
    for key in value if isinstance(value, dict) else ():
        yield from faults(key, rule, f"{path}.{key}")


def items(value: object, rule: Any, path: str, _schema: Any) -> Iterator[str]:
    for index, item in enumerate(value if isinstance(value, list) else ()):
        yield from faults(item, rule, f"{path}[{index}]")


def some(value: object, rule: Any, path: str, _schema: Any) -> Iterator[str]:
    found = [list(faults(value, below, path)) for below in rule]
    if all(found):
        yield min(found, key=len)[0]


def one(value: object, rule: Any, path: str, _schema: Any) -> Iterator[str]:
    found = [list(faults(value, below, path)) for below in rule]
    if sum(not each for each in found) != 1:
        yield from min(found, key=len) or [f"{path}: fits several shapes"]


def refers(value: object, rule: Any, path: str, _schema: Any) -> Iterator[str]:
    yield from faults(value, SCHEMA["$defs"][rule.removeprefix("#/$defs/")], path)


def says(holds: Any, what: str) -> Any:
    def check(value: Any, rule: Any, path: str, _schema: Any) -> Iterator[str]:
        if not holds(value, rule):
            yield f"{path}: {value!r} breaks {what} {rule}"

    return check


def silent(_value: object, _rule: Any, _path: str, _schema: Any) -> Iterator[str]:
    return iter(())


def at_least(types: type | tuple[type, ...], size: Any) -> Any:
    return says(lambda value, rule: not isinstance(value, types) or size(value) >= rule, "the least")


def at_most(types: type | tuple[type, ...], size: Any) -> Any:
    return says(lambda value, rule: not isinstance(value, types) or size(value) <= rule, "the most")


ABOUT = ("$schema", "$defs", "title", "description", "default", "examples", "format", "writeOnly")
CHECKS: dict[str, Any] = {
    **dict.fromkeys(ABOUT, silent),
    "type": of_type,
    "properties": properties,
    "additionalProperties": additional,
    "patternProperties": patterns,
    "propertyNames": names,
    "items": items,
    "anyOf": some,
    "oneOf": one,
    "$ref": refers,
    "required": says(
        lambda value, rule: not isinstance(value, dict) or set(rule) <= value.keys(), "required"
    ),
    "const": says(lambda value, rule: value == rule, "const"),
    "enum": says(lambda value, rule: value in rule, "enum"),
    "pattern": says(lambda value, rule: not isinstance(value, str) or re.search(rule, value), "pattern"),
    "minLength": at_least(str, len),
    "maxLength": at_most(str, len),
    "minItems": at_least(list, len),
    "maxItems": at_most(list, len),
    "minProperties": at_least(dict, len),
    "maxProperties": at_most(dict, len),
    "minimum": at_least((int, float), abs),
    "maximum": at_most((int, float), abs),
}


def test_the_shipped_schema_is_fresh() -> None:
    """config.schema.json, which the first line of config.yaml names, is what the models say today."""
    text = json.dumps(SCHEMA, indent=2, ensure_ascii=False) + "\n"
    assert is_as_expected(ROOT / "config.schema.json", text)
    assert SCHEMA["$schema"] == DIALECT


def test_the_shipped_configuration_fits_the_schema() -> None:
    """An editor shows no complaint about it."""
    assert list(faults(read((ROOT / "config.yaml").read_text("utf-8")), SCHEMA)) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("timezon: x", "unknown timezon"),
        ("locale: pt-BR", "locale"),
        ("deliver_tests: maybe", "deliver_tests"),
        ("channels: {x: {type: slack, chanel: C1}}", "channels.x: unknown chanel"),
        ("rules: [{on: x, send: [{slack: y}]}]", "rules[0]: {"),
        ("rules: [{name: a, on: x, when: {course.title: {prefx: a}}, send: [{slack: y}]}]", "when"),
        ("rules: [{name: a, on: x, when: {curse.title: a}, send: [{slack: y}]}]", "curse.title"),
        ("rules: [{name: a, on: [], send: [{slack: y}]}]", "on"),
        ("rules: [{name: a, on: x, send: []}]", "send"),
        ("rules: [{name: a, on: x, send: [{slack: y, colour: red}]}]", "unknown colour"),
    ],
)
def test_what_the_loader_refuses_an_editor_marks(text: str, fault: str) -> None:
    """The usual slips are seen while typing."""
    sources = "sources: {eduzz: {type: eduzz, secrets: ['${X}']}}\n"
    found = list(faults(read(sources + text), SCHEMA))
    assert any(fault in each for each in found), found


@pytest.mark.parametrize(
    "text",
    [
        "deliver_tests: ${DELIVER_TESTS:-false}\nlocale: ${LOCALE:-pt_BR}",
        "channels: {x: {type: email, smtp: '${X}', from: a@b.example, concurrency: '${N}'}}",
        "rules: [{name: a, on: [a.*, my.own], when: {data.x.y: {not: {exists: true}}}, send: [{slack: y}]}]",
        "rules: [{name: a, on: x, when: {any: [{all: [{id: [1, '2', null]}]}]}, send: [{slack: y}]}]",
    ],
)
def test_what_the_loader_accepts_an_editor_does_not_mark(text: str) -> None:
    """References may stand for any value, and names of one's own events are fine."""
    sources = "sources: {eduzz: {type: eduzz, secrets: ['${X}']}}\n"
    assert list(faults(read(sources + text), SCHEMA)) == []


def test_every_operator_of_conditions_is_in_the_grammar() -> None:
    """And no other: what the schema offers compiles."""
    assert OPERATORS.keys() == operators.OPERATORS.keys() | {"not", "any", "all", "exists"}


def test_the_grammar_and_the_compiler_agree_on_the_specification() -> None:
    """Each line of `when:` in the specification is right for both, or wrong for both."""
    rows = re.findall(
        r"^\| `(data\.a[^ `]*:.*?)` \| `.*?` \| (yes|no|error) \|$", SPECIFICATION, re.MULTILINE
    )
    assert len(rows) > 50
    for line, holds in rows:
        when = read(line.replace("\\|", "|"))
        assert bool(compile_when(when, ())[1]) == (holds == "error"), line
        if holds != "error":
            assert list(faults(when, SCHEMA["$defs"]["Conditions"])) == [], line


SPECIFICATION = (ROOT / "docs/reference/matching.md").read_text("utf-8")


def test_every_key_is_explained() -> None:
    """An editor shows a sentence for each key it completes."""
    silent_keys = [
        f"{name}.{key}"
        for name, definition in {"": SCHEMA, **SCHEMA["$defs"]}.items()
        for key, each in definition.get("properties", {}).items()
        if not _described(each) and key != "type" and name != "Test"
    ]
    assert silent_keys == []


def _described(schema: Any) -> bool:
    if "description" in schema:
        return True
    return "$ref" in schema and "description" in SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]


def test_the_schema_is_also_plain_json_for_yaml() -> None:
    """Nothing in it depends on Python: it reads back as it was."""
    assert yaml.safe_load(json.dumps(SCHEMA)) == SCHEMA


def test_the_reference_page_is_fresh_and_whole() -> None:
    """Every table in docs/reference/configuration.md is what the models say today, and none is left out."""
    page = PAGE.read_text("utf-8")
    assert is_as_expected(PAGE, refresh(page))
    assert {name for name in table_names() if f"<!-- keys: {name} -->" not in page} == set()
