"""All cases, in the order of the table."""

from __future__ import annotations

from collections.abc import Sequence

from bench import (
    accept,
    end_to_end,
    flush,
    growth,
    inside,
    latency,
    mail,
    memory,
    messages,
    peers,
    postgres,
    startup,
)
from bench.case import Case

SUBJECTS = (
    accept,
    end_to_end,
    mail,
    inside,
    messages,
    latency,
    flush,
    growth,
    memory,
    startup,
    postgres,
    peers,
)
CASES: tuple[Case, ...] = tuple(case for subject in SUBJECTS for case in subject.CASES)


def chosen(words: Sequence[str]) -> list[Case]:
    """Return the cases with these names, or of subjects with these names; all of them for none.

    Raises `LookupError` for a name that nothing has.
    """
    if not words:
        return list(CASES)
    subjects = {subject.__name__.rpartition(".")[2]: subject.CASES for subject in SUBJECTS}
    wanted: list[Case] = []
    for word in words:
        cases = [case for case in CASES if case.name == word] or list(subjects.get(word, ()))
        if not cases:
            raise LookupError(f"no case is called {word!r}; see --list")
        wanted += (case for case in cases if case not in wanted)
    return wanted
