"""Where other programs are looked for: on the PATH, and in folders that a person filled.

Such a folder may hold `bin/` of a virtual environment and `node_modules/`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from bench.case import Missing

_folders: list[Path] = []


def look_in(folders: Iterable[Path]) -> None:
    """Look in these folders as well, in this order."""
    _folders.extend(folder.absolute() for folder in folders)


def program(name: str, where: str) -> Path:
    """Return a program's path; raises `Missing`, which says `where` it comes from."""
    folders = [f"{folder}/{inner}" for folder in _folders for inner in ("bin", "node_modules/.bin")]
    found = shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", os.defpath)]))
    if found is None:
        raise Missing(f"{name} is not installed ({where})")
    return Path(found)


def packages(module: str, where: str) -> Path:
    """Return the folder that a Python package can be imported from."""
    for folder in _folders:
        for found in folder.glob(f"lib/python3*/site-packages/{module}"):
            return found.parent
    raise Missing(f"{module} is not installed ({where})")
