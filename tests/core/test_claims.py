"""What `once_per` asks to be taken."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bridge.core.claims import Claim, Lacking, claim_of
from bridge.core.events import Facts
from bridge.core.identity import claim_key
from bridge.core.messages import RenderFailure
from bridge.core.rules import Action

SECRET = b"0" * 32
FACTS = {"learner": {"email": " Maria@Aluna.example "}, "module": {"id": "3253"}, "data": {"ids": [1, 2]}}


class Silent:
    def render(self, facts: Facts) -> Mapping[str, object] | RenderFailure:
        return {}


def action(*once_per: str) -> Action:
    return Action(rule="r", name="slack:wins", channel="wins", content=Silent(), once_per=once_per)


def test_a_claim_is_the_values_of_its_paths() -> None:
    """Under a key that nobody without the store's secret can make, with an address in lower case."""
    made = claim_of(SECRET, action("learner.email", "module.id"), FACTS)
    key = claim_key(SECRET, "r", "slack:wins", ["maria@aluna.example", "3253"])
    label = "learner.email=maria@aluna.example, module.id=3253"
    assert made == Claim(key, label, "r", "slack:wins")


def test_without_once_per_nothing_is_claimed() -> None:
    assert claim_of(SECRET, action(), FACTS) is None


@pytest.mark.parametrize("path", ["course.id", "data.ids", "data.gone"])
def test_a_value_that_is_missing_or_several_is_named(path: str) -> None:
    made = claim_of(SECRET, action("module.id", path), FACTS)
    assert made == Lacking(path)
    assert isinstance(made, Lacking)
    assert made.why == f"once_per needs '{path}', which this event does not have"
