"""What came of loading a configuration; what loads it is imported when that is wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.config.located import Located
from bridge.core.catalogue import Catalogue
from bridge.core.rules import Action, Rule

if TYPE_CHECKING:
    from bridge.config.model import Config
    from bridge.rendering.renderer import Renderer


class Reads(Struct, frozen=True):
    """What a configuration reads beside its file: the patterns of `include`, and the files of `${file:…}`."""

    include: tuple[str, ...] = ()
    secrets: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that may run. `redact` hides every value that came from outside in a text.

    `owner` is the action that tells the owner of trouble. `hide` hides only what is a secret.
    """

    config: Config
    rules: tuple[Rule, ...]
    owner: Action | None
    catalogue: Catalogue
    renderer: Renderer
    path: Path
    warnings: tuple[Located, ...]
    redact: Callable[[str], str] = field(repr=False)
    hide: Callable[[str], str] = field(repr=False)
    reads: Reads = field(default_factory=Reads)


class Broken(Struct, frozen=True):
    """A configuration that may not run, and all its problems and warnings: by file, line and column."""

    problems: tuple[Located, ...]
    reads: Reads = Reads()
