"""What a template may use up, and that each way of using more is stopped at once, in words."""

from __future__ import annotations

import itertools
import time

import pytest

from bridge.core.messages import RenderFailure, Target
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
        "takes more than 10,000 steps; loop over less",
    ),
    (
        "{% for a in data.numbers %}{% for b in data.numbers if a > b %}x{% endfor %}{% endfor %}",
        "takes more than 10,000 steps; loop over less",
    ),
    ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "macros call each other more than 20 deep"),
    (
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(18) }}",
        "takes more than 10,000 steps; loop over less",
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
    started = time.perf_counter()
    failure = bench.say(source, DATA)
    assert isinstance(failure, RenderFailure)
    assert failure.why == why
    assert time.perf_counter() - started < 2


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
    assert failure == RenderFailure("it", None, "takes longer than 250 ms; loop over less")


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
