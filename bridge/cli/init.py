"""`bridge init`: a folder to start from, with every file explained and every secret left to fill in.

An `.env` that is there is never written to: what is in it may be nowhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bridge.cli.exits import Failure
from bridge.cli.shipped import CONFIG, EXAMPLE, TEMPLATES, shipped_files
from bridge.cli.stories.schema import stories_schema
from bridge.cli.tables import aligned, show
from bridge.config.schema import json_schema

ENV = Path(".env")
IGNORE = Path(".gitignore")
IGNORED = b".env\n*.db*\n"
KEPT = (ENV, IGNORE)
"""Files that stay as they are, with `--force` too."""
SCHEMAS = {Path("config.schema.json"): json_schema, Path("stories.schema.json"): stories_schema}
"""Named in the first line of what they are for, so that editors complete and check while a person types."""


def init(folder: Path, *, force: bool) -> None:
    """Write the files and say what to do next; nothing is overwritten unless `force`, and `KEPT` never."""
    files = _files()
    kept = [name for name in KEPT if (folder / name).exists()]
    there = [name for name in files if name not in KEPT and (folder / name).exists()]
    if there and not force:
        hint = "nothing was written; --force overwrites all but .env, another folder is safer"
        raise Failure(f"{_shown(folder)} already has {_named(there)}", hint)
    try:
        replaced = [name for name in there if (folder / name).read_bytes() != files[name]]
        for name, content in files.items():
            if name not in kept:
                _write(folder / name, content, secret=name == ENV)
    except OSError as error:
        raise Failure(f"cannot write {error.filename or folder}: {error.strerror}") from error
    _tell(folder, files, replaced, kept)


def _files() -> dict[Path, bytes]:
    files = shipped_files()
    files[ENV] = files[Path(EXAMPLE)]
    files[IGNORE] = IGNORED
    for name, schema in SCHEMAS.items():
        files[name] = (json.dumps(schema(), indent=2, ensure_ascii=False) + "\n").encode()
    return files


def _write(path: Path, content: bytes, *, secret: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if secret:
        path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(content)


def _tell(folder: Path, files: Mapping[Path, bytes], replaced: Sequence[Path], kept: Sequence[Path]) -> None:
    if replaced:
        show(f"replaced: {_named(replaced)}")
    for name in kept:
        show(f"`{name}` was left as it is")
    show(f"{_shown(folder)} now has {CONFIG}, {ENV} and {_templates(files)} templates. Next:\n")
    show(aligned(_next_steps(folder, files[ENV].decode()), "  "))


def _named(names: Sequence[Path]) -> str:
    return ", ".join(map(str, names))


def _next_steps(folder: Path, env: str) -> list[tuple[str, str]]:
    here = folder.resolve() == Path.cwd()
    variables = ", ".join(re.findall(r"(?m)^(\w+)=", env))
    return [
        *([] if here else [(f"cd {folder}", "")]),
        ("bridge run --sandbox", "try it with nothing set up; the admin page shows every message"),
        (
            "bridge send nutror.module_completed --sandbox",
            "in another terminal: a completed module, signed as by Eduzz",
        ),
        (f"edit {CONFIG} and {ENV}", f"make it yours, and set {variables}"),
        ("bridge check", "every problem at once"),
        ("bridge test", "the stories of tests/stories.yaml: which messages events lead to"),
        ("bridge run", "for real; in Eduzz's console enter https://YOUR-HOST/hooks/eduzz"),
    ]


def _templates(files: Mapping[Path, bytes]) -> int:
    return sum(name.parent == Path(TEMPLATES) for name in files)


def _shown(folder: Path) -> str:
    return "this folder" if folder.resolve() == Path.cwd() else str(folder)
