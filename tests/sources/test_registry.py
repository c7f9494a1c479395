"""The list of sources, and the samples that come with them."""

from __future__ import annotations

import pytest

from bridge.sources.options import SourceOptions
from bridge.sources.registry import OPTIONS, build, known_events, known_kinds, sample, sample_names


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_a_source_has_the_name_it_was_given(name: str) -> None:
    """The name under `sources:` is the hook's path."""
    options = OPTIONS[name].model_validate({"type": name, "secrets": ["segredo"]})
    assert build("minha-escola", options).name == "minha-escola"


def test_other_options_build_nothing() -> None:
    """A broken assumption is an exception."""
    with pytest.raises(TypeError, match="not the options of a source"):
        build("minha-escola", SourceOptions())


def test_known_events_have_known_kinds() -> None:
    """Rules may be checked against either list; a check-in that is taken back has a kind of its own."""
    assert set(known_events().values()) | {"attendance.check_in_undone"} == known_kinds()
    assert known_events()["nutror.module_completed"] == "module.completed"


@pytest.mark.parametrize(
    "name", ["nutror.unheard_of", "", "../eduzz_events", "eduzz/ping", "ping.json", "\0"]
)
def test_what_is_no_sample_is_none(name: str) -> None:
    """A sample's name is a name, never a path."""
    assert sample(name) is None


def test_samples_are_sorted_and_readable() -> None:
    """Every listed name has a body."""
    assert list(sample_names()) == sorted(sample_names())
    assert all(sample(name) for name in sample_names())


def test_the_neutral_kinds_are_not_types() -> None:
    """A rule's `on:` may name either, so no name is both."""
    assert not known_kinds() & set(known_events())
