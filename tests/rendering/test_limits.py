"""What a template may use up, and that each way of using more is stopped at once, in words."""

from __future__ import annotations

import itertools
import time

import pytest

from bridge.core.messages import RenderFailure, Slot, Target
from bridge.rendering.filters import TESTS, builtin_filters
from bridge.rendering.limits import MAX_STEPS
from tests.rendering.conftest import Bench

DATA = {
    "data": {
        "numbers": list(range(5_000)),
        "text": "abc " * 1_000,
        "tree": {"n": 5},
    }
}
TOO_MUCH = [
    (
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "range() makes more than 1,000 numbers",
    ),
    (
        "{% for a in range(1000) %}{% for b in range(1000) %}x{% endfor %}{% endfor %}",
        "takes more than 10,000 steps; use shorter lists and texts",
    ),
    (
        "{% for a in data.numbers %}{% for b in data.numbers if a > b %}x{% endfor %}{% endfor %}",
        "takes more than 10,000 steps; use shorter lists and texts",
    ),
    ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "macros call each other more than 20 deep"),
    (
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(18) }}",
        "takes more than 10,000 steps; use shorter lists and texts",
    ),
    ("{{ 'a' * 10**9 }}", "'*' is for numbers only"),
    ("{{ [0] * 10**9 }}", "'*' is for numbers only"),
    ("{{ '%1000000000d' % 1 }}", "'%' is for numbers only"),
    ("{{ 9 ** 9 ** 9 }}", "'**' makes too large a number"),
    (
        "{{ data.text + data.text ~ data.text | replace('', data.text) }}",
        "'replace' makes a text of more than 200,000 characters",
    ),
    ("{{ data.numbers | join(data.text) }}", "makes a text of more than 200,000 characters"),
    ("{{ 5 | round(10 ** 9) }}", "'round' is for 0 to 10 places"),
    ("{{ 'a'.ljust(10 ** 9) }}", "text has no 'ljust' that a template may use"),
    ("{{ 'a'.center(10 ** 9) }}", "text has no 'center' that a template may use"),
    ("{{ 'a'.zfill(10 ** 9) }}", "text has no 'zfill' that a template may use"),
    ("{{ '{0:>1000000000}'.format(1) }}", "text has no 'format' that a template may use"),
    ("{{ 'x'.join(data.numbers) }}", "text has no 'join' that a template may use"),
    (
        "{% set n = namespace(t='aa') %}{% for i in range(60) %}{% set n.t = n.t ~ n.t %}{% endfor %}",
        "makes a text of more than 200,000 characters",
    ),
    (
        "{% set n = namespace(t='aa') %}{% for i in range(60) %}{% set n.t = n.t + n.t %}{% endfor %}",
        "makes a text of more than 200,000 characters",
    ),
    (
        "{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% endfor %}",
        "makes a list of more than 100,000 items",
    ),
    (
        "{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = n.l + n.l %}{% endfor %}",
        "makes a list of more than 100,000 items",
    ),
    (
        (
            "{% set n = namespace(d={}) %}{% for i in range(60) %}{% set n.d = {'a': n.d, 'b': (n.d, 1)} "
            "%}{% endfor %}"
        ),
        "makes a list of more than 100,000 items",
    ),
    (
        (
            "{% set n = namespace(b='') %}{% for i in range(60) %}{% set n.b %}{{ n.b }}{{ n.b }}.{% "
            "endset %}{% endfor %}"
        ),
        "captures more than 20,000 values in one block",
    ),
    ("{% for i in range(100) %}{{ data.text }}{% endfor %}", "is longer than 200,000 characters"),
    (
        "{% for i in data.numbers %}{{ i }}{{ i }}{{ i }}{{ i }}{{ i }}{% endfor %}",
        "prints more than 20,000 values",
    ),
]


@pytest.mark.parametrize(("source", "why"), TOO_MUCH)
def test_what_uses_too_much_is_stopped_and_says_what(bench: Bench, source: str, why: str) -> None:
    """Every known way to use up time or memory ends quickly in a failure that names the limit."""
    started = time.thread_time()  # of the processor, which others may be using
    failure = bench.say(source, DATA)
    assert isinstance(failure, RenderFailure)
    assert failure.why == why
    assert time.thread_time() - started < 2


def test_a_leaf_of_json_is_bounded_like_a_text(bench: Bench) -> None:
    """A structure cannot be made endless by copying a list into itself."""
    source = "{{ [data.numbers, data.numbers, data.numbers] }}"
    copied = bench.say({"a": source}, {"data": {"numbers": list(range(40_000))}}, Target.JSON)
    assert copied == RenderFailure("it.a", None, "makes a list of more than 100,000 items")


def test_time_is_bounded_even_when_steps_are_few(bench: Bench) -> None:
    """A loop whose turns are slow stops at the deadline, by the clock it was given."""
    ticks = itertools.count(step=0.1)
    bench.monotonic = lambda: next(ticks)
    failure = bench.say("{% for a in range(9) %}{{ a }}{% endfor %}", DATA)
    assert failure == RenderFailure("it", None, "takes longer than 250 ms; use shorter lists and texts")


def test_each_rendering_has_a_budget_of_its_own(bench: Bench) -> None:
    """What one rendering used is not missing in the next."""
    source = "{% for a in data.numbers %}{% endfor %}ok"
    assert [bench.say(source, DATA) for _ in range(3)] == ["ok"] * 3


def test_a_loop_tells_its_length_without_paying_twice(bench: Bench) -> None:
    """`loop.length` and `loop.last` work on counted loops."""
    source = (
        "{% for a in data.numbers %}{% if loop.last %}{{ loop.index }}/{{ loop.length }}{% endif %}{% "
        "endfor %}"
    )
    assert bench.say(source, DATA) == "5000/5000"


ARGUMENTS = {
    "dictsort": "",
    "groupby": "('x')",
    "map": "('string')",
    "plural": "('a', 'b')",
    "reject": "('in', data.others)",
    "rejectattr": "('x', 'in', data.others)",
    "replace": "('a', 'b')",
    "select": "('in', data.others)",
    "selectattr": "('x', 'in', data.others)",
    "sum": "(start=[])",
    "trim": "(data.text)",
}
PEOPLE = (
    "first_name",
    "proper_name",
    "date",
    "time",
    "datetime",
    "ago",
    "money",
    "number",
    "ordinal",
    "plural",
)
BIG: dict[str, object] = {
    "list": list(range(100_000)),
    "others": list(range(-100_000, 0)),
    "texts": [f"t{number}" for number in range(100_000)],
    "lists": [[number] * 10 for number in range(100_000)],
    "group": {str(number): number for number in range(100_000)},
    "text": "á " * 500_000,
}
ENDLESS = [
    f"{{{{ data.{name} | {filter_}{ARGUMENTS.get(filter_, '')} | {after} }}}}"
    for name in ("list", "texts", "lists", "group", "text")
    for filter_ in (*sorted(builtin_filters()), *PEOPLE)
    for after in ("list | length", "join | length")
]
COMPARED = [
    f"{{{{ data.list | {filter_}('{test}', data.{other}) | list | length }}}}"
    for filter_ in ("select", "reject")
    for test in sorted(TESTS)
    for other in ("others", "text", "group", "lists")
]
MULTIPLIED = [
    "{% for x in data.list %}{% if x in data.others %}{% endif %}{% endfor %}",
    "{% for x in data.list %}{% if x in data.group.values() %}{% endif %}{% endfor %}",
    "{% for x in data.list %}{% if data.lists == data.others %}{% endif %}{% endfor %}",
    "{% for x in data.list %}{% if x in data.others | reverse %}{% endif %}{% endfor %}",
    "{% for x in data.list %}{{ data.others.count(x) }}{% endfor %}",
    "{% for x in data.list %}{{ data.text.count('x') }}{% endfor %}",
    "{{ data.text.rfind(data.text[1:]) }}",
    "{{ data.text.strip(data.text) }}",
    "{{ data.list | select('in', data.others) | list | length }}",
    "{{ data.list | map('default', data.text) | sort | length }}",
    "{% set x %}{% for i in range(1000) %}{{ data.text }}{% endfor %}{% endset %}{{ x | length }}",
    "{{ data.list | join(data.text) | length }}",
]


def costs(bench: Bench, source: str) -> tuple[object, int, float]:
    """Render over the big event; what came out, how often the clock was read, and seconds of processor."""
    looks = itertools.count()
    bench.monotonic = lambda: next(looks) * 0.0
    content, problems = bench.renderer.content({"it": Slot(Target.PLAIN, source, ("it",))})
    if problems or content is None:
        return None, 0, 0.0
    started = time.process_time()
    rendered = content.render({"data": BIG})
    return rendered, next(looks), time.process_time() - started


@pytest.mark.parametrize("sources", [ENDLESS, COMPARED, MULTIPLIED], ids=["filters", "tests", "multiplied"])
def test_nothing_goes_unpaid_through_a_big_event(bench: Bench, sources: list[str]) -> None:
    """Every filter, test, comparison and method ends by its own count, with a clock that stands still."""
    for source in sources:
        rendered, looks, seconds = costs(bench, source)
        assert isinstance(rendered, RenderFailure | dict | None), source
        assert looks <= MAX_STEPS + 2, source
        assert seconds < 2, (source, seconds)


@pytest.mark.parametrize("source", MULTIPLIED)
def test_work_that_multiplies_is_refused_in_words(bench: Bench, source: str) -> None:
    """Each item times each item is a failure that names a limit."""
    rendered, _, _ = costs(bench, source)
    assert isinstance(rendered, RenderFailure)
    assert rendered.why.startswith(("takes ", "makes a text of more than 200,000"))


def test_filters_that_go_through_a_list_look_at_the_clock(bench: Bench) -> None:
    """Slow work inside one filter stops at the deadline, not at its end."""
    ticks = itertools.count(step=0.1)
    bench.monotonic = lambda: next(ticks)
    failure = bench.say("{{ data.numbers | map('string') | join }}", DATA)
    assert failure == RenderFailure("it", None, "takes longer than 250 ms; use shorter lists and texts")


def test_ordinary_lists_are_far_from_the_limit(bench: Bench) -> None:
    """A chain of filters over a thousand items, and one on a long text, are what messages may do."""
    facts = {"data": {"items": [{"tag": f"t{n}", "n": n} for n in range(1_000)], "text": "abc " * 40_000}}
    source = "{{ data.items | selectattr('n', 'ge', 998) | map(attribute='tag') | sort | join(', ') }}"
    assert bench.say(source, facts) == "t998, t999"
    assert bench.say("{{ data.text | trim | truncate(7) | upper }}", facts) == "ABC..."
    assert bench.say("{{ 't5' in (data.items | map(attribute='tag') | list) }}", facts) == "true"
    assert bench.say("{{ 1 < 2 < 3 }}{{ 1 not in [1] }}{{ 'n' in data.items[0] }}", facts) == "truefalsetrue"


@pytest.mark.parametrize("target", [Target.HEADER, Target.JSON])
def test_a_number_too_large_to_print_is_told_about(bench: Bench, target: Target) -> None:
    """Thousands of hexadecimal digits make a number that Python refuses to write; that is a failure too."""
    source: object = "{{ data.hex | int(0, 16) }}"
    failure = bench.say([source] if target is Target.JSON else source, {"data": {"hex": "f" * 6_000}}, target)
    assert isinstance(failure, RenderFailure)
    assert failure.why == "'data.hex | int' is too large a number to print"
