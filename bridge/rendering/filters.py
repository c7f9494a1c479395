"""The filters of Jinja's that templates may use, made safe, and `default` and `join` as messages need them.

A filter given an absent or null value gives it back, so `learner.name | first_name | default('Alguém')`
works, and `{{ learner.name | upper }}` without a default still says what is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps

from jinja2 import Environment, Undefined, pass_context, pass_environment
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.filters import make_attrgetter

from bridge.rendering.limits import MAX_TEXT, Fault, text_price
from bridge.rendering.metering import MessageContext, refuse_marks, taken
from bridge.rendering.values import Fragment, joined, text_of
from bridge.rendering.words import words

Filter = Callable[..., object]

TESTS = words(
    "== != < <= > >= eq equalto ne lt lessthan le gt greaterthan ge in odd even divisibleby defined "
    "undefined none boolean true false integer float number string mapping sequence iterable lower upper"
)
"""Jinja's tests (`is …`) that templates may use."""

REFUSED: Mapping[str, str] = {
    **dict.fromkeys(
        ("safe", "e", "escape", "forceescape", "tojson", "urlencode", "xmlattr"),
        "values are always escaped for where they land",
    ),
    **dict.fromkeys(("urlize", "striptags"), "write a link as [text](address)"),
    **dict.fromkeys(
        ("center", "indent", "wordwrap", "pprint", "format"), "layout is the template's own text"
    ),
    "random": "the same event must always make the same message",
    "attr": "write the name after a dot",
}
"""Filters of Jinja's that people look for here, and why there are none."""

_PLAIN = words("abs count float int items last length reverse")
"""Filters whose work does not grow with the value, or is done, and paid for, by who takes what they give."""
_ON_ITEMS = words("first groupby list map max min reject rejectattr select selectattr sort sum unique")
_ON_TEXT = words("capitalize lower title truncate upper wordcount")
MAX_PRECISION = 10


def builtin_filters() -> dict[str, Filter]:
    """Return Jinja's filters that are safe and useful in messages, by name."""
    return {
        **{name: passing_absent(JINJA_FILTERS[name]) for name in _PLAIN},
        **{name: passing_absent(on_items(JINJA_FILTERS[name])) for name in _ON_ITEMS},
        **{name: passing_absent(on_text(JINJA_FILTERS[name])) for name in _ON_TEXT},
        "dictsort": passing_absent(on_groups(JINJA_FILTERS["dictsort"])),
        "string": passing_absent(text_of),
        "default": default,
        "d": default,
        "join": passing_absent(on_items(_join)),
        "replace": passing_absent(on_text(_replace)),
        "round": passing_absent(_round),
        "trim": passing_absent(on_text(_trim)),
    }


_WORDS = (str, Fragment)


def default(value: object, otherwise: object = "", always: object = None) -> object:
    """Return `otherwise` where a value is absent, null or blank text.

    Unlike Jinja's own, because a blank name greets nobody better than an absent one; 0 and false stay.
    `always`, Jinja's second argument, is accepted and changes nothing.
    """
    del always
    if type(value) is str:
        return otherwise if not value or value.isspace() else value
    if isinstance(value, Undefined) or value is None:
        return otherwise
    if isinstance(value, _WORDS) and not str(value).strip():
        return otherwise
    return value


def passing_absent(function: Filter) -> Filter:
    """Wrap a filter so that an absent or null value comes out as it went in."""
    position = _value_position(function)

    @wraps(function)
    def filtered(*args: object, **kwargs: object) -> object:
        value = args[position]
        return value if value is None or isinstance(value, Undefined) else function(*args, **kwargs)

    return filtered


def on_text(function: Filter) -> Filter:
    """Wrap a filter on text: it pays for the length, and never sees a list, a group or null."""

    def text(context: MessageContext, value: object) -> object:
        given = _as_text(value)
        context.budget.spend(text_price(given))
        return given

    return _given(function, text)


def on_items(function: Filter) -> Filter:
    """Wrap a filter that goes through a list, so that it pays for each item it takes."""
    return _given(function, taken)


def on_groups(function: Filter) -> Filter:
    """Wrap a filter that goes through a group, so that it pays for each member."""

    def group(context: MessageContext, value: object) -> object:
        context.budget.spend(len(value) if isinstance(value, Mapping) else 0)
        return value

    return _given(function, group)


def _given(function: Filter, prepared: Callable[[MessageContext, object], object]) -> Filter:
    """Wrap a filter of any kind into one that is passed the context, and prepares its value with it."""
    wanted = getattr(getattr(function, "jinja_pass_arg", None), "name", None)
    first = _FIRST_ARGUMENT.get(str(wanted))

    @wraps(function)
    def filtered(context: MessageContext, value: object, *args: object, **kwargs: object) -> object:
        if first is None:
            return function(prepared(context, value), *args, **kwargs)
        return function(first(context), prepared(context, value), *args, **kwargs)

    return pass_context(filtered)


_FIRST_ARGUMENT: Mapping[str, Callable[[MessageContext], object]] = {
    "context": lambda context: context,
    "environment": lambda context: context.environment,
    "eval_context": lambda context: context.eval_ctx,
}
"""What Jinja passes to a filter before the value, by how the filter is marked."""


def _value_position(function: Filter) -> int:
    """Jinja passes an environment or a context first to functions marked so."""
    return 1 if hasattr(function, "jinja_pass_arg") else 0


def _as_text(value: object) -> str:
    if type(value) is str:
        return value
    try:
        return text_of(value)
    except Fault as fault:
        raise Fault(f"a filter for text is given a value that {fault.why}") from None


@pass_environment
def _join(
    environment: Environment, items: Iterable[object], between: str = "", attribute: str | None = None
) -> object:
    """Join the texts of a list; captured markup among them stays markup."""
    if attribute is not None:
        items = map(make_attrgetter(environment, attribute), items)
    return joined(items, text_of(between))


def _replace(text: str, old: object, new: object, count: int = -1) -> str:
    """Replace `old` by `new` in a text, if the result is not too long."""
    before, after = text_of(old), text_of(new)
    times = text.count(before) if count < 0 else min(count, text.count(before))
    if len(text) + times * (len(after) - len(before)) > MAX_TEXT:
        raise Fault(f"'replace' makes a text of more than {MAX_TEXT:,} characters")
    return text.replace(before, after, count)


def _trim(text: str, marks: object = None) -> str:
    """Take blanks, or any of `marks`, from both ends of a text."""
    if marks is None:
        return text.strip()
    taken_away = text_of(marks)
    refuse_marks(len(taken_away))
    return text.strip(taken_away)


def _round(number: float, precision: int = 0, method: str = "common") -> float:
    """Round a number to at most ten places."""
    if not 0 <= precision <= MAX_PRECISION:
        raise Fault(f"'round' is for 0 to {MAX_PRECISION} places")
    rounded: float = JINJA_FILTERS["round"](number, precision, method)
    return rounded
