"""Conditions as one phrase: clauses joined by "and" and "or", cut where a person would stop reading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from bridge.core.conditions import AllOf, AnyOf, At, Condition
from bridge.core.sentences.asking import Clause, clause
from bridge.core.sentences.language import Language, counted

LENGTH = 360
"""Characters of the phrase; a longer one is made again, of fewer conditions."""
_SHOWN = ((4, 3, 2), (3, 2, 2), (3, 2), (2, 2), (2,), (1,), ())
"""How many parts are told at each depth, from many to none; what lies deeper is counted."""


def conditions_told(parts: Sequence[Condition], extra: Sequence[str], language: Language) -> str:
    """Return what all of the plain conditions say, and the clauses in `extra`; empty without any."""
    match parts:
        case []:
            return language.all_of(extra)
        case [AnyOf() as only] if not extra:
            return language.any_of(_told(only, (), language))
        case _:
            return language.all_of(_told(AllOf(tuple(parts)), extra, language))


def _told(node: AllOf | AnyOf, extra: Sequence[str], language: Language) -> list[str]:
    """Return the clauses to join, of as many conditions as there is room for."""
    told = [[*_clauses(node, limits, language), *extra] for limits in _SHOWN]
    return next((texts for texts in told if sum(map(len, texts)) <= LENGTH), told[-1])


def _clauses(node: AllOf | AnyOf, limits: Sequence[int], language: Language) -> list[str]:
    """Return what there is to join; the last one says how much is left out."""
    every = isinstance(node, AllOf)
    if not limits:
        return [counted(len(node.parts), language.count_all if every else language.count_any)]
    told = [_part(part, limits[1:], language) for part in node.parts[: limits[0]]]
    join = language.all_of if every else language.any_of
    texts = [
        _merged(list(group), join) for _, group in groupby(told, key=lambda each: each.subject or str(each))
    ]
    left = len(node.parts[limits[0] :])
    return [*texts, counted(left, language.more_and if every else language.more_or)] if left else texts


def _part(part: Condition, limits: Sequence[int], language: Language) -> Clause:
    match part:
        case At():
            return clause(part, language)
        case AllOf() | AnyOf():
            texts = _clauses(part, limits, language)
            text = (language.all_of if isinstance(part, AllOf) else language.any_of)(texts)
            return Clause("", f"({text})" if len(texts) > 1 else text)
        case _:
            raise TypeError("the condition is not in its plain form")


def _merged(clauses: Sequence[Clause], join: Callable[[Sequence[str]], str]) -> str:
    """Return clauses about the same thing as one: its subject is said once."""
    subject = clauses[0].subject
    return f"{subject} {join([each.says for each in clauses])}" if subject else str(clauses[0])
