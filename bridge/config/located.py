"""A problem with its place in a file, as it is printed: `config.yaml:23:7: rules[0].when: sentence`."""

from __future__ import annotations

from msgspec import Struct

from bridge.core.problems import Path, dotted


class Located(Struct, frozen=True):
    """One thing that is wrong in one file; lines and columns count from 1, and 0 means unknown.

    A warning does not stop the bridge.
    """

    file: str
    line: int
    column: int
    path: Path
    sentence: str
    warning: bool = False

    def __str__(self) -> str:
        """Return the one line that is printed."""
        place = ":".join([self.file, *(str(number) for number in (self.line, self.column) if number)])
        path = f"{dotted(self.path)}: " if self.path else ""
        return _on_one_line(f"{place}: {'warning: ' if self.warning else ''}{path}{self.sentence}")


def _on_one_line(text: str) -> str:
    """Return the text with line breaks and terminal controls, which a value may hold, as escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def in_order(problems: list[Located], files: list[str]) -> tuple[Located, ...]:
    """Return the problems without repetitions: by file in the order of `files`, then by line and column."""
    rank = {file: place for place, file in enumerate(files)}
    unique: dict[tuple[str, int, int, str], Located] = {}
    for problem in problems:
        # A template used by several rules is wrong once.
        unique.setdefault((problem.file, problem.line, problem.column, problem.sentence), problem)
    return tuple(
        sorted(
            unique.values(),
            key=lambda each: (rank.get(each.file, len(rank)), each.file, each.line, each.column),
        )
    )
