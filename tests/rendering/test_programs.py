"""Programs: a text that is one path takes a shorter way, which must lead to the same."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.messages import RenderFailure, Slot, Target
from tests.rendering.conftest import NOW, Bench

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
PATHS = st.sampled_from(
    [
        "data",
        "data.a",
        "data['a']",
        "data.a.b",
        "data[0]",
        "data.items",
        "data.a.upper",
        "occurred_at",
        "sent_at",
    ]
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(Path(tmp_path_factory.mktemp("programs")))


@given(path=PATHS, value=VALUES | st.just(2**20_000), target=st.sampled_from([Target.JSON, Target.HEADER]))
def test_one_path_says_what_the_whole_program_says(
    bench: Bench, path: str, value: object, target: Target
) -> None:
    """Its value, or the same failure; a mapping of another kind than parsed JSON goes the long way."""
    source = f"{{{{ {path} }}}}"
    facts = {"data": value, "occurred_at": NOW}
    assert bench.say(source, facts, target) == bench.say(source, MappingProxyType(facts), target)


@pytest.mark.parametrize(
    "source",
    [
        "{{ occurred_at.hour }}",
        "{{ occurred_at['hour'] }}",
        "{% set t = occurred_at %}{{ t.hour }}",
        "{% for t in [occurred_at] %}{{ t.hour }}{% endfor %}",
        "{% macro m() %}{{ occurred_at.hour }}{% endmacro %}{{ m() }}",
        "{{ (sent_at if sent_at is defined else occurred_at).hour }}",
    ],
)
def test_times_are_local_however_they_are_asked_for(bench: Bench, source: str) -> None:
    """São Paulo is three hours behind UTC."""
    at = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
    assert bench.say(source, {"occurred_at": at}) == "22"
    assert bench.say({"at": "{{ occurred_at }}"}, {"occurred_at": at}, Target.JSON) == {
        "at": "2026-11-22T22:30:00-03:00"
    }


def test_an_absent_path_is_told_as_the_author_wrote_it(bench: Bench) -> None:
    """The shorter way tells nothing by itself."""
    failure = bench.say({"a": "{{ learner.name }}"}, {"learner": {}}, Target.JSON)
    assert isinstance(failure, RenderFailure)
    assert failure.why.startswith("'learner.name' is absent in this event")


@pytest.mark.parametrize(
    "source", ["{{ data.p }}", "a {{ data.p }}", "a\n{{ data.p | join(', ') }}", "{{ data.p + 1 }}"]
)
def test_a_text_that_several_settings_share_fails_at_its_own_place(bench: Bench, source: str) -> None:
    """It is compiled once, and each setting is told by its own path."""
    renderer = bench.renderer
    for place in ("first", "second"):
        slots = {
            "line": Slot(Target.PLAIN, source, (place, "line")),
            "json": Slot(Target.JSON, {"leaf": source}, (place, "json")),
        }
        for name, path in (("line", f"{place}.line"), ("json", f"{place}.json.leaf")):
            content, problems = renderer.content({name: slots[name]})
            assert content is not None, problems
            failed = content.render({"data": {}})
            assert isinstance(failed, RenderFailure)
            assert failed.where == path
            failed = content.render({"data": {"p": object()}})
            assert isinstance(failed, RenderFailure)
            assert failed.where == path
