"""Reads a `.env` file: `NAME=value` lines, quotes, comments and `export`; values are not expanded."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bridge.config.located import Located

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_LINE = re.compile(rf"\s*(?:export\s+)?(?P<name>{NAME})\s*=\s*(?P<value>.*)")
_SINGLE = re.compile(r"'(?P<text>[^']*)'\s*(?:#.*)?")
_DOUBLE = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"\s*(?:#.*)?')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_COMMENT = re.compile(r"(?:^|\s)#.*")


def parse_dotenv(data: bytes, name: str) -> tuple[Mapping[str, str], list[Located]]:
    """Return the variables, and the lines that could not be read; of a repeated name the last one counts."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        broken = data.count(b"\n", 0, error.start) + 1
        return {}, [Located(name, broken, 0, (), "this line is not UTF-8; save the file as UTF-8")]
    found: dict[str, str] = {}
    problems: list[Located] = []
    for count, line in enumerate(text.splitlines(), 1):
        read = _read(line)
        if isinstance(read, str):
            problems.append(Located(name, count, 0, (), read))
        elif read is not None:
            found[read[0]] = read[1]
    return found, problems


def _read(line: str) -> tuple[str, str] | str | None:
    """Return a variable, a sentence about a bad line (not showing it: it may hold a secret), or None."""
    if not line.strip() or line.lstrip().startswith("#"):
        return None
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
