"""The specification of conditions, row by row."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from bridge.core.conditions import compile_when

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "matching.md"
ROW = re.compile(r"^\| `(?P<when>.*)` \| `(?P<data>.*)` \| (?P<holds>yes|no|error) \|$")
LINES = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]


def test_every_row_of_the_page_is_read() -> None:
    """A row that the pattern does not understand would silently not be tested."""
    assert [line for line in LINES if not ROW.match(line)] == []
    assert len(LINES) >= 115


@pytest.mark.parametrize("line", LINES)
def test_a_condition_means_what_the_page_says(line: str) -> None:
    """Each row holds, does not hold, or is refused, as written."""
    row = ROW.match(line)
    assert row
    when = yaml.safe_load(row["when"].replace("null: yes", "null: 'yes'").replace("{null:", "{'null':"))
    condition, problems = compile_when(when, ("when",))
    if row["holds"] == "error":
        assert problems
        return
    assert problems == []
    facts = {"data": json.loads(row["data"])}
    assert condition.matches(facts) is (row["holds"] == "yes")
    found = [finding.matched for finding in condition.findings(facts)]
    assert any(found) if row["holds"] == "yes" else not all(found)
