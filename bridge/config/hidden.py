"""Which values from outside are secrets, so that rules that hold one are not kept with the events."""

from __future__ import annotations

from bridge.config.checks import SecretFields
from bridge.config.files import Material
from bridge.core.redact import names_secret


def secret_values(material: Material, fields: SecretFields) -> set[str]:
    """Return the values that fill a field for secrets, or whose variable or file is named like one."""
    return {
        value
        for _, path, _, filled in material.scalars()
        for reference, value in zip(filled.outside, filled.values, strict=True)
        if fields.covers(path) or names_secret(reference)
    }
