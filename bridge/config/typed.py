"""Finds what looks right on the screen and is not: typographic quotes, unseen characters, single braces."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from msgspec import Struct

from bridge.config.checks import SecretFields
from bridge.config.files import Material
from bridge.config.interpolate import Filled
from bridge.config.located import Located
from bridge.config.yaml_nodes import ScalarNode, YamlFile
from bridge.core.paths import FactPath, parse_path
from bridge.core.problems import Path

_QUOTES = r"[\u2018-\u201f\u2032\u2033\u2039\u203a\xab\xbb]"
_WRAPPED = re.compile(f"(?P<open>{_QUOTES}).*(?P<close>{_QUOTES})", re.DOTALL)
_QUOTE = re.compile(_QUOTES)
_EXPRESSION = re.compile(r"\{[{%](?P<inside>.*?)[}%]\}", re.DOTALL)
_TEXT = re.compile(r"\"[^\"]*\"|'[^']*'")
_BRACES = re.compile(r"(?<!\{)\{\s*(?P<path>[a-z_]+(?:\.[\w\[\]-]+)+)\s*(?P<filters>\|[^{}]*)?\}(?!\})")
_ENDING = re.compile(r"(?P<name>(?:templates/)?(?P<bare>[a-z0-9][a-z0-9_-]*)(?:\.[a-z0-9]{1,5})?)")
_NOT_TEXTS = frozenset(
    {"if", "once_per", "expires", "delay", "quiet_hours", "unless", "limit", "after", "template", "name"}
    | {"attach", "certificate", "thread_by", "update_by", "counts", "digest"}
)


class _Typed(Struct, frozen=True):
    """One value with all that is known of it."""

    file: YamlFile
    path: Path
    node: ScalarNode
    filled: Filled

    @property
    def where(self) -> tuple[str, int, int, Path]:
        return self.file.name, self.node.line, self.node.column, self.path


def looks_deceive(material: Material, secret: SecretFields) -> Iterator[Located]:
    """Yield what is wrong with values as typed, and mark those values as broken.

    Only secrets are looked at as they come from outside, since nobody can look at them.
    """
    for scalar in material.scalars():
        typed = _Typed(*scalar)
        sentence = _quoted(typed) or _in_expression(typed) or _ending(typed)
        if sentence is None and secret.covers(typed.path):
            sentence = _unseen(typed)
        if sentence is not None and not material.is_broken_in(typed.file, typed.path):
            yield Located(*typed.where, sentence)
            material.broken.add((typed.file.name, typed.path))
        elif _is_message(typed.path):
            yield from _single_braces(typed)


def _quoted(typed: _Typed) -> str | None:
    found = _WRAPPED.fullmatch(typed.node.text) if typed.node.plain else None
    if found is None:
        return None
    quotes = _named(found["open"], found["close"])
    return f'{quotes} mean nothing to YAML; write " before and after the value'


def _in_expression(typed: _Typed) -> str | None:
    """Say so when a template has typographic quotes where Jinja expects its own."""
    text = typed.node.text
    is_condition = typed.path[-1:] == ("if",) and "{{" not in text
    inside = [text] if is_condition else [found["inside"] for found in _EXPRESSION.finditer(text)]
    quotes = [quote for each in inside for quote in _QUOTE.findall(_TEXT.sub("", each))]
    if not quotes or typed.path[:1] != ("rules",):
        return None
    ascii_quote = '"' if _is_single(typed) else "'"
    return f"{_named(quotes[0], quotes[-1])} mean nothing inside {{{{ }}}}; write {ascii_quote} there"


def _named(first: str, last: str) -> str:
    return f"the typographic quotes {first} and {last}" if first != last else f"typographic quotes ({first})"


def _is_single(typed: _Typed) -> bool:
    lines = typed.file.lines
    line = lines[typed.node.line - 1] if typed.node.line <= len(lines) else ""
    return line[typed.node.column - 1 : typed.node.column] == "'"


def _unseen(typed: _Typed) -> str | None:
    text = typed.filled.text
    for char, verb in ((text[:1], "begins"), (text[-1:], "ends")):
        if char and not char.isascii() and (char.isspace() or unicodedata.category(char) == "Cf"):
            name = f"{unicodedata.name(char, 'character').lower()} (U+{ord(char):04X})"
            what = " and ".join(typed.filled.outside) or "the value"
            return f"{what} {verb} with an unseen {name}; copy it again without that"
    return None


def _ending(typed: _Typed) -> str | None:
    if typed.path[2:3] != ("send",) or typed.path[4:] != ("template",):
        return None
    found = _ENDING.fullmatch(typed.node.text)
    if found is None or found["name"] == found["bare"]:
        return None
    return f"a template is named without folder and ending; write {found['bare']}"


def _is_message(path: Path) -> bool:
    return path[:1] == ("rules",) and path[2:3] == ("send",) and len(path) > 4 and path[4] not in _NOT_TEXTS


def _single_braces(typed: _Typed) -> Iterator[Located]:
    for found in _BRACES.finditer(typed.node.text):
        if isinstance(parse_path(found["path"]), FactPath):
            better = f"{{{{ {found[0][1:-1].strip()} }}}}"
            yield Located(*typed.where, f"{found[0]} is sent as it stands; write {better}", warning=True)
