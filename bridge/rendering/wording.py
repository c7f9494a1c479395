"""Dates, amounts and numbers as people write them, in the configured language and time zone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cached_property
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, format_timedelta, parse_pattern
from babel.numbers import format_currency, format_decimal, get_territory_currencies, is_currency

from bridge.rendering.limits import Fault

_LENGTHS = ("short", "medium", "long", "full")
_AT: Mapping[str, str] = {"pt": "{date} às {time}", "en": "{date} at {time}", "es": "{date}, {time}"}
_ORDINALS: Mapping[str, tuple[str, str]] = {"pt": ("º", "ª"), "es": (".º", ".ª")}
MAX_PATTERN = 60
MAX_DIGITS = 40
MAX_MAGNITUDE = 15


class Wording:
    """Says times, amounts and numbers in one language and time zone."""

    def __init__(self, locale: str, timezone: ZoneInfo, now: Callable[[], datetime]) -> None:
        """`locale` as in `pt_BR`, `en` or `es_MX`; `now` returns an aware datetime and serves `ago` alone."""
        self._name = locale.replace("-", "_")
        self._language = self._name.partition("_")[0].lower()
        self._timezone = timezone
        self._now = now

    @cached_property
    def locale(self) -> Locale:
        """Babel's data for the language; Brazilian Portuguese for a name that Babel does not know."""
        try:
            return Locale.parse(self._name)
        except (UnknownLocaleError, ValueError):
            return Locale.parse("pt_BR")

    def local(self, value: object) -> datetime:
        """Return a time of an event in the configured zone.

        Takes a datetime, or text as platforms write it: ISO 8601, or `2023-09-25 19:05:43`, which is UTC
        when it names no zone. Raises `Fault` for anything else.
        """
        if isinstance(value, str):
            value = _parsed(value)
        if isinstance(value, datetime):
            aware = value if value.tzinfo else value.replace(tzinfo=UTC)
            return aware.astimezone(self._timezone)
        raise Fault("a filter for dates is given something that is no date")

    def day(self, value: object, form: str = "long") -> str:
        """`| date`: 23 de novembro de 2026. `form` is short, medium, long, full, or a pattern: `dd/MM`."""
        moment = _plain_day(value) or self.local(value)
        if form in _LENGTHS:
            return format_date(moment, form, self.locale)
        if len(form) > MAX_PATTERN:
            raise Fault("a pattern for a date is short, such as 'dd/MM/yyyy'")
        if not isinstance(moment, datetime):
            moment = datetime(moment.year, moment.month, moment.day, tzinfo=self._timezone)
        return parse_pattern(form).apply(moment, self.locale)

    def time(self, value: object, form: str = "short") -> str:
        """`| time`: 14:05."""
        if form not in _LENGTHS:
            return self.day(value, form)
        moment = self.local(value)
        return format_time(moment, form, tzinfo=self._timezone, locale=self.locale)

    def moment(self, value: object, form: str = "long") -> str:
        """`| datetime`: 23 de novembro de 2026 às 14:05."""
        if form not in _LENGTHS:
            return self.day(value, form)
        joiner = _AT.get(self._language, "{date} {time}") if form in ("long", "full") else "{date} {time}"
        return joiner.format(date=self.day(value, form), time=self.time(value))

    def ago(self, value: object) -> str:
        """`| ago`: há 5 minutos. Counted from the moment of rendering, which may be later than the event."""
        passed = self.local(value) - self._now().astimezone(self._timezone)
        passed = min(passed, timedelta(seconds=-1))  # a platform's clock may be ahead of ours
        return format_timedelta(passed, add_direction=True, locale=self.locale)

    def money(self, value: object, currency: str | None = None) -> str:
        """`| money`: R$ 1.234,50. Takes a number, or a platform's `{currency, value}`."""
        if isinstance(value, Mapping):
            currency = currency or str(value.get("currency") or "")
            value = value.get("value")
        code = (currency or self._currency()).upper()
        if not is_currency(code):
            raise Fault("'money' is given a currency that is none; write a code such as 'BRL'")
        return format_currency(_amount(value), code, locale=self.locale)

    def number(self, value: object, places: int | None = None) -> str:
        """`| number`: 1.234,5; `places` fixes how many decimals."""
        if places is None:
            return format_decimal(_amount(value), locale=self.locale)
        if not 0 <= places <= 10:
            raise Fault("'number' is for 0 to 10 places")
        pattern = "#,##0" + ("." + "0" * places if places else "")
        return format_decimal(_amount(value), format=pattern, locale=self.locale)

    def ordinal(self, value: object, gender: str = "m") -> str:
        """`| ordinal`: 3º, with `'f'` 3ª; in English 3rd, in Spanish 3.º."""
        number = int(_amount(value))
        if self._language in _ORDINALS:
            return f"{number}{_ORDINALS[self._language][gender[:1].lower() == 'f']}"
        if abs(number) % 100 in (11, 12, 13):
            return f"{number}th"
        return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(abs(number) % 10, 'th') }"

    def plural(self, value: object, one: str, many: str) -> str:
        """`| plural`: 'aula' or 'aulas', as goes with a number, which is written before it."""
        amount = len(value) if isinstance(value, list | tuple) else _amount(value)
        return one if abs(amount) == 1 else many

    def _currency(self) -> str:
        found = get_territory_currencies(self.locale.territory) if self.locale.territory else []
        return found[0] if found else "BRL"


def _parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise Fault("a filter for dates is given text that is no date; ISO 8601 is expected") from None


def _plain_day(value: object) -> date | None:
    """Return a date without a time, which no time zone may move to its neighbour."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value.strip()):
        return _parsed(value).date()
    return None


def _amount(value: object) -> Decimal:
    """Return a number, also one written as text with a point; raise `Fault` for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise Fault("a filter for numbers is given something that is no number")
    text = str(value).strip()
    if len(text) > MAX_DIGITS:
        raise Fault("a filter for numbers is given text that is no number")
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise Fault("a filter for numbers is given text that is no number") from None
    if not amount.is_finite() or abs(amount.adjusted()) > MAX_MAGNITUDE:
        raise Fault("a filter for numbers is given no ordinary number")
    return amount
