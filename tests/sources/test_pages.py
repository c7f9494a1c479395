"""The reference pages about sources say what the program does."""

from __future__ import annotations

import re

import pytest
import yaml

from bridge.sources import eduzz_activation as activation
from bridge.sources.eduzz_events import EVENTS, PRODUCTS
from bridge.sources.payload import DEPTH_LIMIT
from bridge.sources.registry import OPTIONS
from tests.sources.pages import PRODUCT_NAMES, REFERENCE, fresh


@pytest.mark.parametrize("name", ["events.md", "sources.md"])
def test_the_generated_parts_are_fresh(name: str) -> None:
    """`python -m tests.sources.pages` writes them anew."""
    page = (REFERENCE / name).read_text(encoding="utf-8")
    assert fresh(page) == page


def test_every_event_and_every_option_is_on_a_page() -> None:
    """No product and no type of source is forgotten."""
    events = (REFERENCE / "events.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+\.\w+)` \|", events, re.MULTILINE)) == set(EVENTS)
    assert set(PRODUCT_NAMES) == set(PRODUCTS)
    sources = (REFERENCE / "sources.md").read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- options: (\w+) -->", sources)) == set(OPTIONS)


def test_the_examples_are_valid_configurations() -> None:
    """What the page shows can be pasted."""
    page = (REFERENCE / "sources.md").read_text(encoding="utf-8")
    examples = [yaml.safe_load(text)["sources"] for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    entries = [entry for example in examples for entry in example.values()]
    assert {entry["type"] for entry in entries} == set(OPTIONS)
    for entry in entries:
        OPTIONS[entry["type"]].model_validate(entry)


def test_the_pages_numbers_are_the_programs() -> None:
    """What the text says about limits is true."""
    events = (REFERENCE / "events.md").read_text(encoding="utf-8")
    assert f"{len(EVENTS)} events" in events
    assert f"more than {activation.AGE.days} days" in events
    assert f"{DEPTH_LIMIT} levels" in (REFERENCE / "sources.md").read_text(encoding="utf-8")
