"""Puts the files that `bridge init` copies into the wheel, under bridge/_shipped.

A hook and not `force-include` in pyproject.toml, because that also copies them into the environment of an
editable install, where they would go stale; there the program reads the files of the repository.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = ("config.yaml", ".env.example", "templates", "tests/stories.yaml")


class ShippedFiles(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling before it writes a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add every shipped file to the wheel, or stop if one is missing."""
        if version == "editable":
            return
        for name in SHIPPED:
            path = Path(self.root, name)
            if not path.exists():
                message = f"{path} is missing, and a wheel without it could not run `bridge init`"
                raise FileNotFoundError(message)
            build_data["force_include"][str(path)] = f"bridge/_shipped/{name}"
