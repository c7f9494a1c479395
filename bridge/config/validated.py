"""Turns the plain data of a configuration into its model, or into sentences about what is wrong."""

from __future__ import annotations

from pydantic import ValidationError

from bridge.config.checks import SecretFields
from bridge.config.files import Material
from bridge.config.model import Config
from bridge.config.sentences import problems_of, text_faults
from bridge.core.problems import Problem


def validated(material: Material, secret: SecretFields) -> tuple[Config | None, list[Problem]]:
    """Return the configuration that `material.data` makes, or every problem of it."""
    while True:  # text in its right place can let pydantic see further
        try:
            return Config.model_validate(material.data), []
        except ValidationError as error:
            if not material.use_typed_text(text_faults(error, material.data)):
                return None, problems_of(error, material, secret.covers)
