"""Checks across sections of the configuration: what no single field can know."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import get_args, get_origin

from pydantic import BaseModel, SecretStr

from bridge.config.files import Material
from bridge.config.located import Located
from bridge.config.model import TYPED, Config
from bridge.config.secrets import secret_in
from bridge.core import trouble
from bridge.core.problems import Path, Problem
from bridge.core.redact import names_secret

_ADDRESSES = frozenset({"smtp", "store", "url", "webhook_url"})
_LENGTHS = (1, 3, 4)
"""How many keys lead to a secret: at the top, of a source or channel, and of a part of one."""


def own_name_is_free(data: Mapping[str, object]) -> Iterator[Problem]:
    """Yield a problem when a source has the name by which the bridge tells of its own trouble."""
    named = data.get("sources")
    if isinstance(named, Mapping) and trouble.SOURCE in named:
        sentence = (
            f"'{trouble.SOURCE}' is the bridge itself, whose events are its own trouble; choose another name"
        )
        yield Problem(("sources", trouble.SOURCE), sentence)


def everything_is_used(config: Config, used: set[str]) -> Iterator[Problem]:
    """Yield a warning for each channel that no rule names, and for a configuration without rules."""
    if not config.rules:
        yield Problem((), "there are no rules, so events are stored and nothing is sent", warning=True)
        return
    for name in config.channels:
        if name not in used:
            yield Problem(("channels", name), "no rule sends to this channel", warning=True)


def values_lost_in_comments(material: Material) -> Iterator[Located]:
    """Yield a problem for each value such as `channel: #conquistas`, which YAML takes for a comment."""
    for file, path, node, _ in material.scalars():
        comment = file.comment_of(node)
        if comment and comment[1:2].strip("# "):
            sentence = "# begins a comment, so nothing stands here; put the value in quotes"
            yield Located(file.name, node.line, node.column, path, sentence)
            material.broken.add((file.name, path))


def literal_secrets(material: Material, secret: SecretFields) -> Iterator[Located]:
    """Yield a problem for each secret that was typed into a file instead of coming from outside."""
    for file, path, node, filled in material.scalars():
        kind = secret_in(filled.literal)
        if kind is None and file is material.main and secret.holds_literals(path):
            kind = "a secret" if filled.literal.strip("\0 ") == filled.literal.strip() != "" else None
        if kind is not None and not material.is_broken_in(file, path):
            sentence = f"{kind} must not stand in the file; {_advice(path)}"
            material.interpolator.values.add(filled.text)  # other messages may want to show it
            yield Located(file.name, node.line, node.column, path, sentence)


def _advice(path: Path) -> str:
    words = [part for part in path if isinstance(part, str)] if path[:1] != ("rules",) else []
    name = re.sub(r"\W", "_", "_".join([*words[1:2], *words[-1:]])).upper().removesuffix("S") or "NAME"
    return f"write ${{{name}}} instead, and set {name} in the environment or in .env"


class SecretFields:
    """Which paths of a configuration are fields for secrets, by the models of its sources and channels."""

    def __init__(self, data: Mapping[str, object]) -> None:
        self._fields: dict[Path, bool] = {(key,): named for key, named in _secret_fields(Config)}
        for section, options in TYPED.items():
            entries = data.get(section)
            for name, raw in entries.items() if isinstance(entries, dict) else ():
                model = options.get(str(raw.get("type"))) if isinstance(raw, dict) else None
                fields = _secret_fields(model) if model else ()
                self._fields |= {(section, name, key): named for key, named in fields}
                self._fields |= {(section, name, *inner): False for inner in _inner_secrets(model)}

    def covers(self, path: Path) -> bool:
        """Return whether the value at a path is for a secret, or stands inside of such a field."""
        return any(path[:length] in self._fields for length in _LENGTHS)

    def holds_literals(self, path: Path) -> bool:
        """Return whether any text typed at a path would be a secret.

        An address is one only with a password in it, and a header only if its name says so.
        """
        for field in (path[:length] for length in _LENGTHS):
            if field in self._fields:
                only_some = self._fields[field]
                return field[-1] not in _ADDRESSES and (not only_some or names_secret(str(path[-1])))
        return False


def _secret_fields(model: type[BaseModel]) -> Iterator[tuple[str, bool]]:
    """Yield the keys whose value is a secret, and whether it is a mapping of which only some entries are."""
    for name, field in model.model_fields.items():
        if _holds(field.annotation, SecretStr):
            yield field.alias or name, _holds(field.annotation, dict)


def _inner_secrets(model: type[BaseModel] | None) -> Iterator[Path]:
    """Yield the paths, of two keys, to secrets of the models that a model's fields hold."""
    for name, field in model.model_fields.items() if model else ():
        for held in get_args(field.annotation):
            if isinstance(held, type) and issubclass(held, BaseModel):
                yield from ((field.alias or name, key) for key, _ in _secret_fields(held))


def _holds(annotation: object, kind: type) -> bool:
    if kind in (annotation, get_origin(annotation)):
        return True
    return any(_holds(each, kind) for each in get_args(annotation))
