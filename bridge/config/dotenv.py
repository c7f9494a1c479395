"""Reads a `.env` file: `NAME=value` lines, quotes, comments and `export`; values are not expanded."""

from __future__ import annotations

import re

from msgspec import Struct, field

from bridge.config.located import Located

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_LINE = re.compile(rf"\s*(?:export\s+)?(?P<name>{NAME})\s*=\s*(?P<value>.*)")
_SINGLE = re.compile(r"'(?P<text>[^']*)'\s*(?:#.*)?")
_DOUBLE = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"\s*(?:#.*)?')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_SEPARATOR = re.compile("[=:]")
_NO_NAME = re.compile(r"\W")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_MARK = b"\xef\xbb\xbf"
_COMMENT = re.compile(r"(?:^|\s)#.*")


class DotEnv(Struct):
    """What a file sets, where, and which lines are wrong; of a repeated name the last one counts."""

    name: str
    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    """The names that broken lines seem to be about."""
    problems: list[Located] = field(default_factory=list)

    def take(self, number: int, line: str) -> None:
        """Read one line."""
        read = _read(line)
        if isinstance(read, str):
            self.unread.add(_name_in(line))
            self.problems.append(Located(self.name, number, 0, (), read))
        elif read is not None:
            name, value = read
            if name in self.lines:
                twice = f"{name} is set in line {self.lines[name]} too; this line counts, delete one of them"
                self.problems.append(Located(self.name, number, 0, (), twice, warning=True))
            self.values[name], self.lines[name] = value, number


def parse_dotenv(data: bytes, name: str) -> DotEnv:
    """Return what the file holds; never raises."""
    found = DotEnv(name)
    text = data.removeprefix(_MARK).decode("utf-8", "surrogateescape")
    for number, line in enumerate(text.splitlines(), 1):
        found.take(number, line)
    return found


def _name_in(line: str) -> str:
    """Return the name that a broken line is probably about."""
    head = _SEPARATOR.split(line.strip().removeprefix("export "))[0]
    return _NO_NAME.sub("_", head.strip())


def _read(line: str) -> tuple[str, str] | str | None:
    """Return a variable, a sentence about a bad line (not showing it: it may hold a secret), or None."""
    if not line.strip() or line.lstrip().startswith("#"):
        return None
    if _NOT_UTF8.search(line):
        return "this line is not UTF-8; save the file as UTF-8"
    parts = _LINE.fullmatch(line)
    if parts is None:
        return "expected NAME=value, with letters, digits and _ in the name"
    name, value = parts["name"], parts["value"].rstrip()
    if value.startswith("'"):
        quoted = _SINGLE.fullmatch(value)
        return (name, quoted["text"]) if quoted else f"the quote after {name}= is not closed on this line"
    if value.startswith('"'):
        quoted = _DOUBLE.fullmatch(value)
        return (
            (name, _unescape(quoted["text"]))
            if quoted
            else f"the quote after {name}= is not closed on this line"
        )
    return name, _COMMENT.sub("", value).rstrip()


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), text)
