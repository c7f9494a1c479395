"""The reference page names everything that templates have, with the limits that hold."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bridge.rendering import limits
from bridge.rendering.filters import TESTS, builtin_filters
from bridge.rendering.people import people_filters

PAGE = (Path(__file__).parents[2] / "docs/reference/templates.md").read_text("utf-8")
FILTERS = {
    **builtin_filters(),
    **people_filters("pt_BR", ZoneInfo("UTC"), lambda: datetime(2026, 1, 1, tzinfo=UTC)),
}


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_filter_is_on_the_page() -> None:
    """No filter is secret, and none is promised that is not there."""
    before, _, after = section("Filters").partition("Of Jinja's own: ")
    first_cells = "".join(line.split("|")[1] for line in before.splitlines() if line.startswith("| `"))
    told = re.findall(r"`([a-z_]+)[`(]", first_cells) + re.findall(r"`(\w+)`", after.partition("\n")[0])
    assert sorted({*told}) == sorted(FILTERS)


def test_every_test_is_on_the_page() -> None:
    """As for filters; the signs are known from everywhere."""
    told = section("Filters").partition("Tests (")[2].partition("\n")[0]
    assert set(re.findall(r"`([a-z]+)`", told)) == {name for name in TESTS if name.isalpha()}


@pytest.mark.parametrize(
    "limit",
    [
        f"steps | {limits.MAX_STEPS:,} |",
        f"time from the first step to the last | {limits.MAX_SECONDS * 1000:.0f} ms |",
        f"macros inside macros | {limits.MAX_CALL_DEPTH} |",
        f"numbers in `range` | {limits.MAX_RANGE:,} |",
        f"characters of a text | {limits.MAX_TEXT:,} |",
        f"values printed in a text | {limits.MAX_VALUES:,} |",
        f"items of a list or structure | {limits.MAX_ITEMS:,} |",
    ],
)
def test_the_limits_are_these(limit: str) -> None:
    """The numbers on the page are the program's."""
    assert f"| {limit}" in section("Limits")
