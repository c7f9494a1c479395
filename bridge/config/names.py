"""Checks the names under `on:` against the events that are known, and says which one was probably meant."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterator

from msgspec import Struct

from bridge.core.problems import Path, Problem
from bridge.core.routing import is_glob

_NEAR = 0.88
"""Nearer than this to a known name is a slip of the keyboard; `nutror.quiz_completed` is not."""
_FEW = 8


class EventNames(Struct, frozen=True):
    """The names of known events, and whether there is a source whose events have names of their own."""

    types: frozenset[str]
    kinds: frozenset[str]
    open_ended: bool

    def check(self, name: str, path: Path) -> Iterator[Problem]:
        """Yield what is wrong with one name; a name no platform is known to use is a warning."""
        known = self.types | self.kinds
        if name in known:
            return
        if is_glob(name):
            if not self.open_ended and not any(fnmatch.fnmatchcase(each, name) for each in known):
                yield Problem(path, f"no event that is known by name matches '{name}'", warning=True)
            return
        near = difflib.get_close_matches(name.casefold(), known, n=1, cutoff=_NEAR)
        if near:
            sentence = f"no platform has an event '{name}', did you mean '{near[0]}'?"
            yield Problem(path, sentence, warning=self.open_ended)
        elif not self.open_ended:
            yield Problem(
                path, f"no event is known by the name '{name}'{_relatives(name, known)}", warning=True
            )


def _relatives(name: str, known: frozenset[str]) -> str:
    """Return the known names that begin like this one, if they are few, or where they all are."""
    same = sorted(each for each in known if each.startswith(name.partition(".")[0] + "."))
    if 0 < len(same) <= _FEW:
        return f"; there are {', '.join(same)}"
    return "; `bridge samples` lists those that are known"
