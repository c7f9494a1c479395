"""Values of a configuration inside a sentence: quoted, on one line, cut where they are long."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.core.sentences.language import Language, joined
from bridge.core.value_tests import written
from bridge.core.values import number

LISTED = 4
"""So many values are listed whole; of more, the first three and how many there are."""
LONGEST = 40
LONGEST_ID = 16
_ID_BEGINNING = 10
_NAMING = frozenset({"id", "kind", "type", "source", "hash"})


def shown(value: object, path: str, language: Language) -> str:
    """Return a value: text in quotation marks, but ids, names of events and numbers bare."""
    if not isinstance(value, str):
        return language.hide(language.words.get(written(value), written(value)))
    if not value:
        return language.empty_text
    if path.rpartition(".")[2] in _NAMING:
        is_long = len(value) > LONGEST_ID and "." not in value
        return cut(value, language, _ID_BEGINNING if is_long else LONGEST)
    return cut(value, language) if number(value) is not None else quoted(value, language)


def quoted(text: str, language: Language, length: int = LONGEST) -> str:
    """Return a text in quotation marks, cut where it is long."""
    return f"“{cut(text, language, length)}”"


def cut(text: str, language: Language, length: int = LONGEST) -> str:
    """Return a text without secrets, and on one line: its beginning, with an ellipsis if there is more."""
    safe = "".join(char if char.isprintable() else repr(char)[1:-1] for char in language.hide(text))
    return safe if len(safe) <= length else safe[:length] + "…"


def listed(texts: Sequence[str], word: str, many: str) -> str:
    """Return values joined by a word; `many` says of which number the shown ones are the first."""
    if len(texts) <= LISTED:
        return joined(texts, word)
    return many.format(n=len(texts), some=", ".join(texts[: LISTED - 1]) + "…")
