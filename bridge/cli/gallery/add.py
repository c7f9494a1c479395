"""`bridge init --add`: recipes for a folder that has a configuration; nothing that is there is changed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from msgspec import Struct, field

from bridge.cli.exits import Failure, not_found
from bridge.cli.gallery.recipes import Names, Recipe, language_of
from bridge.cli.shipped import CONFIG
from bridge.cli.stories.schema import stories_schema
from bridge.cli.tables import aligned, show
from bridge.config.files import Material, read
from bridge.config.model import LOCALES
from bridge.config.standins import stand_in

PATTERN = "rules/*.yaml"
_STORIES_SCHEMA = Path("stories.schema.json")


class Adding(Struct):
    """What will be written where, what is there already, and what a person has to do."""

    folder: Path
    config: Path
    files: dict[Path, bytes] = field(default_factory=dict)
    there: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    to_do: list[str] = field(default_factory=list)


def add(folder: Path, recipes: Sequence[Recipe], locale: str | None) -> None:
    """Write the recipes' files and say what to do; nothing is written if one of them would not fit."""
    path = folder / CONFIG
    if not path.is_file():
        raise not_found(f"there is no configuration file {path}", "without --add, `bridge init` writes one")
    material = read(path, os.environ, stand_in)
    if not material.data:
        raise Failure(f"{path} cannot be understood; `bridge check` says why")
    adding = Adding(folder, path)
    language = language_of(locale or str(material.data.get("locale", LOCALES[0])))
    names = _names(material, recipes, adding)
    if any(recipe.lets_people_leave for recipe in recipes) and not material.data.get("public_url"):
        adding.to_do.append(
            f"add `public_url: https://…` to {adding.config}: where the world reaches the bridge, for the "
            f"links to unsubscribe"
        )
    for recipe in recipes:
        _plan(recipe, language, names, material, adding)
    if adding.wrong:
        raise Failure("nothing was written", *adding.wrong)
    _write(adding)
    adding.to_do += _not_included(material, [recipe.rule(language) for recipe in recipes], path)
    _tell(adding, recipes, language)


def _names(material: Material, recipes: Sequence[Recipe], adding: Adding) -> Names:
    """Return what the configuration calls its channels; a type that it lacks is something to do."""
    usual = Names()
    channels = material.data.get("channels")
    types = {
        str(name): str(raw.get("type"))
        for name, raw in (channels if isinstance(channels, dict) else {}).items()
        if isinstance(raw, dict)
    }
    email = _of_type("email", usual.email, types)
    slack = _of_type("slack", usual.slack, types)
    if email is None:
        adding.to_do.append(f"{adding.config} has no channel of type email: add one called {usual.email}")
    if slack is None and any(recipe.uses_slack for recipe in recipes):
        adding.to_do.append(
            f"{adding.config} has no channel of type slack: add one called {usual.slack}, or take the "
            f"`- slack:` entries out of the new files, and their expectations"
        )
    return Names(email or usual.email, slack or usual.slack)


def _of_type(kind: str, usual: str, types: Mapping[str, str]) -> str | None:
    """Return the channel of a type: the one with the usual name, else the first."""
    found = [name for name, each in types.items() if each == kind]
    return usual if usual in found else next(iter(found), None)


def _plan(recipe: Recipe, language: str, names: Names, material: Material, adding: Adding) -> None:
    files = recipe.files(language, names)
    new = {path: content for path, content in files.items() if not (adding.folder / path).exists()}
    changed = [path for path, content in files.items() if path not in new and _differs(adding, path, content)]
    if changed:
        shown = ", ".join(map(str, changed))
        adding.wrong.append(f"{recipe.name}: {shown} is there already, and another; nothing is overwritten")
    elif not new:
        adding.there.append(recipe.name)
    elif Path("rules", f"{recipe.rule(language)}.yaml") in new and recipe.rule(language) in _rules(material):
        adding.wrong.append(f"{recipe.name}: {adding.config} already has a rule '{recipe.rule(language)}'")
    else:
        adding.files.update(new)


def _differs(adding: Adding, path: Path, content: bytes) -> bool:
    try:
        return (adding.folder / path).read_bytes() != content
    except OSError:
        return True


def _rules(material: Material) -> set[str]:
    rules = material.data.get("rules")
    return {
        str(raw.get("name")) for raw in (rules if isinstance(rules, list) else ()) if isinstance(raw, dict)
    }


def _write(adding: Adding) -> None:
    """Write what is new; a file that appears meanwhile is not overwritten either."""
    if not (adding.folder / _STORIES_SCHEMA).exists():
        schema = json.dumps(stories_schema(), indent=2, ensure_ascii=False) + "\n"
        adding.files[_STORIES_SCHEMA] = schema.encode()
    try:
        for path, content in adding.files.items():
            target = adding.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                file.write(content)
    except OSError as error:
        raise Failure(f"cannot write {error.filename or adding.folder}: {error.strerror}") from error


def _not_included(material: Material, names: Sequence[str], config: Path) -> Iterator[str]:
    include = material.data.get("include")
    patterns = [include] if isinstance(include, str) else include if isinstance(include, list) else []
    left = [
        name
        for name in names
        if not any(PurePosixPath("rules", f"{name}.yaml").match(str(pattern)) for pattern in patterns)
    ]
    if left and not patterns:
        yield f"add this line to {config}: include: {PATTERN}"
    elif left:
        yield f"add {PATTERN} to `include:` in {config}"


def _tell(adding: Adding, recipes: Sequence[Recipe], language: str) -> None:
    for name in adding.there:
        show(f"{name} is there already")
    for path in adding.files:
        show(f"wrote {adding.folder / path}")
    steps = [*adding.to_do, *links_to_change(adding.files)]
    if steps:
        show("\nTo do:")
        show("\n".join(f"  {step}" for step in steps))
    show("\nThen:")
    show(
        aligned(
            [
                ("bridge check", "every problem at once"),
                ("bridge test", "the recipes' stories, and yours"),
                (f"bridge preview {recipes[0].event} --rule {recipes[0].rule(language)}", "what it sends"),
                ("bridge reload --look", "a running bridge has taken them up: which configuration runs"),
            ],
            "  ",
        )
    )


def links_to_change(files: Mapping[Path, bytes]) -> Iterator[str]:
    """Yield what to do about each template that links to an invented address."""
    for path, content in files.items():
        for word in content.decode().split() if path.suffix == ".md" else ():
            _, found, address = word.partition("](https://")
            if found and ".example/" in address:
                yield f"{path} links to https://{address.rstrip(')')}: write your own address there"
