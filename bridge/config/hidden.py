"""Which values from outside are secrets: rules that hold one are not kept with events, messages may not."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.config.checks import SecretFields
from bridge.config.files import Material
from bridge.config.located import Located
from bridge.core.problems import Path
from bridge.core.redact import names_secret

_SHOWN = "is a secret, and what an action says is kept with each message and shown; write it at the channel"
_WHERE = {"headers": "under `headers`, `bearer` or `basic`", "path": "in its `url`", "query": "in its `url`"}


def secret_values(material: Material, fields: SecretFields) -> set[str]:
    """Return the values that fill a field for secrets, or whose variable or file is named like one."""
    return {
        value
        for _, path, _, filled in material.scalars()
        for reference, value in zip(filled.outside, filled.values, strict=True)
        if fields.covers(path) or names_secret(reference)
    }


def secrets_in_messages(material: Material, fields: SecretFields, secrets: set[str]) -> Iterator[Located]:
    """Yield a warning for each secret in an action, whose messages are stored, and shown to operators."""
    for file, path, node, filled in material.scalars():
        if path[:1] != ("rules",) or "send" not in path or fields.covers(path):
            continue
        for reference, value in zip(filled.outside, filled.values, strict=True):
            if value and value in secrets:
                sentence = f"{reference} {_SHOWN}, {_where(path)}"
                yield Located(file.name, node.line, node.column, path, sentence, warning=True)


def _where(path: Path) -> str:
    return next((_WHERE[key] for key in path if key in _WHERE), "if the receiver takes it there")
