"""Says in plain words what a YAML parser could not read, and what to do about it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from yaml import Mark, MarkedYAMLError

_SPECIAL = {
    "@": "a value cannot begin with @",
    "`": "a value cannot begin with `",
    "%": "a value cannot begin with %",
    "&": "& begins an anchor name",
    "*": "* begins an alias name",
    "!": "! begins a tag",
    "|": "| begins a text over several lines",
    ">": "> begins a text over several lines",
}
_QUOTED = re.compile(r"\"[^\"]*\"?|'[^']*'?")
_UNSEEN = r"\u200b-\u200d\u2060\ufeff"
_INDENTATION = re.compile(rf"[\s{_UNSEEN}]*?(?P<char>[^\S \t\r\n]|[{_UNSEEN}])")
_SPACES = "replace it with spaces"
_CHECK = "check the indentation, and that each key ends with ': '"
_TAGS = {
    "!include": "; rule files are read with `include: rules/*.yaml` at the top of config.yaml",
    "!secret": "; write ${NAME} for a value from the environment, or ${file:/run/secrets/name}",
    "!env": "; write ${NAME} for a value from the environment",
    "!env_var": "; write ${NAME} for a value from the environment",
    "!ENV": "; write ${NAME} for a value from the environment",
}


def explained(
    error: MarkedYAMLError, lines: tuple[str, ...], quoted: tuple[int, int]
) -> tuple[int, int, str]:
    """Return line, column (from 1) and a sentence for a syntax error.

    `quoted` are the first and the last line of the latest text in quotes before it.
    """
    line, column, sentence = _in_plain_words(error, lines)
    # What looks like indentation and is none goes on with the text above it, so the parser stumbles later.
    unseen = unseen_indentation(lines, max(line - 1, 1), line)
    return unseen or (line, column, sentence + _quote_left_open(error, *quoted))


def _in_plain_words(error: MarkedYAMLError, lines: tuple[str, ...]) -> tuple[int, int, str]:
    # libyaml and the pure parser say different things about the same fault, so the sentence is taken from the
    # text at the place more than from their words.
    said = f"{error.context or ''} {error.problem or ''}"
    mark, opened = error.problem_mark or error.context_mark, error.context_mark
    line = _line(mark, lines)
    column = mark.column if mark else 0
    if opened and "quoted scalar" in said and ("end of stream" in said or "document indicator" in said):
        return *_place(opened), "this quote is never closed"
    if opened and "tab" not in said and any(word in said for word in ("alias", "anchor", "block scalar")):
        return *_place(opened), _special(_line(opened, lines)[opened.column : opened.column + 1])
    if opened and "flow" in said:
        text = _line(opened, lines)[opened.column :]
        if "${" in _QUOTED.sub("", text):
            return *_place(opened), "inside of [ ] and { }, a ${…} must be in quotes"
        return *_place(opened), f"this '{text[:1] or '['}' is never closed, or a comma is missing after it"
    return *_place(mark), _sentence(said, line, column) or f"this is not YAML: {error.problem}"


def _sentence(said: str, line: str, column: int) -> str | None:
    char = line[column : column + 1]
    if char == "\t" or "\t" in line[: len(line) - len(line.lstrip())]:
        return "a tab where spaces are expected; indent with spaces only"
    if "escape" in said:
        return r"\ in double quotes begins an escape that YAML does not know; write \\, or use single quotes"
    if char in _SPECIAL and "mapping values" not in said:
        return _special(char)
    if "mapping values" in said:
        return f"': ' is not expected here; put text that holds it in quotes, or {_CHECK}"
    if any(word in said for word in ("indicator", "expected key", "block end", "could not find expected")):
        return f"this line does not fit the lines above; {_CHECK}"
    return None


def _special(char: str) -> str:
    return f"{_SPECIAL.get(char, 'this begins something else than text')}; put the text in quotes"


def _quote_left_open(error: MarkedYAMLError, first: int, last: int) -> str:
    """Return what to add to a sentence when a quoted text of several lines ends just before the error."""
    mark = error.problem_mark or error.context_mark
    if mark is None or not first < last or not last <= mark.line + 1 <= last + 1:
        return ""
    return f"; or a quote opened at line {first} is not closed there"


def unseen_indentation(lines: Sequence[str], line: int, last: int) -> tuple[int, int, str] | None:
    """Return place and sentence for a character that only looks like a space, before the text of a line."""
    for number in range(line, min(last, len(lines)) + 1):
        found = _INDENTATION.match(lines[number - 1])
        if found is not None:
            return number, found.end(), f"{_character(found['char'])} stands in the indentation; {_SPACES}"
    return None


def _character(char: str) -> str:
    return f"a {unicodedata.name(char, 'character').lower()} (U+{ord(char):04X})"


def tag_refused(tag: str) -> str:
    """Say that a tag such as `!secret` means nothing here, and what to write instead."""
    written = tag.replace("tag:yaml.org,2002:", "!!")
    return f"the tag {written} means nothing here{_TAGS.get(written, '; write the value without it')}"


def first_document_only() -> str:
    """Say that a file holds one document."""
    return "a second document begins here ('---'); write one, and split rules over files with `include:`"


def _line(mark: Mark | None, lines: tuple[str, ...]) -> str:
    return lines[mark.line] if mark is not None and mark.line < len(lines) else ""


def _place(mark: Mark | None) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
