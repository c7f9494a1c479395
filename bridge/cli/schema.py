"""`bridge schema`: the JSON Schema of the configuration file, or of files of stories."""

from __future__ import annotations

from bridge.cli.stories.schema import stories_schema
from bridge.cli.tables import show_json
from bridge.config.schema import json_schema


def schema(*, stories: bool) -> None:
    """Print the schema."""
    show_json(stories_schema() if stories else json_schema())
