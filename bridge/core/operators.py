"""The tests of a single value: one class per operator, and the table that compiles them from YAML."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from bridge.core.problems import Path, Problem, did_you_mean
from bridge.core.values import Comparable, fold, moment, nfc, number, same, text_of


class ValueTest(Protocol):
    """A test of one value."""

    @property
    def wanted(self) -> str:
        """What it asks for, in plain words."""
        ...

    def holds(self, value: object) -> bool:
        """Return whether the value passes; a value of the wrong type does not."""
        ...


class Pattern(Protocol):
    """A compiled pattern, of `re` or of RE2."""

    def search(self, text: str, /) -> object:
        """Return a match, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Equals:
    """Equal to any of these."""

    options: tuple[object, ...]

    @property
    def wanted(self) -> str:
        """The value, or the values joined by `or`."""
        return " or ".join("null" if option is None else str(option) for option in self.options)

    def holds(self, value: object) -> bool:
        """Return whether the value equals an option."""
        return any(same(value, option) for option in self.options)


@dataclass(frozen=True, slots=True)
class Text:
    """A text operator with its operand; `folded` compares without case and accents."""

    operator: Literal["prefix", "suffix", "contains", "equals"]
    operand: str
    folded: bool = False

    @property
    def wanted(self) -> str:
        """The operator and its operand."""
        words = {"prefix": "starting with", "suffix": "ending with", "contains": "containing"}
        word = words.get(self.operator, "like")
        return f"{word} {self.operand}" + (" (any case)" if self.folded else "")

    def holds(self, value: object) -> bool:
        """Return whether the text of the value passes."""
        text = text_of(value)
        if text is None:
            return False
        operand = self.operand
        if self.folded:
            text, operand = fold(text), fold(operand)
        match self.operator:
            case "prefix":
                return text.startswith(operand)
            case "suffix":
                return text.endswith(operand)
            case "contains":
                return operand in text
            case "equals":
                return text == operand


@dataclass(frozen=True, slots=True)
class Matches:
    """A glob or a regular expression."""

    operator: Literal["glob", "regex"]
    operand: str
    pattern: Pattern
    folded: bool = False

    @property
    def wanted(self) -> str:
        """The operator and its operand."""
        return f"{self.operator} {self.operand}"

    def holds(self, value: object) -> bool:
        """Return whether the pattern is found; a glob covers the whole text."""
        text = text_of(value)
        return text is not None and self.pattern.search(fold(text) if self.folded else text) is not None


@dataclass(frozen=True, slots=True)
class Compares:
    """Less, greater or between, for numbers (and texts that spell one) and for dates."""

    operator: Literal["lt", "lte", "gt", "gte"]
    operand: Comparable
    written: str

    @property
    def wanted(self) -> str:
        """The comparison in words."""
        words = {"lt": "less than", "lte": "at most", "gt": "more than", "gte": "at least"}
        return f"{words[self.operator]} {self.written}"

    def holds(self, value: object) -> bool:
        """Return whether the value compares; a value that is neither number nor date does not."""
        found = moment(value) if not isinstance(self.operand, _DECIMAL) else number(value)
        if found is None:
            return False
        match self.operator:
            case "lt":
                return found < self.operand  # type: ignore[operator]
            case "lte":
                return found <= self.operand  # type: ignore[operator]
            case "gt":
                return found > self.operand  # type: ignore[operator]
            case "gte":
                return found >= self.operand  # type: ignore[operator]


@dataclass(frozen=True, slots=True)
class Between:
    """Within two bounds, both included."""

    low: Compares
    high: Compares

    @property
    def wanted(self) -> str:
        """The bounds."""
        return f"from {self.low.written} to {self.high.written}"

    def holds(self, value: object) -> bool:
        """Return whether the value lies within the bounds."""
        return self.low.holds(value) and self.high.holds(value)


@dataclass(frozen=True, slots=True)
class IsNull:
    """Null, or anything but null."""

    expected: bool

    @property
    def wanted(self) -> str:
        """`null` or `not null`."""
        return "null" if self.expected else "not null"

    def holds(self, value: object) -> bool:
        """Return whether the value is as expected."""
        return (value is None) is self.expected


@dataclass(frozen=True, slots=True)
class Either:
    """Any of several tests."""

    tests: tuple[ValueTest, ...]

    @property
    def wanted(self) -> str:
        """The tests joined by `or`."""
        return " or ".join(test.wanted for test in self.tests)

    def holds(self, value: object) -> bool:
        """Return whether some test passes."""
        return any(test.holds(value) for test in self.tests)


def is_scalar(value: object) -> bool:
    """Return whether YAML gave a single value."""
    return value is None or isinstance(value, str | int | float)


def compile_scalars(wanted: object, path: Path, problems: list[Problem]) -> Equals | None:
    """Compile a value, or a list that means any of its values."""
    if is_scalar(wanted):
        return Equals((wanted,))
    if not isinstance(wanted, list) or not wanted or not all(is_scalar(item) for item in wanted):
        problems.append(Problem(path, "expected a value or a list of values, such as [3251, 3252]"))
        return None
    return Equals(tuple(wanted))


def _text(operator: Literal["prefix", "suffix", "contains"]) -> Make:
    def make(operand: object, path: Path, problems: list[Problem]) -> ValueTest | None:
        options = _texts(operand, path, problems)
        return None if options is None else _either([Text(operator, option) for option in options])

    return make


def _glob(operand: object, path: Path, problems: list[Problem]) -> ValueTest | None:
    options = _texts(operand, path, problems)
    if options is None:
        return None
    return _either([Matches("glob", option, _glob_pattern(option)) for option in options])


def _glob_pattern(glob: str) -> re.Pattern[str]:
    return re.compile(r"\A" + fnmatch.translate(glob))


def _regex(operand: object, path: Path, problems: list[Problem]) -> ValueTest | None:
    options = _texts(operand, path, problems)
    if options is None:
        return None
    tests: list[ValueTest] = []
    for option in options:
        pattern = _re2(option)
        if isinstance(pattern, str):
            problems.append(Problem(path, f"'{option}' is not a regular expression of RE2: {pattern}"))
            return None
        tests.append(Matches("regex", option, pattern))
    return _either(tests)


def _re2(pattern: str) -> Pattern | str:
    import re2  # noqa: PLC0415  # only configurations that use `regex` pay for the import

    options = re2.Options()
    options.log_errors = False
    try:
        compiled: Pattern = re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0] if error.args else "unknown error"
        return said.decode() if isinstance(said, bytes) else str(said)
    return compiled


def _compare(operator: Literal["lt", "lte", "gt", "gte"]) -> Make:
    def make(operand: object, path: Path, problems: list[Problem]) -> Compares | None:
        bound: Comparable | None = number(operand)
        if bound is None:
            bound = moment(operand)
        if bound is None:
            expected = "expected a number or a date such as 2026-12-31"
            problems.append(Problem(path, f"{expected}, not '{operand}'"))
            return None
        return Compares(operator, bound, str(operand))

    return make


def _between(operand: object, path: Path, problems: list[Problem]) -> ValueTest | None:
    if not isinstance(operand, list) or len(operand) != 2:
        problems.append(Problem(path, "expected two bounds, such as [1, 5]"))
        return None
    low = _compare("gte")(operand[0], (*path, 0), problems)
    high = _compare("lte")(operand[1], (*path, 1), problems)
    if not isinstance(low, Compares) or not isinstance(high, Compares):
        return None
    if type(low.operand) is not type(high.operand) or low.operand > high.operand:  # type: ignore[operator]
        bounds = f"{low.written} and {high.written}"
        problems.append(Problem(path, f"no value lies between {bounds}; write the lower bound first"))
        return None
    return Between(low, high)


def _null(operand: object, path: Path, problems: list[Problem]) -> ValueTest | None:
    if isinstance(operand, bool):
        return IsNull(operand)
    problems.append(Problem(path, f"expected true or false, not '{operand}'"))
    return None


def _ignore_case(operand: object, path: Path, problems: list[Problem]) -> ValueTest | None:
    if not isinstance(operand, Mapping):
        options = _texts(operand, path, problems)
        if options is None:
            return None
        return _either([Text("equals", option, folded=True) for option in options])
    tests: list[ValueTest] = []
    for key, value in operand.items():
        test = _folded(str(key), value, (*path, str(key)), problems)
        if test is None:
            return None
        tests.append(test)
    if len(tests) == 1:
        return tests[0]
    problems.append(Problem(path, "expected one operator, such as {prefix: python}"))
    return None


def _folded(key: str, operand: object, path: Path, problems: list[Problem]) -> ValueTest | None:
    known = ("prefix", "suffix", "contains", "glob")
    if key not in known:
        hint = "; write (?i) in the regex instead" if key == "regex" else did_you_mean(key, known)
        problems.append(Problem(path, f"'{key}' cannot ignore case{hint}; these can: {', '.join(known)}"))
        return None
    options = _texts(operand, path, problems)
    if options is None:
        return None
    if key == "glob":
        return _either([Matches("glob", o, _glob_pattern(fold(o)), folded=True) for o in options])
    return _either([Text(key, option, folded=True) for option in options])  # type: ignore[arg-type]


def _texts(operand: object, path: Path, problems: list[Problem]) -> list[str] | None:
    options = operand if isinstance(operand, list) else [operand]
    texts = [text_of(option) for option in options if not isinstance(option, bool)]
    known = [text for text in texts if text]
    if not known or len(known) != len(options):
        problems.append(Problem(path, "expected a text or a list of texts"))
        return None
    return [nfc(text) for text in known]


def _either(tests: list[ValueTest]) -> ValueTest:
    return tests[0] if len(tests) == 1 else Either(tuple(tests))


Make = Callable[[object, Path, list[Problem]], ValueTest | None]
_DECIMAL = type(number(0))

OPERATORS: Mapping[str, Make] = {
    "prefix": _text("prefix"),
    "suffix": _text("suffix"),
    "contains": _text("contains"),
    "glob": _glob,
    "regex": _regex,
    "ignore_case": _ignore_case,
    "lt": _compare("lt"),
    "lte": _compare("lte"),
    "gt": _compare("gt"),
    "gte": _compare("gte"),
    "between": _between,
    "null": _null,
}
"""The operators of one value, by their word; those that combine are in `conditions.py`."""
