"""`bridge migrate`: the store, brought to the form this version needs."""

from __future__ import annotations

from bridge.cli.exits import Failure
from bridge.cli.opening import config_to_look_at, store_trouble
from bridge.cli.options import Setup
from bridge.cli.tables import show
from bridge.store import creation
from bridge.store.creation import Plan


def migrate(setup: Setup, *, check: bool) -> None:
    """Make or migrate the store; with `check` only say what is needed, and exit with 1 if something is."""
    url = config_to_look_at(setup, quiet=True).config.store.get_secret_value()
    with store_trouble():
        if check:
            _tell(creation.plan(url))
        else:
            show(_done(creation.migrate(url, progress=lambda step: show(f"step {step} done"))))


def _tell(plan: Plan) -> None:
    if plan.current is None:
        raise Failure("there is no store yet", "`bridge migrate` makes it, and `bridge run` does too")
    if plan.current != plan.head:
        needed = f"the store has schema {plan.current} and needs {plan.head}: {len(plan.steps)} to go"
        raise Failure(needed, "stop the bridge, back the store up, and run `bridge migrate`")
    show(f"the store is up to date (schema {plan.head})")


def _done(plan: Plan) -> str:
    if plan.current is None:
        return f"the store was made (schema {plan.head})"
    if plan.current == plan.head:
        return f"the store was up to date (schema {plan.head})"
    return f"the store went from schema {plan.current} to {plan.head}"
