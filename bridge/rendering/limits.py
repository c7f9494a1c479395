"""What one rendering may use: steps, time, text and nesting; and the fault that says which limit was met."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from typing import TypeVar

T = TypeVar("T", bound=Sized)

MAX_STEPS = 10_000
"""Turns of loops, items that filters go through, and calls, in one rendering."""
MAX_SECONDS = 0.25
"""Time from the first step to the last."""
MAX_CALL_DEPTH = 20
"""Macros inside macros."""
CHARACTERS_A_STEP = 1_000
"""Length of a text that costs a filter one step; shorter ones are free."""
MAX_TEXT = 200_000
"""Characters of one text, and of one rendered slot."""
MAX_RANGE = 1_000
"""Numbers in one `range()`."""
MAX_BITS = 256
"""Size of a whole number that arithmetic may make."""
MAX_VALUES = 20_000
"""Values that one slot may print."""
MAX_ITEMS = 100_000
"""Items, at any depth, of a list or group that a template builds or copies."""

TOO_LONG = f"makes a text of more than {MAX_TEXT:,} characters"

Spot = tuple[str, int]
"""The template, by file or setting, and the line in it (1-based)."""


class Fault(Exception):
    """A rendering that cannot go on. `why` is a sentence for people and holds no value of the event."""

    def __init__(self, why: str, spot: Spot | None = None) -> None:
        """`spot` is where, if that is known better than from the traceback."""
        super().__init__(why)
        self.why = why
        self.spot = spot


class Budget:
    """Counts the steps of one rendering in the thread that renders, and stops it.

    `monotonic` is read wherever steps are counted, so a template without loops and lists reads no clock.
    """

    __slots__ = ("_deadline", "_depth", "_monotonic", "_steps")

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Start with nothing used; `monotonic` returns seconds."""
        self._monotonic = monotonic
        self._steps = 0
        self._depth = 0
        self._deadline = 0.0

    def spend(self, steps: int = 1) -> None:
        """Count turns, items or calls; raise `Fault` at the limit. None at all are free."""
        if not steps:
            return
        now = self._monotonic()
        if not self._steps:
            self._deadline = now + MAX_SECONDS
        self._steps += steps
        if self._steps > MAX_STEPS:
            raise Fault(f"takes more than {MAX_STEPS:,} steps; use shorter lists and texts")
        if now > self._deadline:
            raise Fault(f"takes longer than {MAX_SECONDS * 1000:.0f} ms; use shorter lists and texts")

    def counted(self, items: Iterable[object]) -> Iterator[object]:
        """Yield each of `items`, at the price of one step, and of its length if it is text."""
        for item in items:
            self.spend(1 + text_price(item) if isinstance(item, str) else 1)
            yield item

    def enter(self) -> None:
        """Go into a macro; raise `Fault` when macros call each other too deeply."""
        self._depth += 1
        if self._depth > MAX_CALL_DEPTH:
            raise Fault(f"macros call each other more than {MAX_CALL_DEPTH} deep")

    def leave(self) -> None:
        """Come out of a macro."""
        self._depth -= 1


def text_price(text: str) -> int:
    """Return how many steps it costs to go through a text."""
    return len(text) // CHARACTERS_A_STEP


def bounded_join(texts: Iterable[str]) -> str:
    """Join texts; raise `Fault` before, not after, they have become longer than any message."""
    kept: list[str] = []
    length = 0
    for text in texts:
        length += len(text)
        if length > MAX_TEXT:
            raise Fault(TOO_LONG)
        kept.append(text)
    return "".join(kept)


def bounded_sum(texts: Sequence[str], between: int) -> None:
    """Raise `Fault` where texts, with so many characters between them, would be longer than any message."""
    if sum(map(len, texts)) + between * len(texts) > MAX_TEXT:
        raise Fault(TOO_LONG)


def bounded_text(text: str) -> str:
    """Return `text`, or raise `Fault` when it is longer than any message."""
    if len(text) > MAX_TEXT:
        raise Fault(TOO_LONG)
    return text


def bounded_range(*bounds: int) -> range:
    """Be `range()` for templates: at most `MAX_RANGE` numbers."""
    numbers = range(*bounds)
    # The second number itself overflows where the length does, so the test must not ask for the length.
    if numbers[MAX_RANGE:]:
        raise Fault(f"range() makes more than {MAX_RANGE:,} numbers")
    return numbers


def bounded_items(made: T) -> T:
    """Return a list or group that a template made, or raise `Fault` when it holds too much.

    A list that holds another twice, which holds another twice, is small in memory and endless when
    printed or compared; therefore the count is of what printing would meet.
    """
    left = MAX_ITEMS
    waiting: list[object] = [made]
    while waiting:
        item = waiting.pop()
        children = item.values() if isinstance(item, dict) else item if isinstance(item, list | tuple) else ()
        left -= len(children)
        if left < 0:
            raise Fault(f"makes a list of more than {MAX_ITEMS:,} items")
        waiting.extend(children)
    return made
