"""What filters, tests, comparisons and methods cost: each counts steps over what it goes through.

A filter over a list pays for each item as it takes it, one on text for its length. So no work between two
looks at the clock is larger than the event itself, and nothing multiplies unseen.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping, Sized

from jinja2 import Environment, pass_context
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from jinja2.utils import missing

from bridge.rendering.limits import Budget, Fault, text_price
from bridge.rendering.values import Fragment

ITEMS_A_STEP = 100
"""Items of a list that a comparison, `in`, or a list's own method looks at for one step."""
MAX_MARKS = 100
"""Characters that `trim` and methods such as `strip` may be told to take away."""
_COMPARISONS: Mapping[str, Callable[..., object]] = {
    **dict.fromkeys(("==", "eq", "equalto"), operator.eq),
    **dict.fromkeys(("!=", "ne"), operator.ne),
    **dict.fromkeys((">", "gt", "greaterthan"), operator.gt),
    **dict.fromkeys((">=", "ge"), operator.ge),
    **dict.fromkeys(("<", "lt", "lessthan"), operator.lt),
    **dict.fromkeys(("<=", "le"), operator.le),
}


_WEIGHTLESS = frozenset((int, float, bool, type(None)))


class ReadyNames(dict[str, object]):
    """All that a text may ask for by name, ready for any text of a message."""

    def __missing__(self, name: str) -> object:
        """Return what stands for a name that there is not, as Jinja's code expects it."""
        return missing

    def and_also(self, others: Mapping[str, object]) -> ReadyNames:
        """Return these names and others."""
        both = ReadyNames(self)
        both.update(others)
        return both


class MessageContext(Context):
    """One rendering: the names it sees and what it may still use.

    Jinja's own is made for templates that are made of others, and takes three times as long to make.
    """

    def __init__(self, environment: Environment, names: ReadyNames, budget: Budget) -> None:
        """`names` are looked up as they are; what a text sets by itself is a variable of its code."""
        self.parent = names
        self.vars = {}
        self.environment = environment
        self.eval_ctx = EvalContext(environment)
        self.exported_vars = set()
        self.name = None
        self.globals_keys = set()
        self.blocks = {}
        self.budget = budget

    @property
    def resolve_or_missing(self) -> Callable[[str], object]:
        """Return what looks a name up."""
        return self.parent.__getitem__


def taken(context: MessageContext, value: object) -> object:
    """Return what a filter or a loop goes through, each item at the price of a step and of its length."""
    if isinstance(value, Fragment):
        value = str(value)
    return context.budget.counted(value) if isinstance(value, Iterable) else value


def weighed(context: MessageContext, value: object) -> object:
    """Return a value that is compared, and pay for its size; what has none is free."""
    if type(value) in _WEIGHTLESS:
        return value
    if isinstance(value, str):
        context.budget.spend(text_price(value))
    elif isinstance(value, Sized) and not isinstance(value, Fragment):
        context.budget.spend(len(value) // ITEMS_A_STEP)
    return value


def searched(context: MessageContext, value: object) -> object:
    """Return what stands after `in`, and pay for going through it; a group finds its keys at once."""
    if isinstance(value, Mapping | KeysView):
        return value
    return context.budget.counted(value) if isinstance(value, Iterator) else weighed(context, value)


def metered_tests() -> dict[str, Callable[..., object]]:
    """Return the tests (`is …`, `select('…')`) that look through their values, in place of Jinja's own."""
    return {
        "in": _within,
        **{name: _comparison(function) for name, function in _COMPARISONS.items()},
        "lower": _case(str.islower),
        "upper": _case(str.isupper),
    }


def charge_method(budget: Budget, method: object, args: Iterable[object]) -> None:
    """Pay for a call of a text's or list's own method; searching for a long text costs both lengths."""
    owner = getattr(method, "__self__", None)
    if isinstance(owner, list | tuple):
        budget.spend(len(owner) // ITEMS_A_STEP)
    elif isinstance(owner, str):
        longest = max((len(arg) for arg in args if isinstance(arg, str)), default=0)
        if getattr(method, "__name__", "").endswith("strip"):
            refuse_marks(longest)
        budget.spend(text_price(owner) * (1 + longest // MAX_MARKS))


def refuse_marks(number: int) -> None:
    """Raise `Fault` where a text would be compared, character by character, with too many others."""
    if number > MAX_MARKS:
        raise Fault(f"takes away at most {MAX_MARKS} different characters")


@pass_context
def _within(context: MessageContext, value: object, container: object) -> bool:
    return weighed(context, value) in searched(context, container)  # type: ignore[operator]  # a Fault's words


def _comparison(function: Callable[..., object]) -> Callable[..., object]:
    @pass_context
    def compared(context: MessageContext, value: object, other: object) -> object:
        return function(weighed(context, value), weighed(context, other))

    return compared


def _case(function: Callable[[str], bool]) -> Callable[..., object]:
    @pass_context
    def tested(context: MessageContext, value: object) -> bool:
        return function(str(weighed(context, value)))

    return tested
