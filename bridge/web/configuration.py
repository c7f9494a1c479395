"""Which configuration runs, for readiness, the pages and the API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct


class Configuration(Struct, frozen=True, kw_only=True):
    """What runs, and what is wrong with the file as it is now.

    `digest` stands for the texts that run, `since` is when they were taken; empty and None while nothing is
    dispatched. `problems` are those of the file, found at `broken_at`; `restart` are the settings that were
    changed and wait for a restart. If the files are not `watched`, they are loaded when somebody asks for it.
    While nothing is dispatched, `told_by` is the action that tells the owner, or `untold` why none can.
    """

    file: str
    watched: bool = True
    digest: str = ""
    since: datetime | None = None
    problems: tuple[str, ...] = ()
    broken_at: datetime | None = None
    restart: tuple[str, ...] = ()
    told_by: str = ""
    untold: str = ""

    @property
    def waits(self) -> bool:
        """Whether nothing is dispatched."""
        return not self.digest

    @property
    def state(self) -> str:
        """Where it stands, in a word."""
        return "waiting" if self.waits else "broken" if self.problems else "running"

    @property
    def sentence(self) -> str:
        """What that means, in a sentence."""
        count = f"{self.file} has {len(self.problems)} problem{'' if len(self.problems) == 1 else 's'}"
        match self.state:
            case "waiting" if not self.problems:
                return "The bridge makes ready; events are accepted and stored."
            case "waiting":
                waits = f"{count}: events are accepted and stored, and wait until the file is mended."
                return f"{waits}{self._telling}"
            case "broken":
                return f"{count}: the configuration from before goes on, until the file is mended."
            case _:
                return f"{self.file} runs as it stands."

    @property
    def _telling(self) -> str:
        if self.told_by:
            return f" The owner is told by {self.told_by}."
        return f" The owner is not told: {self.untold}." if self.untold else ""


def configuration_plain(configuration: Configuration) -> Mapping[str, object]:
    """Return it as the API and `--json` have it."""
    return {
        "state": configuration.state,
        "sentence": configuration.sentence,
        "file": configuration.file,
        "watched": configuration.watched,
        "digest": configuration.digest or None,
        "since": configuration.since,
        "broken_at": configuration.broken_at,
        "problems": list(configuration.problems),
        "restart": list(configuration.restart),
        "told_by": configuration.told_by or None,
        "untold": configuration.untold or None,
    }
