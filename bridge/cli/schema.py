"""`bridge schema`: the JSON Schema of the configuration file."""

from __future__ import annotations

from bridge.cli.tables import show_json
from bridge.config.schema import json_schema


def schema() -> None:
    """Print the schema."""
    show_json(json_schema())
