"""`bridge samples`: the sample events that come with the bridge."""

from __future__ import annotations

import json as json_module
from collections.abc import Sequence

from bridge.cli.exits import misused, not_found
from bridge.cli.fields import list_fields
from bridge.cli.tables import Column, show_json, show_table
from bridge.core.problems import did_you_mean
from bridge.sources.registry import known_events, sample, sample_names


def samples(name: str | None, *, fields: Sequence[str], json: bool) -> None:
    """List all samples with their kinds, print the body of one, or list what events of some types carry."""
    if fields:
        if name is not None:
            raise misused(f"--fields takes the type; leave out {name}, or write --fields {name}")
        list_fields(fields, json=json)
        return
    if name is not None:
        show_json(json_module.loads(sample_body(name)))
        return
    kinds = known_events()
    rows = [(each, kinds.get(each, "-")) for each in sample_names()]
    if json:
        show_json([{"name": each, "kind": None if kind == "-" else kind} for each, kind in rows])
        return
    show_table((Column("sample"), Column("kind")), rows)


def sample_body(name: str) -> bytes:
    """Return the body of a sample, or fail with the nearest name."""
    body = sample(name)
    if body is None:
        raise not_found(
            f"there is no sample '{name}'{did_you_mean(name, sample_names())}", "`bridge samples` lists them"
        )
    return body
