"""The sandbox that templates run in: what a value may be asked for, what may grow, what may be called.

What is not listed here does not exist. Beyond Jinja's own sandbox it looks up members of groups before
attributes (so `data.items` is the payload's `items`), and bounds what grows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from itertools import islice

from jinja2 import pass_context
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from bridge.core.problems import did_you_mean
from bridge.rendering.codegen import COUNTED, DYNAMIC, PieceGenerator
from bridge.rendering.limits import (
    MAX_BITS,
    MAX_ITEMS,
    Budget,
    Fault,
    Spot,
    bounded_items,
    bounded_range,
    bounded_text,
)
from bridge.rendering.metering import (
    MessageContext,
    charge_method,
    metered_tests,
    searched,
    taken,
    weighed,
)
from bridge.rendering.values import Absent, Fragment, Printed, joined
from bridge.rendering.words import words

TEXT_METHODS = words(
    "capitalize casefold count endswith find isalnum isalpha isdigit islower isnumeric isspace istitle "
    "isupper lower lstrip partition removeprefix removesuffix rfind rpartition rsplit rstrip split "
    "splitlines startswith strip swapcase title upper"
)
"""Methods of text whose result is no longer than the text."""
TIME_MEMBERS = words(
    "year month day hour minute second microsecond weekday isoweekday date time isoformat timestamp"
)
LOOP_MEMBERS = words(
    "index index0 revindex revindex0 first last length previtem nextitem cycle changed depth depth0"
)
_ALLOWED: tuple[tuple[type, frozenset[str], str], ...] = (
    (str, TEXT_METHODS, "text"),
    (Fragment, TEXT_METHODS, "text"),
    (list, words("count index"), "a list"),
    (tuple, words("count index"), "a list"),
    (datetime, TIME_MEMBERS, "a time"),
    (date, TIME_MEMBERS, "a date"),
    (time, TIME_MEMBERS, "a time"),
    (timedelta, words("days seconds total_seconds"), "a length of time"),
    (LoopContext, LOOP_MEMBERS, "loop"),
)
_GROUP_METHODS = words("items keys values get")
_NOTHING = object()


class MessageEnvironment(ImmutableSandboxedEnvironment):
    """Compiles and runs templates whose output is pieces (`values.py`), within limits (`limits.py`)."""

    code_generator_class = PieceGenerator
    context_class = MessageContext
    concat = staticmethod(Fragment.of)  # type: ignore[assignment]  # Jinja joins text here, we keep pieces
    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))
    bounded = staticmethod(bounded_items)
    joined = staticmethod(joined)
    weighed = staticmethod(weighed)
    searched = staticmethod(searched)

    def __init__(self, filters: Mapping[str, Callable[..., object]], tests: Iterable[str]) -> None:
        """Know `filters` and, of Jinja's tests, those named in `tests`; nothing else."""
        super().__init__(
            undefined=Absent, optimized=False, trim_blocks=True, lstrip_blocks=True, cache_size=0
        )
        self.filters = {**filters, COUNTED: pass_context(taken)}
        self.tests = {name: (self.tests | metered_tests())[name] for name in tests}
        self.globals = {"range": bounded_range, "namespace": Namespace}

    @staticmethod
    def printed(value: object, label: str | None, spot: Spot | None) -> str | Fragment | Printed:
        """Take what `{{ }}` holds; raise `UndefinedError` when it is absent."""
        if type(value) is str:
            return Printed(value, label, spot)
        if isinstance(value, Fragment):
            return value.pieces[0] if len(value.pieces) == 1 else value
        if isinstance(value, Absent):
            str(value)
        if isinstance(value, Iterator):
            # Worked out here, where what goes wrong is still the template's.
            value = bounded_items(list(islice(value, MAX_ITEMS + 1)))
        return Printed(value, label, spot)

    def member(self, owner: object, name: object, path: str) -> object:
        """Return what `owner.name` or `owner[name]` is; `Absent` where there is none.

        `path` is how the author wrote it, and what people are told: a name that came from the event is not.
        Raises `Fault` for an attribute of Python's that templates have no use for.
        """
        if type(owner) is dict:
            found = owner.get(name, _NOTHING)
            if found is not _NOTHING:
                return found
        elif isinstance(owner, Absent):
            return Absent(name=path)
        elif isinstance(owner, list | tuple | str) and isinstance(name, int):
            return owner[name] if -len(owner) <= name < len(owner) else Absent(name=path)
        if isinstance(owner, Mapping):
            return _of_group(owner, name, path)
        return _attribute(owner, str(name), path)

    def getattr(self, obj: object, attribute: str) -> object:
        """As `member`, for Jinja's own filters."""
        return self.member(obj, attribute, attribute)

    def getitem(self, obj: object, argument: object) -> object:
        """As `member`, for Jinja's own filters."""
        return self.member(obj, argument, str(argument))

    def call(__self, __context: Context, __obj: object, *args: object, **kwargs: object) -> object:  # noqa: N805, PYI063  (as the method overridden)
        """Call a macro, a method or a function of the sandbox, at the price of one step."""
        budget: Budget = __context.budget  # type: ignore[attr-defined]
        budget.spend()
        if isinstance(__obj, Absent):
            str(__obj)
        if not callable(__obj):
            raise Fault("calls something that is no macro and no method")
        if not isinstance(__obj, Macro):
            charge_method(budget, __obj, args)
            return __context.call(__obj, *args, **kwargs)
        budget.enter()
        try:
            return __context.call(__obj, *args, **kwargs)
        finally:
            budget.leave()

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        """Calculate, within limits; raise `Fault` in words where Python would speak of its types."""
        del context
        if operator == "+" and (isinstance(left, Fragment) or isinstance(right, Fragment)):
            return joined((left, right))
        _refuse_growth(operator, left, right)
        try:
            made = self.binop_table[operator](left, right)
        except TypeError:
            raise Fault(f"'{operator}' is given values it cannot work with; text is joined with ~") from None
        except ArithmeticError:
            raise Fault(f"'{operator}' divides by zero, or makes too large a number") from None
        if isinstance(made, str):
            return bounded_text(made)
        return bounded_items(made) if isinstance(made, list | tuple) else made


def _of_group(owner: Mapping[object, object], name: object, path: str) -> object:
    if name in owner:
        return owner[name]
    if name in _GROUP_METHODS:
        return getattr(owner, str(name))
    return _unless_python(str(name), path)


def _attribute(owner: object, name: str, path: str) -> object:
    if isinstance(owner, Namespace) and not name.startswith("_"):
        return getattr(owner, name, Absent(name=path))
    for kind, allowed, word in _ALLOWED:
        if isinstance(owner, kind):
            if name in allowed:
                return getattr(str(owner) if kind is Fragment else owner, name)
            meant = did_you_mean(name, allowed)
            raise Fault(f"{word} has no '{_told(name, path)}' that a template may use{meant}")
    return _unless_python(name, path)


def _unless_python(name: str, path: str) -> Absent:
    if name.startswith("__"):
        raise Fault(f"'{_told(name, path)}' is Python's own, not a template's")
    return Absent(name=path)


def _told(name: str, path: str) -> str:
    return name if path.endswith(name) else DYNAMIC


def _refuse_growth(operator: str, left: object, right: object) -> None:
    if operator not in ("*", "**", "%") or isinstance(left, Absent) or isinstance(right, Absent):
        return
    if not (isinstance(left, int | float) and isinstance(right, int | float)):
        raise Fault(f"'{operator}' is for numbers only")
    if isinstance(left, int) and isinstance(right, int) and operator != "%":
        bits = left.bit_length() * right if operator == "**" else left.bit_length() + right.bit_length()
        if bits > MAX_BITS:
            raise Fault(f"'{operator}' makes too large a number")
