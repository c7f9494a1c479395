"""What a template can reach, and what it cannot."""

from __future__ import annotations

import pytest

from bridge.core.messages import RenderFailure, Target
from tests.rendering.conftest import NOW, Bench

FACTS: dict[str, object] = {
    "id": "x1",
    "occurred_at": NOW,
    "learner": {"name": "Maria"},
    "data": {
        "items": ["a", "b"],
        "get": "got",
        "nothing": None,
        "flag": True,
        "price": 301.5,
        "whole": 5.0,
        "people": [{"name": "Ana"}, {"name": "Bia"}, {}],
    },
}
REACHABLE = [
    ("{{ data.items[0] }}{{ data['items'][1] }}{{ data.items[-1] }}", "abb"),
    ("{{ data.get }}", "got"),
    ("{% for key, value in data.people[0].items() %}{{ key }}={{ value }}{% endfor %}", "name=Ana"),
    ("{{ data.people[0].get('name') }}{{ data.people[0].get('x', 'y') }}", "Anay"),
    ("{{ data[learner.name] | default('none') }}", "none"),
    ("{{ learner.name.upper() }} {{ learner.name.startswith('M') }}", "MARIA true"),
    ("{{ occurred_at.hour }}:{{ occurred_at.minute }} {{ occurred_at.weekday() }}", "14:5 0"),
    ("{{ (occurred_at - occurred_at).days }}", "0"),
    ("{{ data.people | map(attribute='name') | select('defined') | join(', ') }}", "Ana, Bia"),
    ("{{ data.people | join('-', attribute='name') if false else 'x' }}", "x"),
    ("{{ data.items | first }}{{ data.items | last }}{{ data.items | length }}", "ab2"),
    (
        "{{ data.flag }} {{ data.price }} {{ data.whole }} {{ 7 // 2 }} {{ 7 % 4 }} {{ 2 ** 10 }}",
        "true 301.5 5 3 3 1024",
    ),
    ("{{ 'x' if not data.flag }}|", "|"),
    (
        (
            "{% set n = namespace(sum=0) %}{% for i in range(5) %}{% set n.sum = n.sum + i %}{% endfor "
            "%}{{ n.sum }}"
        ),
        "10",
    ),
    (
        "{{ data.missing is defined }} {{ data.a.b.c is defined }} {{ module.title | default('?') }}",
        "false false ?",
    ),
    ("{{ data.nothing | default('none') }} {{ '' | default('blank') }} {{ 0 | default(1) }}", "none blank 0"),
    ("{{ data.missing | upper | trim | default('?') }}", "?"),
    ("{{ occurred_at }}", "2026-11-23T14:05:00-03:00"),
    ("{{ 'abc'[1:] }}{{ 'a-b' | replace('-', '+') }}{{ ' x ' | trim }}{{ 2.456 | round(1) }}", "bca+bx2.5"),
    ("{{ [3, 1, 2] | sort | join }}{{ {'b': 1, 'a': 2} | dictsort | map('first') | join }}", "123ab"),
    ("{# nothing #}{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
]
UNREACHABLE = [
    ("{{ ''.__class__.__mro__ }}", "text has no '__class__' that a template may use"),
    ("{{ data.__class__ }}", "'__class__' is Python's own, not a template's"),
    ("{{ data['__class__'] }}", "'__class__' is Python's own, not a template's"),
    ("{{ (1).__class__ }}", "'__class__' is Python's own, not a template's"),
    ("{{ range.__globals__ }}", "'__globals__' is Python's own, not a template's"),
    ("{{ namespace.__init__ }}", "'__init__' is Python's own, not a template's"),
    ("{% set n = namespace() %}{{ n.__class__ }}", "'__class__' is Python's own, not a template's"),
    ("{% macro m() %}{% endmacro %}{{ m.__call__ }}", "'__call__' is Python's own, not a template's"),
    (
        "{{ data.people | map(attribute='__class__') | list | first }}",
        "'__class__' is Python's own, not a template's",
    ),
    ("{{ occurred_at.tzinfo }}", "'occurred_at'"),
    ("{{ data.items.append('c') }}", "a list has no 'append' that a template may use"),
    ("{{ data.people[0].update({}) }}", "'data.people[0].update' is absent in this event"),
    ("{{ data.people.pop() }}", "a list has no 'pop' that a template may use"),
    ("{{ data.people() }}", "calls something that is no macro and no method"),
    ("{{ data.items }}", "'data.items' is a list, not text; use `| join(', ')` or a loop"),
    ("{{ data.people[0] }}", "'data.people[0]' is a group of values, not text; name one of its members"),
    ("{{ data.nothing }}", "'data.nothing' is null in this event; write `| default(...)`"),
    ("{{ data.nothing | upper }}", "'data.nothing | upper' is null in this event; write `| default(...)`"),
    ("{{ range }}", "'range' has no text"),
    ("{{ data.items | upper }}", "a filter for text is given a value that is a list"),
    ("{{ data.price + 'x' }}", "'+' is given values it cannot work with; text is joined with ~"),
    ("{{ data.price / 0 }}", "'/' divides by zero, or makes too large a number"),
    ("{{ data.price < 'x' }}", "gives a filter, a test, a comparison or a macro values it cannot work with"),
    ("{{ data.missing }}", "'data.missing' is absent in this event"),
    ("{{ data.missing.deeper[0].still }}", "'data.missing.deeper[0].still' is absent in this event"),
    ("{{ data.nothing.below }}", "'data.nothing.below' is absent in this event"),
    ("{{ data.items[7] }}", "'data.items[7]' is absent in this event"),
    ("{{ module.title | upper }}", "'module.title' is absent in this event"),
    ("{{ 'a' ~ data.missing }}", "'data.missing' is absent in this event"),
    ("{% if data.missing %}{% endif %}", "'data.missing' is absent in this event"),
    ("{% if data.missing == 1 %}{% endif %}", "'data.missing' is absent in this event"),
    ("{% for x in data.missing %}{% endfor %}", "'data.missing' is absent in this event"),
    ("{{ data.people[2].name }}", "'data.people[2].name' is absent in this event"),
    ("{{ data.people | join(', ', attribute='name') }}", "'name' is absent in this event"),
    ("{{ data.people | map(attribute='name') | list | last }}", "'name' is absent in this event"),
]


@pytest.mark.parametrize(("source", "said"), REACHABLE)
def test_what_messages_need_is_there(bench: Bench, source: str, said: str) -> None:
    """Members of groups come before Python's attributes, and whatever is absent can be given a default."""
    assert bench.say(source, FACTS) == said


@pytest.mark.parametrize(("source", "why"), UNREACHABLE)
def test_what_messages_must_not_do_fails_in_words(bench: Bench, source: str, why: str) -> None:
    """Python's own attributes, changes to the event and values without a text end in a sentence."""
    if "tzinfo" in source:
        assert bench.complaints(source) == ["send[0].it:-: 'occurred_at' is one value and has no 'tzinfo'"]
        return
    failure = bench.say(source, FACTS)
    assert isinstance(failure, RenderFailure)
    assert failure.why.startswith(why)


def test_a_failure_never_tells_a_value(bench: Bench) -> None:
    """Reasons name paths; no personal data of the event is in them."""
    secret = "Joana-do-Segredo"
    facts = {"learner": {"name": secret}, "data": {"x": {"name": secret}, "l": [secret]}, "occurred_at": NOW}
    for source in (
        "{{ learner.name | int + 'x' }}",
        "{{ learner.name | date }}",
        "{{ learner.name | money }}",
        "{{ data.x }}",
        "{{ data.l }}",
        "{{ data.x[learner.name] }}",
        "{{ data.x['__' ~ learner.name] }}",
        "{{ learner.name[learner.name] }}",
        "{{ learner.name < 1 }}",
        "{{ learner.name() }}",
        "{{ learner.name | plural('a', 'b') }}",
        "{{ data | sum }}",
        "{{ 'x'.index(learner.name) }}",
    ):
        failure = bench.say(source, facts)
        assert isinstance(failure, RenderFailure), source
        assert secret not in repr(failure)


def test_the_event_is_the_same_after_rendering(bench: Bench) -> None:
    """A structure copies what it takes from the event; changing the copy leaves the event alone."""
    data = {"people": [{"name": "Ana"}]}
    said = bench.say({"copy": "{{ data.people }}"}, {"data": data}, Target.JSON)
    assert said == {"copy": [{"name": "Ana"}]}
    assert isinstance(said, dict)
    said["copy"][0]["name"] = "Bia"
    assert data == {"people": [{"name": "Ana"}]}
