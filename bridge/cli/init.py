"""`bridge init`: a folder to start from, with every file explained and every secret left to fill in.

What it holds is what is shipped, or the recipes that are chosen, in the language that is chosen.
An `.env` that is there is never written to: what is in it may be nowhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bridge.cli.asked import Wanted
from bridge.cli.exits import Failure, misused
from bridge.cli.gallery.add import add, links_to_change
from bridge.cli.gallery.base import starting_files
from bridge.cli.gallery.recipes import STARTING, Recipe, chosen, language_of, recipes
from bridge.cli.shipped import CONFIG, EXAMPLE, TEMPLATES, shipped_files
from bridge.cli.stories.schema import stories_schema
from bridge.cli.tables import Column, aligned, show, show_json, show_table
from bridge.cli.text import so_many
from bridge.config.model import LOCALES
from bridge.config.schema import json_schema

ENV = Path(".env")
IGNORE = Path(".gitignore")
IGNORED = b".env\n*.db*\n"
KEPT = (ENV, IGNORE)
"""Files that stay as they are, with `--force` too."""
SAMPLE = "nutror.module_completed"
SCHEMAS = {Path("config.schema.json"): json_schema, Path("stories.schema.json"): stories_schema}
"""Named in the first line of what they are for, so that editors complete and check while a person types."""


def init(wanted: Wanted) -> None:
    """Write the files and say what to do next; nothing is overwritten unless `force`, and `KEPT` never.

    Or list the recipes.
    """
    if wanted.listing:
        _list(wanted)
        return
    picked = chosen(wanted.names)
    if not wanted.add:
        _begin(wanted, picked)
    elif not picked or wanted.force:
        raise misused("--add takes a --recipe, and never overwrites; `bridge init --recipes` lists them")
    else:
        add(wanted.folder, picked, wanted.locale)


def _list(wanted: Wanted) -> None:
    """List the recipes, with what their rules are called in a language."""
    if wanted.json:
        show_json([{"name": it.name, "about": it.about, "rules": _rules(it)} for it in recipes()])
        return
    language = language_of(wanted.locale or LOCALES[0])
    rows = [(each.name, each.rule(language), each.about) for each in recipes()]
    show_table((Column("recipe"), Column("rule", rank=1), Column("what", folds=True)), rows)


def _rules(recipe: Recipe) -> dict[str, str]:
    return {locale: recipe.rule(language_of(locale)) for locale in LOCALES}


def _begin(wanted: Wanted, picked: Sequence[Recipe]) -> None:
    folder, force = wanted.folder, wanted.force
    files = _files(picked, language_of(wanted.locale or LOCALES[0]))
    kept = [name for name in KEPT if (folder / name).exists()]
    there = [name for name in files if name not in KEPT and (folder / name).exists()]
    if there and not force:
        hint = "nothing was written; --force overwrites all but .env, another folder is safer"
        if picked:
            hint = "nothing was written; --add adds recipes to what is there"
        raise Failure(f"{_shown(folder)} already has {_named(there)}", hint)
    try:
        replaced = [name for name in there if (folder / name).read_bytes() != files[name]]
        for name, content in files.items():
            if name not in kept:
                _write(folder / name, content, secret=name == ENV)
    except OSError as error:
        raise Failure(f"cannot write {error.filename or folder}: {error.strerror}") from error
    event = picked[0].event if picked else SAMPLE
    _tell(folder, files, replaced, kept, event)
    _say_what_to_change(files)


def _files(picked: Sequence[Recipe], language: str) -> dict[Path, bytes]:
    if picked or language != language_of(LOCALES[0]):
        files = starting_files(picked or chosen(STARTING), language)
    else:
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


def _tell(
    folder: Path, files: Mapping[Path, bytes], replaced: Sequence[Path], kept: Sequence[Path], event: str
) -> None:
    if replaced:
        show(f"replaced: {_named(replaced)}")
    for name in kept:
        show(f"`{name}` was left as it is")
    show(f"{_shown(folder)} now has {CONFIG}, {ENV} and {_templates(files)}. Next:\n")
    show(aligned(_next_steps(folder, files[ENV].decode(), event), "  "))


def _say_what_to_change(files: Mapping[Path, bytes]) -> None:
    links = list(links_to_change(files))
    if links:
        show("")
        show("\n".join(links))


def _named(names: Sequence[Path]) -> str:
    return ", ".join(map(str, names))


def _next_steps(folder: Path, env: str, event: str) -> list[tuple[str, str]]:
    here = folder.resolve() == Path.cwd()
    variables = ", ".join(re.findall(r"(?m)^(\w+)=", env))
    return [
        *([] if here else [(f"cd {folder}", "")]),
        ("bridge run --sandbox", "try it with nothing set up; the admin page shows every message"),
        (f"bridge send {event} --sandbox", "in another terminal: an event, signed as by Eduzz"),
        (f"edit {CONFIG} and {ENV}", f"make it yours, and set {variables}"),
        ("bridge check", "every problem at once"),
        ("bridge test", "the stories in tests/: which messages events lead to"),
        ("bridge run", "for real; in Eduzz's console enter https://YOUR-HOST/hooks/eduzz"),
    ]


def _templates(files: Mapping[Path, bytes]) -> str:
    return so_many(sum(name.parent == Path(TEMPLATES) for name in files), "template")


def _shown(folder: Path) -> str:
    return "this folder" if folder.resolve() == Path.cwd() else str(folder)
