"""`if:`, compiled: one sandboxed expression that is true or false of an event."""

from __future__ import annotations

from collections.abc import Callable

from bridge.core.events import Facts
from bridge.core.rules import PredicateFailed
from bridge.rendering.documents import Leaf, Names
from bridge.rendering.program import Failed


class Expression:
    """An `if:` as rules know it (`bridge.core.rules.Predicate`)."""

    def __init__(self, source: str, leaf: Leaf, localised: Callable[[Facts], Names]) -> None:
        """`source` is as written; `leaf` the same as a template of one expression."""
        self._source = source
        self._leaf = leaf
        self._localised = localised

    @property
    def source(self) -> str:
        """The expression as the person wrote it."""
        return self._source

    def holds(self, facts: Facts) -> bool:
        """Evaluate; raise `PredicateFailed` when a name is absent, or when the result is text.

        Text is refused because 'false' and '0' would be true. Numbers hold unless 0, lists and groups
        unless empty, and null does not.
        """
        try:
            found = self._leaf.render(self._localised(facts))
        except Failed as failed:
            raise PredicateFailed(failed.failure.why) from None
        if isinstance(found, str):
            raise PredicateFailed("gives text, which is neither true nor false; compare it with something")
        return bool(found)


def as_template(source: str) -> str:
    """Return an expression between braces, which its author may have left out."""
    return source if "{{" in source or "{%" in source else f"{{{{ {source} }}}}"
