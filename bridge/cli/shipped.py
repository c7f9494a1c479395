"""Where the files that come with the bridge are: in an installed wheel, else at the repository's top."""

from __future__ import annotations

from pathlib import Path

import bridge
from bridge.cli.exits import Failure

CONFIG = "config.yaml"
EXAMPLE = ".env.example"
TEMPLATES = "templates"
STORIES = "tests/stories.yaml"


def shipped() -> Path:
    """Return the folder with the shipped `config.yaml`, `.env.example`, `templates/` and stories."""
    package = Path(bridge.__file__).parent
    for folder in (package / "_shipped", package.parent):
        if all((folder / name).exists() for name in (CONFIG, EXAMPLE, TEMPLATES, STORIES)):
            return folder
    missing = f"{CONFIG}, {EXAMPLE}, {TEMPLATES}/ and {STORIES} are not with {package}"
    raise Failure(missing, "the installation is incomplete: install the bridge again")


def shipped_files() -> dict[Path, bytes]:
    """Return every shipped file by its path below the folder of a configuration."""
    root = shipped()
    templates = [file for file in sorted((root / TEMPLATES).rglob("*")) if not file.name.startswith(".")]
    files = [root / CONFIG, root / EXAMPLE, *templates, root / STORIES]
    return {file.relative_to(root): file.read_bytes() for file in files if file.is_file()}
