"""Turns the plain data of a configuration into its model, or into sentences about what is wrong."""

from __future__ import annotations

from bridge.config.checks import SecretFields
from bridge.config.faults import checked
from bridge.config.files import Material
from bridge.config.model import Config
from bridge.config.sentences import problems_of
from bridge.core.problems import Problem


def validated(material: Material, secret: SecretFields) -> tuple[Config | None, list[Problem]]:
    """Return the configuration that `material.data` makes, or every problem of it."""
    found = checked(material, Config)
    if isinstance(found, Config):
        return found, []
    return None, problems_of(found, material, secret.covers)
