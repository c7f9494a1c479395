"""The operators of one value by their word, and how each reads its operand from YAML.

What they make stands in `core/value_tests.py`; the words that combine tests are in `core/conditions.py`.
"""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from functools import partial
from typing import Literal

from msgspec import Struct, field

from bridge.core.problems import Path, Problem, describe, did_you_mean
from bridge.core.value_tests import (
    Between,
    Compares,
    Either,
    Equals,
    IsNull,
    Matches,
    Ordering,
    Pattern,
    Text,
    ValueTest,
)
from bridge.core.values import fold, nfc, number, span, text_of


class Reading(Struct):
    """What reading one `when:` needs, and the problems it gathers; `zone` is where a date without one is."""

    zone: tzinfo = UTC
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, path: Path, sentence: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(path, sentence))


Make = Callable[[object, Path, Reading], ValueTest | None]
"""Reads an operand; None when it is refused."""
Foldable = Literal["prefix", "suffix", "contains", "glob", "equals"]
_FOLDABLE = ("prefix", "suffix", "contains", "glob")


def is_scalar(value: object) -> bool:
    """Return whether YAML gave a single value."""
    return value is None or isinstance(value, str | int | float)


def compile_scalars(wanted: object, path: Path, reading: Reading) -> Equals | None:
    """Compile a value, or a list that means any of its values."""
    options = wanted if isinstance(wanted, list) else [wanted]
    if not options or not all(is_scalar(option) for option in options):
        operators = any(isinstance(option, Mapping) for option in options)
        hint = "; write `any:` over a list of operators" if operators else ""
        reading.refuse(path, f"expected a value or a list of values, such as [3251, 3252]{hint}")
        return None
    for option in options:
        if isinstance(option, float) and not math.isfinite(option):
            reading.refuse(path, f"no event has the number {option}; put it in quotes if you mean the text")
            return None
    return Equals(tuple(options))


def _text(
    operator: Literal["prefix", "suffix", "contains"], operand: object, path: Path, reading: Reading
) -> ValueTest | None:
    options = _texts(operand, path, reading)
    return None if options is None else _either([Text(operator, option) for option in options])


def _glob(operand: object, path: Path, reading: Reading) -> ValueTest | None:
    options = _texts(operand, path, reading)
    if options is None:
        return None
    return _either([Matches("glob", option, _glob_pattern(option)) for option in options])


def _glob_pattern(glob: str) -> re.Pattern[str]:
    return re.compile(r"\A" + fnmatch.translate(glob))


def _regex(operand: object, path: Path, reading: Reading) -> ValueTest | None:
    options = _texts(operand, path, reading)
    if options is None:
        return None
    tests: list[ValueTest] = []
    for option in options:
        pattern = _re2(option)
        if isinstance(pattern, str):
            reading.refuse(path, f"'{option}' is not a regular expression of RE2: {pattern}")
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


def _compare(operator: Ordering, operand: object, path: Path, reading: Reading) -> Compares | None:
    exact = number(operand)
    if exact is not None:
        return Compares(operator, exact, str(operand))
    covered = span(operand, reading.zone)
    if covered is None:
        reading.refuse(path, f"expected a number or a date such as 2026-12-31, not {describe(operand)}")
        return None
    moment = covered[0] if operator in ("lt", "gte") else covered[1]
    return Compares(operator, moment, str(operand), reading.zone)


def _between(operand: object, path: Path, reading: Reading) -> ValueTest | None:
    if not isinstance(operand, list) or len(operand) != 2:
        reading.refuse(path, "expected two bounds, such as [1, 5]")
        return None
    low = _compare("gte", operand[0], (*path, 0), reading)
    high = _compare("lte", operand[1], (*path, 1), reading)
    if low is None or high is None:
        return None
    bounds = f"{low.written} and {high.written}"
    if type(low.operand) is not type(high.operand):
        reading.refuse(path, f"of {bounds}, one is a number and one a date; write two of a kind")
        return None
    if low.operand > high.operand:  # type: ignore[operator]
        reading.refuse(path, f"no value lies between {bounds}; write the lower bound first")
        return None
    return Between(low, high)


def _null(operand: object, path: Path, reading: Reading) -> ValueTest | None:
    if isinstance(operand, bool):
        return IsNull(operand)
    reading.refuse(path, f"expected true or false, not {describe(operand)}")
    return None


def _ignore_case(operand: object, path: Path, reading: Reading) -> ValueTest | None:
    if not isinstance(operand, Mapping):
        return _folded("equals", operand, path, reading)
    if len(operand) != 1:
        reading.refuse(path, "expected one operator, such as {prefix: python}")
        return None
    ((key, inner),) = operand.items()
    if key in _FOLDABLE:
        return _folded(key, inner, (*path, key), reading)
    hint = "; write (?i) in the regex instead" if key == "regex" else did_you_mean(str(key), _FOLDABLE)
    sentence = f"'{key}' cannot ignore case{hint}; these can: {', '.join(_FOLDABLE)}"
    reading.refuse((*path, str(key)), sentence)
    return None


def _folded(key: Foldable, operand: object, path: Path, reading: Reading) -> ValueTest | None:
    if isinstance(operand, bool):
        reading.refuse(path, "expected what to compare, such as {ignore_case: {prefix: python}}")
        return None
    options = _texts(operand, path, reading)
    if options is None:
        return None
    if not all(map(fold, options)):
        reading.refuse(path, "nothing is left of an accent when accents do not count")
        return None
    if key == "glob":
        return _either([Matches("glob", o, _glob_pattern(fold(o)), folded=True) for o in options])
    return _either([Text(key, option, folded=True) for option in options])


def _texts(operand: object, path: Path, reading: Reading) -> list[str] | None:
    options = operand if isinstance(operand, list) else [operand]
    texts = [text_of(option) for option in options]
    known = [text for text in texts if text]
    if not known or len(known) != len(options):
        reading.refuse(path, "expected a text or a list of texts, none of them empty")
        return None
    return [nfc(text) for text in known]


def _either(tests: list[ValueTest]) -> ValueTest:
    return tests[0] if len(tests) == 1 else Either(tuple(tests))


OPERATORS: Mapping[str, Make] = {
    "prefix": partial(_text, "prefix"),
    "suffix": partial(_text, "suffix"),
    "contains": partial(_text, "contains"),
    "glob": _glob,
    "regex": _regex,
    "ignore_case": _ignore_case,
    "lt": partial(_compare, "lt"),
    "lte": partial(_compare, "lte"),
    "gt": partial(_compare, "gt"),
    "gte": partial(_compare, "gte"),
    "between": _between,
    "null": _null,
}
"""The operators of one value, by their word; those that combine are in `conditions.py`."""
