"""Dates, amounts and numbers in Portuguese, English and Spanish."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.messages import RenderFailure
from bridge.rendering.limits import Fault
from bridge.rendering.wording import Wording
from tests.rendering.conftest import NOW, Bench

FACTS = {
    "occurred_at": NOW,
    "data": {
        "iso": "2026-11-23T17:05:00Z",
        "short": "2026-05-19T04:04:25.0Z",
        "naive": "2026-11-23 17:05:00",
        "day": "2026-11-23",
        "price": {"currency": "USD", "value": 301.5},
        "value": 1234.5,
        "text": "1234.5",
        "lessons": ["a", "b"],
    },
}
SAID = [
    # a filter, and what it says in pt_BR, en_US, es
    ("occurred_at | date", "23 de novembro de 2026", "November 23, 2026", "23 de noviembre de 2026"),
    ("occurred_at | date('short')", "23/11/2026", "11/23/26", "23/11/26"),
    ("occurred_at | date('EEEE, d/MM')", "segunda-feira, 23/11", "Monday, 23/11", "lunes, 23/11"),
    ("occurred_at | time", "14:05", "2:05\u202fPM", "14:05"),
    ("data.naive | time", "14:05", "2:05\u202fPM", "14:05"),
    ("data.iso | time('HH:mm')", "14:05", "14:05", "14:05"),
    ("data.short | datetime('short')", "19/05/2026 01:04", "5/19/26 1:04\u202fAM", "19/5/26 1:04"),
    (
        "data.iso | datetime",
        "23 de novembro de 2026 às 14:05",
        "November 23, 2026 at 2:05\u202fPM",
        "23 de noviembre de 2026, 14:05",
    ),
    ("data.day | date", "23 de novembro de 2026", "November 23, 2026", "23 de noviembre de 2026"),
    ("'2026-11-23 16:00:00' | ago", "há 1 hora", "1 hour ago", "hace 1 hora"),
    ("'2026-11-20' | ago", "há 4 dias", "4 days ago", "hace 4 días"),
    ("'2027-01-01' | ago", "há 1 segundo", "1 second ago", "hace 1 segundo"),
    ("data.value | money", "R$\xa01.234,50", "$1,234.50", "1.234,50\xa0BRL"),
    ("data.text | money('EUR')", "€\xa01.234,50", "€1,234.50", "1.234,50\xa0€"),
    ("data.price | money", "US$\xa0301,50", "$301.50", "301,50\xa0US$"),
    ("data.value | number", "1.234,5", "1,234.5", "1.234,5"),
    ("data.value | number(2)", "1.234,50", "1,234.50", "1.234,50"),
    ("3 | ordinal", "3º", "3rd", "3.º"),
    ("1 | ordinal('f')", "1ª", "1st", "1.ª"),
    ("112 | ordinal", "112º", "112th", "112.º"),
    ("1 | plural('aula', 'aulas')", "aula", "aula", "aula"),
    ("0 | plural('aula', 'aulas')", "aulas", "aulas", "aulas"),
    ("data.lessons | plural('aula', 'aulas')", "aulas", "aulas", "aulas"),
    ("data.absent | date | default('?')", "?", "?", "?"),
]
WRONG = [
    ("'ontem' | date", "a filter for dates is given text that is no date; ISO 8601 is expected"),
    ("5 | time", "a filter for dates is given something that is no date"),
    ("occurred_at | date('d' * 0 ~ data.iso ~ data.iso ~ data.iso ~ data.iso)", "'*' is for numbers only"),
    (
        "occurred_at | date(data.iso ~ data.iso ~ data.iso ~ data.iso)",
        "a pattern for a date is short, such as 'dd/MM/yyyy'",
    ),
    ("data.lessons | money", "a filter for numbers is given something that is no number"),
    ("'dez' | money", "a filter for numbers is given text that is no number"),
    ("'1e99' | money", "a filter for numbers is given no ordinary number"),
    ("'NaN' | number", "a filter for numbers is given no ordinary number"),
    ("true | number", "a filter for numbers is given something that is no number"),
    ("1 | money('real')", "'money' is given a currency that is none; write a code such as 'BRL'"),
    ("1 | number(99)", "'number' is for 0 to 10 places"),
]


@pytest.mark.parametrize(("filtered", "pt", "en", "es"), SAID)
def test_people_are_told_in_their_language(bench: Bench, filtered: str, pt: str, en: str, es: str) -> None:
    """Each filter speaks the configured language, in the configured time zone."""
    for locale, expected in (("pt_BR", pt), ("en_US", en), ("es", es)):
        bench.locale = locale
        said = bench.say(f"{{{{ {filtered} }}}}", FACTS)
        assert isinstance(said, str), said
        assert said.replace("\u202f", " ") == expected.replace("\u202f", " ")


@pytest.mark.parametrize(("filtered", "why"), WRONG)
def test_what_cannot_be_said_fails_in_words(bench: Bench, filtered: str, why: str) -> None:
    """Text that is no date, amounts that are none: the reason is a sentence."""
    failure = bench.say(f"{{{{ {filtered} }}}}", FACTS)
    assert isinstance(failure, RenderFailure)
    assert failure.why == why


def test_a_language_babel_does_not_know_is_portuguese(tmp_path: Path) -> None:
    """A renderer always speaks; the configuration says which languages there are."""
    assert Wording("xx_YY", ZoneInfo("UTC"), lambda: NOW).money(1) == "R$\xa01,00"


def test_a_plain_day_is_never_moved_by_the_time_zone() -> None:
    """A date without a time is that date everywhere."""
    for zone in ("America/Sao_Paulo", "Pacific/Kiritimati"):
        wording = Wording("pt_BR", ZoneInfo(zone), lambda: NOW)
        assert wording.day(date(2026, 1, 1), "dd/MM") == wording.day("2026-01-01", "dd/MM") == "01/01"


LANGUAGES = st.sampled_from(["pt_BR", "en", "en_US", "es", "es_MX"])
AMOUNTS = st.decimals(-(10**12), 10**12, places=2)


@given(LANGUAGES, st.integers(10**5, 4 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_a_time_is_said_the_same_however_a_platform_writes_it(locale: str, moment: datetime) -> None:
    """ISO 8601 with a zone, without one, with a space: one moment, one sentence, in every language."""
    wording = Wording(locale, ZoneInfo("America/Sao_Paulo"), lambda: NOW)
    plain = moment.replace(tzinfo=None)
    written = [moment, moment.isoformat(), plain.isoformat(), plain.isoformat(" "), f"{plain.isoformat()}Z"]
    for said in (wording.day, wording.time, wording.moment, wording.ago):
        assert len({said(each) for each in written}) == 1
    local = moment.astimezone(ZoneInfo("America/Sao_Paulo"))
    assert wording.day(moment, "yyyy-MM-dd") == f"{local:%Y-%m-%d}"
    assert wording.time(moment, "HH:mm") == f"{local:%H:%M}"
    assert str(local.year) in wording.day(moment)


@given(LANGUAGES, AMOUNTS)
def test_an_amount_keeps_its_digits(locale: str, amount: Decimal) -> None:
    """Only signs and marks are another in another language, and a number as text says the same."""
    wording = Wording(locale, ZoneInfo("UTC"), lambda: NOW)
    said = wording.money(amount, "BRL")
    assert [c for c in said if c.isdigit()] == [c for c in f"{abs(amount):.2f}" if c.isdigit()]
    assert said == wording.money(str(amount), "BRL") == wording.money({"currency": "BRL", "value": amount})
    assert "\n" not in said


@given(LANGUAGES, st.integers(-(10**6), 10**6))
def test_whole_numbers_are_counted_and_ranked(locale: str, number: int) -> None:
    """One is one thing and all others are several; a rank begins with its number, and ends as its gender."""
    wording = Wording(locale, ZoneInfo("UTC"), lambda: NOW)
    assert wording.plural(number, "aula", "aulas") == ("aula" if number in (1, -1) else "aulas")
    assert wording.ordinal(number).startswith(str(number))
    assert (wording.ordinal(number, "f") == wording.ordinal(number)) == locale.startswith("en")


@given(st.text() | st.integers() | st.floats() | st.datetimes() | st.none() | st.lists(st.integers()))
def test_any_value_is_said_or_refused(value: object) -> None:
    """No value makes a filter raise anything but its own refusal."""
    wording = Wording("pt_BR", ZoneInfo("America/Sao_Paulo"), lambda: NOW)
    for filtered in (
        wording.day,
        wording.time,
        wording.moment,
        wording.ago,
        wording.money,
        wording.number,
        wording.ordinal,
    ):
        with suppress(Fault):
            assert isinstance(filtered(value), str)
