"""What operators refuse and in which words, what they say they want, and laws between them."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.operators import OPERATORS, Reading, compile_scalars, is_scalar
from bridge.core.value_tests import ValueTest
from bridge.core.values import fold

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
FOLDABLE = "these can: prefix, suffix, contains, glob"
NO_TEXT = "expected a text or a list of texts, none of them empty"
NO_VALUE = "expected a value or a list of values, such as [3251, 3252]"
NO_BOUND = "expected a number or a date such as 2026-12-31, not "


def made(operator: str, operand: object) -> ValueTest:
    reading = Reading(SAO_PAULO)
    test = OPERATORS[operator](operand, (), reading)
    assert reading.problems == []
    assert test is not None
    return test


@pytest.mark.parametrize(
    ("operator", "operand", "where", "sentence"),
    [
        ("prefix", "", (), NO_TEXT),
        ("suffix", [], (), NO_TEXT),
        ("contains", ["x", None], (), NO_TEXT),
        ("glob", True, (), NO_TEXT),
        ("glob", {}, (), NO_TEXT),
        ("regex", "", (), NO_TEXT),
        ("regex", ["x", "("], (), "'(' is not a regular expression of RE2: missing ): ("),
        ("ignore_case", "", (), NO_TEXT),
        ("ignore_case", True, (), "expected what to compare, such as {ignore_case: {prefix: python}}"),
        ("ignore_case", {}, (), "expected one operator, such as {prefix: python}"),
        ("ignore_case", {"prefix": "x", "glob": "y"}, (), "expected one operator, such as {prefix: python}"),
        ("ignore_case", {"prefix": ""}, ("prefix",), NO_TEXT),
        (
            "ignore_case",
            {"prefx": "x"},
            ("prefx",),
            f"'prefx' cannot ignore case, did you mean 'prefix'?; {FOLDABLE}",
        ),
        (
            "ignore_case",
            {"regex": "x"},
            ("regex",),
            f"'regex' cannot ignore case; write (?i) in the regex instead; {FOLDABLE}",
        ),
        ("ignore_case", {"lt": 1}, ("lt",), f"'lt' cannot ignore case; {FOLDABLE}"),
        ("ignore_case", ["x", "\u0301"], (), "nothing is left of an accent when accents do not count"),
        ("lt", "soon", (), NO_BOUND + "the text 'soon'"),
        ("lte", None, (), NO_BOUND + "nothing"),
        ("gt", True, (), NO_BOUND + "true"),
        ("gte", [1], (), NO_BOUND + "a list"),
        ("gt", "2026-13-01", (), NO_BOUND + "the text '2026-13-01'"),
        ("gt", float("nan"), (), NO_BOUND + "the number nan"),
        ("between", [1], (), "expected two bounds, such as [1, 5]"),
        ("between", [1, 2, 3], (), "expected two bounds, such as [1, 5]"),
        ("between", "1-5", (), "expected two bounds, such as [1, 5]"),
        ("between", [1, "x"], (1,), NO_BOUND + "the text 'x'"),
        ("between", ["x", 1], (0,), NO_BOUND + "the text 'x'"),
        ("between", [5, 1], (), "no value lies between 5 and 1; write the lower bound first"),
        (
            "between",
            [1, "2026-01-01"],
            (),
            "of 1 and 2026-01-01, one is a number and one a date; write two of a kind",
        ),
        ("null", "yes", (), "expected true or false, not the text 'yes'"),
        ("null", None, (), "expected true or false, not nothing"),
    ],
)
def test_an_operand_that_makes_no_sense_is_refused(
    operator: str, operand: object, where: tuple[str | int, ...], sentence: str
) -> None:
    """With its place and what was expected, once."""
    reading = Reading()
    assert OPERATORS[operator](operand, ("when", "x"), reading) is None
    assert [(problem.path, problem.sentence) for problem in reading.problems] == [
        (("when", "x", *where), sentence)
    ]


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ([], NO_VALUE),
        ([["x"]], NO_VALUE),
        (
            ["x", {"prefix": "y"}],
            f"{NO_VALUE}; write `any:` over a list of operators",
        ),
        (float("inf"), "no event has the number inf; put it in quotes if you mean the text"),
        ([1, float("nan")], "no event has the number nan; put it in quotes if you mean the text"),
    ],
)
def test_a_value_that_nothing_equals_is_refused(wanted: object, sentence: str) -> None:
    """A list of operators is not a list of values."""
    reading = Reading()
    assert compile_scalars(wanted, ("when",), reading) is None
    assert [(problem.path, problem.sentence) for problem in reading.problems] == [(("when",), sentence)]


def test_single_values_are_told_from_lists_and_mappings() -> None:
    """As YAML gives them."""
    assert all(map(is_scalar, [None, "", "x", 0, 1.5, True]))
    assert not any(map(is_scalar, [[], {}, (), date(2026, 1, 1)]))


@pytest.mark.parametrize(
    ("operator", "operand", "wanted"),
    [
        ("prefix", "x", "starting with x"),
        ("suffix", 3, "ending with 3"),
        ("contains", ["x", "y"], "containing x or containing y"),
        ("glob", "x*", "glob x*"),
        ("regex", ["x", "y"], "regex x or regex y"),
        ("ignore_case", "X", "like X (any case)"),
        ("ignore_case", {"prefix": "X"}, "starting with X (any case)"),
        ("ignore_case", {"glob": ["X*", "Y*"]}, "glob X* (any case) or glob Y* (any case)"),
        ("lt", 5, "less than 5"),
        ("lte", "5", "at most 5"),
        ("gt", 1.5, "more than 1.5"),
        ("gte", "2026-01-31", "at least 2026-01-31"),
        ("between", [1, 5], "from 1 to 5"),
        ("null", True, "null"),
        ("null", False, "not null"),
    ],
)
def test_an_explanation_says_what_is_wanted(operator: str, operand: object, wanted: str) -> None:
    """As the person wrote it."""
    assert made(operator, operand).wanted == wanted


def test_values_are_shown_as_yaml_writes_them() -> None:
    """Not as Python does."""
    equals = compile_scalars([None, True, False, 3, "x"], (), Reading())
    assert equals is not None
    assert equals.wanted == "null or true or false or 3 or x"


WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


@given(text=WORDS, more=WORDS)
def test_accents_and_case_never_matter_to_ignore_case(text: str, more: str) -> None:
    """Whatever a text is, its decomposed, composed, lower and folded forms are like it."""
    if not fold(text):
        return
    like = made("ignore_case", text)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert like.holds(unicodedata.normalize(form, text))
    assert like.holds(fold(text))
    assert fold(fold(text)) == fold(text)
    assert made("ignore_case", {"prefix": text}).holds(f"{text}{more}") or unicodedata.combining(more[0])
    assert made("ignore_case", {"contains": text}).holds(f"{more} {text} {more}") or "\u0345" in text


@given(
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(-1000, 1000, places=3).map(str)
)
def test_a_number_is_compared_alike_however_it_is_written(value: float | str) -> None:
    """As a number and as the text that spells it."""
    for spelled in (value, str(value)) if len(str(value)) < 64 else (value,):
        assert made("gte", spelled).holds(value)
        assert made("between", [spelled, spelled]).holds(value)
        assert not made("lt", spelled).holds(value)
        assert not made("gt", spelled).holds(value)


@given(st.integers(-(10**30), 10**30), st.integers(-(10**30), 10**30))
def test_numbers_are_ordered_exactly(one: int, other: int) -> None:
    """Of any size, where a float would round."""
    assert made("lt", one).holds(other) is (other < one)
    assert made("lte", one).holds(str(other)) is (other <= one)
    assert made("gt", str(one)).holds(other) is (other > one)
    assert made("gte", one).holds(other) is (other >= one)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 86_400_000_000))
def test_a_date_is_a_whole_day_of_its_zone(day: date, microseconds: int) -> None:
    """Also on the days when clocks change, which in Brazil was at midnight."""
    start = datetime(day.year, day.month, day.day, tzinfo=SAO_PAULO).astimezone(UTC)
    following = day + timedelta(days=1)
    end = datetime(following.year, following.month, following.day, tzinfo=SAO_PAULO).astimezone(UTC)
    moment = start + timedelta(microseconds=microseconds)
    before, within = moment < start, start <= moment < end
    for shown in (moment, moment.isoformat(), moment.astimezone(SAO_PAULO).isoformat()):
        assert made("lt", str(day)).holds(shown) is before
        assert made("lte", str(day)).holds(shown) is (before or within)
        assert made("gte", str(day)).holds(shown) is not before
        assert made("gt", str(day)).holds(shown) is not (before or within)
        assert made("between", [str(day), str(day)]).holds(shown) is within


@pytest.mark.parametrize(
    ("operator", "operand", "value"),
    [
        ("lte", "9999-12-31", "9999-12-31"),
        ("gte", "0001-01-01", "0001-01-01T12:00:00Z"),
        ("lt", "2026-01-01", date(2025, 12, 31)),
        ("lt", "2026-01-01T00:00:00", datetime(2026, 1, 1, 2, 59)),  # noqa: DTZ001 - a naive time is UTC
        ("gt", "2026-01-01", datetime(2026, 1, 2, 3, tzinfo=UTC)),
    ],
)
def test_dates_at_the_ends_of_time_and_dates_of_python_compare(
    operator: str, operand: str, value: object
) -> None:
    """As the event's own times do."""
    assert made(operator, operand).holds(value)


@pytest.mark.parametrize("value", ["9999-12-31T23:59:59-12:00", "9999-12-31"])
def test_for_ever_is_after_everything(value: str) -> None:
    """Also where its zone carries it beyond the calendar."""
    assert made("gt", "2026-01-01").holds(value)
    assert made("between", ["2026-01-01", "9999-12-31"]).holds(value)


def test_the_beginning_of_time_is_before_everything() -> None:
    """Databases write it for no time at all."""
    assert made("lt", "2026-01-01").holds("0001-01-01T00:00:00+03:00")
