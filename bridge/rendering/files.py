"""Template files: finding them by name, and reading their front matter and body.

    ---
    subject: Parabéns, {{ learner.name | first_name }}!
    preheader: Mais um módulo concluído
    ---
    Markdown with Jinja …

Front matter is one `key: text` a line, the text taken as it stands: no YAML, whose rules for `{`, `:` and `#`
would surprise people exactly in subjects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field

from bridge.core.problems import did_you_mean
from bridge.rendering.check import Flaw
from bridge.rendering.program import Text

MARKDOWN, HTML, JSON = ".md", ".html", ".json"
KEYS: Mapping[str, tuple[str, ...]] = {
    MARKDOWN: ("subject", "preheader", "layout"),
    HTML: ("subject", "preheader"),
}
"""Kinds of template files, and what the front matter of each may say."""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
MAX_NAME = 100
"""Characters of a template's name."""
MAX_BYTES = 1_048_576
"""Of a template's file, as of a configuration's."""
_FENCE = "---"


class Source(Struct, frozen=True):
    """A template taken apart: its body, its front matter, and what is wrong with that."""

    kind: str
    body: Text
    front: Mapping[str, Text] = field(default_factory=dict)
    flaws: Sequence[Flaw] = ()


def find(folder: Path, name: str, kinds: Sequence[str], what: str = "template") -> Path | str:
    """Return the file called `name` in a folder, or the sentence that says why there is none."""
    if not NAME.fullmatch(name) or len(name) > MAX_NAME:
        told = name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}…"
        return (
            f"'{told}' names no {what}: at most {MAX_NAME} small letters, digits, '-' and '_', "
            "without folder or ending"
        )
    try:
        return _found(folder, name, kinds, what)
    except OSError as error:
        return f"{folder.as_posix()} cannot be searched: {error.strerror or error}"


def _found(folder: Path, name: str, kinds: Sequence[str], what: str) -> Path | str:
    found = [path for kind in kinds if (path := folder / f"{name}{kind}").is_file()]
    if len(found) > 1:
        return f"{what} '{name}' is two files, {' and '.join(path.name for path in found)}; keep one"
    if found:
        return found[0]
    there = sorted(path.stem for path in folder.glob("*") if path.suffix in kinds)
    meant = did_you_mean(name, there) or (f"; there are {', '.join(there)}" if there else "")
    return f"there is no {what} {(folder / name).as_posix()}{kinds[0]}{meant}"


def read(path: Path, *, whole: bool = False, known: Sequence[str] | None = None) -> Source | str:
    """Read a template file, or return the sentence that says why it cannot be read.

    `whole` leaves it in one piece: a layout has no front matter. `known` is what its front matter may say, if
    not what those of its kind may.
    """
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            return f"{path.as_posix()} has {size} bytes; a template has at most {MAX_BYTES}"
        content = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        return f"{path.as_posix()} is not UTF-8 (byte {error.start}); save it as UTF-8"
    except OSError as error:
        return f"{path.as_posix()} cannot be read: {error.strerror or error}"
    if whole:
        return Source(path.suffix, Text(content, path.as_posix()))
    return take_apart(content, path.as_posix(), path.suffix, known)


def take_apart(content: str, where: str, kind: str, known: Sequence[str] | None = None) -> Source:
    """Part a file's front matter from its body; both keep the line numbers of the file."""
    lines = content.split("\n")
    if lines[0].rstrip() != _FENCE:
        return Source(kind, Text(content, where))
    ends = [number for number, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE]
    if not ends:
        flaw = Flaw(1, f"the front matter that begins here has no end; close it with a line '{_FENCE}'")
        return Source(kind, Text("", where), flaws=[flaw])
    front, flaws = _front(lines[1 : ends[0]], where, KEYS[kind] if known is None else known)
    body = Text("\n".join(lines[ends[0] + 1 :]), where, ends[0] + 2)
    return Source(kind, body, front, flaws)


def _front(lines: Sequence[str], where: str, known: Sequence[str]) -> tuple[dict[str, Text], list[Flaw]]:
    front: dict[str, Text] = {}
    flaws: list[Flaw] = []
    for number, line in enumerate(lines, 2):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, colon, value = (part.strip() for part in line.partition(":"))
        wrong = _wrong_key(key, colon, front, known)
        if wrong:
            flaws.append(Flaw(number, wrong))
        else:
            front[key] = Text(_unquoted(value), where, number)
    return front, flaws


def _wrong_key(key: str, colon: str, front: Mapping[str, Text], known: Sequence[str]) -> str | None:
    if not colon:
        return "a line of the front matter is 'key: text'"
    if key not in known:
        meant = did_you_mean(key, known) or f"; it may say {', '.join(known)}"
        return f"unknown key '{key}' in the front matter{meant}"
    return f"'{key}' stands twice in the front matter" if key in front else None


def _unquoted(value: str) -> str:
    """Drop the quotes that someone used to YAML puts around."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
