"""Tables of the keys of stories in Markdown, made from the JSON Schema, for `docs/reference/stories.md`."""

from __future__ import annotations

import re

from bridge.cli.stories.schema import stories_schema
from tests.config.reference import table

BLOCK = re.compile(r"(<!-- keys: (?P<name>\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
MODELS = {
    "story": "StoryConfig",
    "given": "GivenConfig",
    "destination": "SpellConfig",
    "event": "EventConfig",
    "expectation": "ExpectConfig",
}
"""The model behind each table; that of the file is the schema itself."""


def refresh(page: str) -> str:
    """Return the page with every table as the model has it today; raises KeyError for an unknown name."""
    schema = stories_schema()
    samples = schema["$defs"]["EventConfig"]["properties"]["sample"]
    samples["anyOf"] = [{"type": "string"}]  # too many for a cell
    tables = {name: table(schema["$defs"][model], schema["$defs"]) for name, model in MODELS.items()}
    tables["file"] = table(schema, schema["$defs"])
    return BLOCK.sub(lambda found: f"{found[1]}{tables[found['name']]}{found[3]}", page)
