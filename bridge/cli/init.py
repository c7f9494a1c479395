"""`bridge init`: a folder to start from, with every file explained and every secret left to fill in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from bridge.cli.exits import Failure
from bridge.cli.shipped import CONFIG, EXAMPLE, TEMPLATES, shipped_files
from bridge.cli.tables import aligned, show
from bridge.config.schema import json_schema

ENV = Path(".env")
SCHEMA = Path("config.schema.json")
"""Named in the first line of the configuration, so that editors complete and check while a person types."""


def init(folder: Path, *, force: bool) -> None:
    """Write the files and say what to do next; nothing is overwritten unless `force`."""
    files = shipped_files()
    files[ENV] = files[Path(EXAMPLE)]
    files[SCHEMA] = (json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n").encode()
    there = [str(name) for name in files if (folder / name).exists()]
    if there and not force:
        hint = "nothing was written; --force overwrites, another folder is safer"
        raise Failure(f"{_shown(folder)} already has {', '.join(there)}", hint)
    try:
        for name, content in files.items():
            _write(folder / name, content, secret=name == ENV)
    except OSError as error:
        raise Failure(f"cannot write {error.filename or folder}: {error.strerror}") from error
    show(f"{_shown(folder)} now has {CONFIG}, {ENV} and {_templates(files)} templates. Next:\n")
    show(aligned(_next_steps(folder, files[ENV].decode()), "  "))


def _write(path: Path, content: bytes, *, secret: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if secret:
        path.touch(mode=0o600)
        path.chmod(0o600)  # also when it was there with another mode
    path.write_bytes(content)


def _next_steps(folder: Path, env: str) -> list[tuple[str, str]]:
    here = folder.resolve() == Path.cwd()
    variables = ", ".join(re.findall(r"(?m)^(\w+)=", env))
    return [
        *([] if here else [(f"cd {folder}", "")]),
        ("bridge run --sandbox", "try it with nothing set up; the admin page shows every message"),
        (
            "bridge send nutror.module_completed",
            "in another terminal: a completed module, signed as by Eduzz",
        ),
        (f"edit {CONFIG} and {ENV}", f"make it yours, and set {variables}"),
        ("bridge check", "every problem at once"),
        ("bridge run", "for real; in Eduzz's console enter https://YOUR-HOST/hooks/eduzz"),
    ]


def _templates(files: Mapping[Path, bytes]) -> int:
    return sum(name.parent == Path(TEMPLATES) for name in files)


def _shown(folder: Path) -> str:
    return "this folder" if folder.resolve() == Path.cwd() else str(folder)
