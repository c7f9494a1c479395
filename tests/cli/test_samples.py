"""`bridge samples` and `bridge schema`: what comes with the bridge, printed."""

from __future__ import annotations

import json

from bridge.cli.exits import ExitCode
from bridge.config.schema import json_schema
from bridge.sources.registry import sample, sample_names
from tests.cli.conftest import Bridge


def test_samples_are_listed_with_their_kinds(bridge: Bridge) -> None:
    listed = bridge("samples")
    assert listed.code == ExitCode.OK
    assert listed.out.splitlines()[0].split() == ["SAMPLE", "KIND"]
    assert [line.split()[0] for line in listed.out.splitlines()[1:]] == list(sample_names())
    rows = {row["name"]: row["kind"] for row in json.loads(bridge("samples", "--json").out)}
    assert rows["nutror.module_completed"] == "module.completed"


def test_a_sample_can_be_edited_and_sent(bridge: Bridge) -> None:
    """What is printed is the body, so it can go to a file and from there to `bridge send`."""
    printed = bridge("samples", "nutror.module_completed")
    assert json.loads(printed.out) == json.loads(sample("nutror.module_completed") or b"")


def test_an_unknown_sample_names_the_nearest(bridge: Bridge) -> None:
    said = bridge("samples", "nutror.module_complete")
    assert said.code == ExitCode.NOT_FOUND
    assert "did you mean 'nutror.module_completed'?" in said.err


def test_the_schema_is_printed_whole(bridge: Bridge) -> None:
    assert json.loads(bridge("schema").out) == json_schema()
