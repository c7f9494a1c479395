"""Where the files that come with the bridge are: in an installed wheel, else at the repository's top."""

from __future__ import annotations

from pathlib import Path

import bridge
from bridge.cli.exits import Failure

CONFIG = "config.yaml"
TEMPLATES = "templates"


def shipped() -> Path:
    """Return the folder with the shipped `config.yaml` and `templates/`."""
    package = Path(bridge.__file__).parent
    for folder in (package / "_shipped", package.parent):
        if (folder / CONFIG).is_file() and (folder / TEMPLATES).is_dir():
            return folder
    raise Failure(
        f"{CONFIG} and {TEMPLATES}/ are missing beside {package}",
        "the installation is incomplete: install the bridge again",
    )


def shipped_files() -> dict[Path, bytes]:
    """Return every shipped file by its path below the folder of a configuration."""
    root = shipped()
    files = [root / CONFIG, *sorted((root / TEMPLATES).rglob("*"))]
    return {
        file.relative_to(root): file.read_bytes()
        for file in files
        if file.is_file() and not file.name.startswith(".") and "__pycache__" not in file.parts
    }
