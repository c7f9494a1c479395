"""The reference page of channels says what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.channels.answers import Answer, outcome_of
from bridge.channels.email import EmailChannel
from bridge.channels.slack import SlackChannel
from bridge.channels.slack_errors import KNOWN, outcome_of_error
from bridge.core.outcomes import Delivered, Outcome, Reason, Rejected, Retry
from tests.support.clock import START

PAGE = (Path(__file__).parents[2] / "docs/reference/channels.md").read_text("utf-8")
OUTCOMES: dict[str, type[Outcome]] = {
    "delivered": Delivered,
    "tried again": Retry,
    "final": Rejected,
    "the channel stops": Rejected,
}


def stops(outcome: Outcome) -> bool:
    """Return whether an outcome says that the destination takes nothing at all."""
    return isinstance(outcome, Rejected) and outcome.gone


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading, without its head."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def statuses(cell: str) -> list[int]:
    """Return examples of what the first column of the table of statuses means."""
    match cell.split(" to "):
        case [first, last]:
            return list(range(int(first), int(last) + 1))
    if cell.endswith("every other 4xx"):
        return [status for status in range(400, 500) if status not in (401, 403, 407, 408, 410, 425, 429)]
    if cell.endswith("and above"):
        return list(range(500, 700))
    return [int(status) for status in cell.split(", ")]


@pytest.mark.parametrize("row", rows("HTTP answers"), ids=lambda row: row[0])
def test_every_status_is_as_the_page_says(row: list[str]) -> None:
    """Each status from 200 up belongs to one row."""
    for status in statuses(row[0]):
        outcome = outcome_of(Answer(status), START)
        assert type(outcome) is OUTCOMES[row[1]]
        assert stops(outcome) is (row[1] == "the channel stops")
        assert isinstance(outcome, Delivered) or f"`{outcome.reason}`" == row[2]


def test_no_status_is_left_out() -> None:
    """From 200 to beyond what HTTP knows."""
    assert sorted(status for row in rows("HTTP answers") for status in statuses(row[0])) == list(
        range(200, 700)
    )


def test_every_error_of_slack_is_on_the_page() -> None:
    """With its outcome and reason, and none that the program does not know."""
    found = {}
    for codes, outcome, reason in rows("Slack"):
        for code in re.findall(r"`(\w+)`", codes):
            found[code] = (OUTCOMES[outcome], reason.strip("`"), outcome == "the channel stops")
    for code, expected in found.items():
        meant = outcome_of_error(code, 200)
        assert (type(meant), meant.reason, stops(meant)) == expected
    assert found.keys() == KNOWN


def test_every_limit_is_on_the_page() -> None:
    """With its value and where it is stated."""
    said = {(row[0], row[1], row[2]): row[4] for row in rows("Limits")}
    limits = {"slack": SlackChannel.limits, "email": EmailChannel.limits}
    expected = {
        (kind, limit.what, f"{limit.value:,}"): limit.source
        for kind, found in limits.items()
        for limit in found
    }
    assert said.keys() == expected.keys()
    assert all(f"({source})" in said[key] for key, source in expected.items())


def test_every_reason_is_explained() -> None:
    """But for `cancelled`, which is the pipeline's."""
    assert {row[0].strip("`") for row in rows("An attempt")} == {str(reason) for reason in Reason} - {
        "cancelled"
    }
