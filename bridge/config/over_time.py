"""Words about time that make no sense together, and why."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.core.durations import lasting
from bridge.core.problems import Path, Problem
from bridge.core.rules import Action


def senseless(action: Action, path: Path) -> Iterator[Problem]:
    """Yield a problem for each combination that would keep an action from ever doing what it says."""
    if action.delay is not None and action.expires is not None and action.expires <= action.delay:
        sentence = (
            f"is over {lasting(action.expires)} after the event, and `delay` sends {lasting(action.delay)} "
            "after it, so nothing is ever sent; both count from the event, make `expires` longer"
        )
        yield Problem((*path, "expires"), sentence)
    if action.unless is not None and action.delay is None:
        sentence = (
            "is about what happens while the message waits, and this one does not; "
            "add `delay: 7d`, or say under `when:` which events it is for"
        )
        yield Problem((*path, "unless"), sentence)
