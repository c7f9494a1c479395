"""Which values of an event a template asks for."""

import pytest

from bridge.rendering.mentions import Mention, mentions


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("{{ learner.name }} e {{ course.title }}", ["learner.name", "course.title"]),
        ("{{ data.items[0].price['value'] }}", ["data.items[0].price.value"]),
        ("{{ data.course.title.upper() }}", ["data.course.title"]),
        (
            "{{ data.course.title | upper | replace(data.a, data.b) }}",
            ["data.course.title", "data.a", "data.b"],
        ),
        ("{% for item in data.items %}{{ item.name }}{% endfor %}", ["data.items"]),
        ("{% set data = 1 %}{{ data.x }}", []),
        ("{{ data[kind].x }}", ["data", "kind"]),
        ("{{ nobody.name }} {{ now }}", []),
        ("{{ occurred_at.hour }}", ["occurred_at.hour"]),
        ("{{ data[0].x }}", ["data[0].x"]),
        ("no braces data.x", []),
        ("{{ learner.name", []),
    ],
)
def test_every_path_is_found_whole(source: str, paths: list[str]) -> None:
    """Chains of names and positions count as one; what the template itself sets is no value of the event."""
    assert [mention.path for mention in mentions(source)] == paths


@pytest.mark.parametrize(
    ("source", "guarded"),
    [
        ("{{ data.x }}", False),
        ("{{ data.x | default('') }}", True),
        ("{{ data.x | d('') }}", True),
        ("{{ data.y | default(data.x) }}", False),
        ("{{ data.x is defined }}", True),
        ("{{ data.x is undefined }}", True),
        ("{{ data.x is none }}", False),
        ("{% if data.x is defined %}{{ data.x }}{% endif %}", True),
        ("{% if data is defined %}{% endif %}{{ data.x }}", True),
        ("{{ data.x.y is defined }}{{ data.x }}", True),
        ("{{ data.xy is defined }}{{ data.x }}", False),
        ("{% if kind == 'a' %}{{ data.x }}{% endif %}", True),
        ("{% if kind == 'a' %}{% else %}{{ data.x }}{% endif %}", True),
        ("{{ data.x if kind == 'a' else 1 }}", True),
        ("{% if data.x %}yes{% endif %}", False),
        ("{% if kind == 'a' %}1{% elif data.x %}2{% endif %}", True),
        ("{{ data.x.lower(data.y) | default('') }}", True),
    ],
)
def test_a_mention_is_guarded_where_the_template_provides_for_its_absence(source: str, guarded: bool) -> None:
    """By a default, a test, or a branch that may not be taken."""
    found = [mention for mention in mentions(source) if mention.path == "data.x"]
    assert found
    assert all(mention.guarded is guarded for mention in found)


def test_lines_are_counted_from_one() -> None:
    """So that a person finds the place."""
    assert mentions("a\n{{ data.x }}\n\n{{ data.y }}") == (
        Mention("data.x", 2, guarded=False),
        Mention("data.y", 4, guarded=False),
    )
