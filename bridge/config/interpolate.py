"""`${NAME}`, `${NAME:-default}` and `${file:/path}` inside single values that YAML has already read.

What comes from outside can therefore never change the structure of the file. `$${` stands for a plain `${`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct, field

from bridge.config import reading
from bridge.config.dotenv import NAME

MAX_FILE_BYTES = 65_536
_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<inside>[^}]*)(?P<end>\}?)")
_VARIABLE = re.compile(rf"(?P<name>{NAME})(?P<default>:-(?P<text>.*))?", re.DOTALL)
_WHERE = "in the environment or in .env beside the configuration"
_NEAR = 0.85
"""Nearer than this to a variable that is set is a slip of the keyboard."""
_EXPECTED = "expected ${NAME}, ${NAME:-default} or ${file:/path}; a plain '${' is written '$${'"


class Filled(Struct, frozen=True):
    """A value with its references replaced; `problems` are sentences, `outside` the references used.

    `literal` is what the person typed, which must hold no secret: a reference is its default there, or NUL.
    """

    text: str
    literal: str
    outside: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    """What the references in `outside` stand for."""
    problems: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """Variables without a value, where one is needed."""
    stood_in: bool = False
    """Something was missing, and a placeholder stands in for it."""

    @property
    def is_whole(self) -> bool:
        """Whether every reference could be replaced."""
        return not self.problems and not self.missing


class _Parts(Struct):
    text: list[str] = field(default_factory=list)
    literal: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    stood_in: bool = False

    def filled(self) -> Filled:
        return Filled(
            text="".join(self.text),
            literal="".join(self.literal),
            outside=tuple(self.outside),
            values=tuple(self.values),
            problems=tuple(self.problems),
            missing=tuple(self.missing),
            stood_in=self.stood_in,
        )


class Interpolator:
    """Replaces references and remembers every value that came from outside in `values`.

    `folder` is where relative `${file:…}` paths begin. `placeholder` makes a stand-in from the name of a
    variable or file that is missing; without it a missing one is a problem.
    """

    def __init__(
        self, env: Mapping[str, str], folder: Path, placeholder: Callable[[str], str] | None = None
    ) -> None:
        self.values: set[str] = set()
        self.asked: set[str] = set()
        """The variables that references name."""
        self.files: set[Path] = set()
        """The files that references name."""
        self._env = env
        self._folder = folder
        self._placeholder = placeholder

    def fill(self, text: str) -> Filled:
        """Return the text with its references replaced."""
        if "${" not in text:
            return Filled(text, text)
        parts = _Parts()
        position = 0
        for found in _REFERENCE.finditer(text):
            self._literal(parts, text[position : found.start()])
            self._replace(parts, found)
            position = found.end()
        self._literal(parts, text[position:])
        return parts.filled()

    @staticmethod
    def _literal(parts: _Parts, text: str) -> None:
        parts.text.append(text)
        parts.literal.append(text)

    def _replace(self, parts: _Parts, found: re.Match[str]) -> None:
        inside = found["inside"]
        if inside is None:
            self._literal(parts, "${")
        elif not found["end"]:
            parts.problems.append(f"'${{' is not closed with '}}'; {_EXPECTED}")
        elif inside.startswith("file:"):
            self._file(parts, inside.removeprefix("file:"))
        elif (variable := _VARIABLE.fullmatch(inside)) and "${" not in inside:
            self._variable(parts, variable)
        else:
            parts.problems.append(f"'{found[0]}' is not a reference; {_EXPECTED}")

    def _variable(self, parts: _Parts, variable: re.Match[str]) -> None:
        name, default = variable["name"], variable["text"]
        value = self._env.get(name)
        self.asked.add(name)
        parts.literal.append(default or "\0")
        if value:
            self._outside(parts, f"${{{name}}}", value)
        elif default is not None:
            parts.text.append(default)
        elif self._placeholder is not None:
            self._stand_in(parts, self._placeholder(name))
        else:
            parts.text.append(name)  # an empty value would lead to other complaints
            parts.missing.append(name)

    def unset(self, name: str) -> str:
        """Say what to do about a variable without a value, once all references are known."""
        if name in self._env:
            return f"the variable {name} is set but empty; give it a value"
        others = self._env.keys() - self.asked
        near = difflib.get_close_matches(name, sorted(others), n=1, cutoff=_NEAR)
        if near:
            return f"the variable {name} is not set, did you mean '{near[0]}'?"
        return f"the variable {name} is not set; set it {_WHERE}"

    def _file(self, parts: _Parts, name: str) -> None:
        path = self._folder / name
        read = _read(path) if name else "the path is missing"
        self.files |= {path} if name else set()
        parts.literal.append("\0")
        if isinstance(read, bytes):
            self._outside(parts, f"${{file:{name}}}", read.decode())
        elif self._placeholder is not None:
            self._stand_in(parts, self._placeholder(name))
        else:
            parts.text.append(name)
            parts.problems.append(f"the file {name} cannot be used: {read}")

    @staticmethod
    def _stand_in(parts: _Parts, text: str) -> None:
        parts.text.append(text)
        parts.stood_in = True

    def _outside(self, parts: _Parts, reference: str, value: str) -> None:
        parts.text.append(value)
        parts.outside.append(reference)
        parts.values.append(value)
        self.values.add(value)


def _read(path: Path) -> bytes | str:
    """Return a file's content without one line break at its end, or why that cannot be."""
    data = reading.read(path, MAX_FILE_BYTES + 1)
    if isinstance(data, str):
        return data
    try:
        data.decode()
    except ValueError as error:
        return reading.reason(error)
    if len(data) > MAX_FILE_BYTES:
        return f"it has more than {MAX_FILE_BYTES} bytes"
    data = data.removesuffix(b"\n").removesuffix(b"\r")
    return data or "it is empty"
