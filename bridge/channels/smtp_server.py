"""Where an SMTP server is, as a configuration says it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Tls = Literal["auto", "starttls", "implicit", "none"]


@dataclass(frozen=True, slots=True)
class Server:
    """Where an SMTP server is and how to talk to it; `hello` is our name, `ca_file` what is trusted there."""

    host: str
    port: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    tls: Tls = "auto"
    ca_file: str | None = None
    hello: str = "localhost"
