"""What the options of all sources have in common: strictness, and secrets that cannot be forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr


class SourceOptions(BaseModel):
    """The base of every source's options: unknown keys are errors, and no error shows what was typed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def _usable(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    if not value:
        raise ValueError("is empty, and anybody can sign with nothing; set the secret, or remove this entry")
    if value != value.strip():
        raise ValueError("has white space or a line break around it; senders sign with the bare text")
    return secret


def _some(secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if not secrets:
        raise ValueError("is an empty list, so nobody could be believed; give at least one secret")
    return secrets


Secrets = Annotated[
    tuple[Annotated[SecretStr, AfterValidator(_usable)], ...], Field(strict=False, max_length=10)
]
"""Up to ten secrets; a request signed with any of them is authentic."""
RequiredSecrets = Annotated[Secrets, AfterValidator(_some), Field(json_schema_extra={"minItems": 1})]
"""One secret or more."""


def secret_bytes(secrets: Sequence[SecretStr]) -> tuple[bytes, ...]:
    """Return the secrets as the bytes that sign; bytes that the environment could not decode are kept."""
    return tuple(secret.get_secret_value().encode("utf-8", "surrogateescape") for secret in secrets)
