"""What one line of `when:` asks for, as a clause: whom it is about, and what must be so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.conditions import At, Exists, Not, SomeValue
from bridge.core.events import TIMES
from bridge.core.sentences.language import Language
from bridge.core.sentences.values import cut, listed, quoted, shown
from bridge.core.value_tests import Between, Compares, Either, Equals, IsNull, Matches, Text, ValueTest

PATH = 60
"""Characters of a path that are shown."""


class Clause(Struct, frozen=True):
    """A subject and what is said of it; without a subject, a whole clause."""

    subject: str
    says: str

    def __str__(self) -> str:
        """Return the clause."""
        return f"{self.subject} {self.says}".strip()


def clause(line: At, language: Language) -> Clause:
    """Return a line of a plain condition as a clause; its `says` goes behind "whose title" as well."""
    match line.test:
        case Exists(expected):
            return Clause("", language.carries[not expected].format(_subject(line.path.text, language)))
        case Not(SomeValue(tests)):
            return _Speaker(line.path.text, language, denied=True).clause(tests)
        case SomeValue(tests):
            return _Speaker(line.path.text, language).clause(tests)
        case _:
            raise TypeError("the condition is not in its plain form")


def _subject(path: str, language: Language) -> str:
    return language.subjects.get(path) or cut(path, language, PATH)


class _Speaker(Struct, frozen=True):
    """Says what is asked, or denied, of the values at a path."""

    path: str
    language: Language
    denied: bool = False

    def clause(self, tests: tuple[ValueTest, ...]) -> Clause:
        flag = self._flag(tests)
        if flag is not None:
            who, says = self.language.flags[self.path]
            return Clause(who, says[flag is self.denied])
        if "[]" in self.path:
            words = self.language.none_of if self.denied else self.language.some_of
            whom = words.format(_subject(self.path, self.language))
            return Clause(whom, replace(self, denied=False).says(tests))
        return Clause(self._whom(tests), self.says(tests))

    def _flag(self, tests: tuple[ValueTest, ...]) -> bool | None:
        """Return what is asked of something that is so or not, such as the mark of a test, if that is all."""
        match tests:
            case (Equals((bool(wanted),)),) if self.path in self.language.flags:
                return wanted
            case _:
                return None

    def _whom(self, tests: tuple[ValueTest, ...]) -> str:
        """Return the subject: `o curso` rather than `o título do curso` where one is asked for by name."""
        if self.path in TIMES and all(isinstance(test, Compares | Between) for test in tests):
            return self.language.moments[self.path][0]
        thing, _, member = self.path.partition(".")
        named = thing in self.language.things and member in ("id", "title")
        only = named and all(isinstance(test, Equals) for test in tests)
        return _subject(thing if only else self.path, self.language)

    def says(self, tests: tuple[ValueTest, ...]) -> str:
        if len(tests) == 1:
            return self.says_one(tests[0])
        if self.denied:
            return f"({self.language.any_of(list(map(self.says_one, tests)))})"
        if all(isinstance(test, Compares) and test.zone for test in tests):
            times = [self._time(test.operator, (test,)) for test in tests if isinstance(test, Compares)]
            return self._verb.format(self.language.all_of(times))
        return self.language.all_of(list(map(self.says_one, tests)))

    def says_one(self, test: ValueTest) -> str:
        match test:
            case Equals(options):
                return self._say("equals", self._listed([self._shown(option) for option in options]))
            case Text() | Matches():
                return self._text((test,))
            case Either(tests):
                return self._text(cast("tuple[Text | Matches, ...]", tests))  # the operators that take a list
            case Compares():
                return self._compared(test.operator, (test,))
            case Between(low, high):
                return self._compared("between", (low, high))
            case IsNull(expected):
                return self.language.tests["null"][expected is self.denied]
            case _:
                return self._say("other", cut(test.wanted, self.language))

    def _say(self, name: str, *operands: str) -> str:
        return self.language.tests[name][self.denied].format(*operands)

    def _text(self, tests: Sequence[Text | Matches]) -> str:
        operand = self._listed([quoted(test.operand, self.language) for test in tests])
        said = self._say(tests[0].operator, operand)
        return said + self.language.any_case if tests[0].folded else said

    def _shown(self, value: object) -> str:
        return shown(value, self.path, self.language)

    def _listed(self, texts: Sequence[str]) -> str:
        word = self.language.nor if self.denied else self.language.or_
        return listed(texts, word, self.language.one_of_values[self.denied])

    @property
    def _verb(self) -> str:
        """What a time does: it falls, or the event happens, before another."""
        return self.language.moments[self.path if self.path in TIMES else ""][1][self.denied]

    def _time(self, operator: str, bounds: Sequence[Compares]) -> str:
        return self.language.dates[operator].format(*map(self._bound, bounds))

    def _compared(self, operator: str, bounds: Sequence[Compares]) -> str:
        if bounds[0].zone is None:
            return self._say(operator, *map(self._bound, bounds))
        return self._verb.format(self._time(operator, bounds))

    def _bound(self, bound: Compares) -> str:
        try:
            return self.language.date(date.fromisoformat(bound.written))
        except ValueError:
            return cut(bound.written, self.language)
