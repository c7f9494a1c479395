"""`if:`, compiled: one sandboxed expression that is true or false of an event."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.core.events import Facts
from bridge.core.rules import PredicateFailed
from bridge.rendering.documents import Leaf
from bridge.rendering.mentions import mentions
from bridge.rendering.program import Failed


class Expression:
    """An `if:` as rules know it (`bridge.core.rules.Predicate`)."""

    def __init__(self, source: str, leaf: Leaf) -> None:
        """`source` is as written; `leaf` the same as a template of one expression."""
        self._source = source
        self._leaf = leaf

    @property
    def source(self) -> str:
        """The expression as the person wrote it."""
        return self._source

    @property
    def paths(self) -> Sequence[str]:
        """The values of an event it asks for; worked out when somebody wants an explanation."""
        return tuple(dict.fromkeys(each.path for each in mentions(as_template(self._source))))

    def holds(self, facts: Facts) -> bool:
        """Evaluate; raise `PredicateFailed` when a name is absent, or when the result is text.

        Text is refused because 'false' and '0' would be true. Numbers hold unless 0, lists and groups
        unless empty, and null does not.
        """
        try:
            found = self._leaf.render(facts)
        except Failed as failed:
            raise PredicateFailed(failed.failure.why) from None
        if isinstance(found, str):
            raise PredicateFailed("gives text, which is neither true nor false; compare it with something")
        return bool(found)


def as_template(source: str) -> str:
    """Return an expression between braces, which its author may have left out."""
    return source if "{{" in source or "{%" in source else f"{{{{ {source} }}}}"
