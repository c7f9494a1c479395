"""The recipes that come with the bridge: what each is for, and its files in a language.

A recipe is a folder: `rule.yaml` and `stories.yaml` hold the logic once, with `§words` that `recipe.yaml`
says in each language, and a template per language stands beside them.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml
from msgspec import Struct

from bridge.cli.exits import misused, not_found
from bridge.cli.shipped import TEMPLATES, shipped
from bridge.config.model import LOCALES
from bridge.core.problems import did_you_mean

LANGUAGES = tuple(locale.partition("_")[0] for locale in LOCALES)
STARTING = (
    "module-completed",
    "course-completed-with-certificate",
    "enrolment-welcome",
    "help-asked",
    "low-rating",
)
"""What a new configuration has when nothing is chosen: as the shipped `config.yaml`."""
_ORDER = (
    "enrolment-welcome",
    "first-lesson",
    "module-completed",
    "half-way",
    "course-completed-with-certificate",
    "no-progress-7-days",
    "inactive-30-days",
    "help-asked",
    "low-rating",
    "weekly-producer-digest",
)
"""The order of the list: that of a learner's way."""
_STORY_SCHEMA = "# yaml-language-server: $schema=../stories.schema.json\n"


class Words(string.Template):
    """Text with `§words`, so that `$` and braces stay what they are in YAML and Jinja."""

    delimiter = "§"


class Names(Struct, frozen=True):
    """What the channels are called that a recipe sends through."""

    email: str = "learners"
    slack: str = "wins"


class Recipe(Struct, frozen=True):
    """One recipe; `words` are by language; it answers to `sample`, if need be with `change` of one value."""

    name: str
    about: str
    sample: str
    change: str
    words: Mapping[str, Mapping[str, str]]
    folder: Traversable

    def rule(self, language: str) -> str:
        """Return the name of its rule, which is that of its files too."""
        return self.words[language]["name"]

    @property
    def event(self) -> str:
        """The words of a command that name an event which it answers to."""
        return f"{self.sample} --set {self.change}" if self.change else self.sample

    @property
    def uses_slack(self) -> bool:
        """Whether it sends to Slack as well."""
        return "§wins" in self._text("rule.yaml")

    @property
    def lets_people_leave(self) -> bool:
        """Whether its messages have a link to unsubscribe, which needs the public address."""
        return "purpose:" in self._text("rule.yaml")

    def files(self, language: str, names: Names = Names()) -> dict[Path, bytes]:
        """Return its rule, template and stories by their paths below a configuration's folder."""
        rule = self.rule(language)
        words = {**self.words[language], "learners": names.email, "wins": names.slack}
        filled = {
            Path("rules", f"{rule}.yaml"): Words(self._text("rule.yaml")).substitute(words),
            Path("tests", f"{rule}.yaml"): _STORY_SCHEMA
            + Words(self._text("stories.yaml")).substitute(words),
            Path(TEMPLATES, f"{rule}.md"): self._template(language),
        }
        if "certificate" in words:
            name = Path(TEMPLATES, f"{words['certificate']}.md")
            filled[name] = self._text(f"certificate.{language}.md")
        return {path: text.encode() for path, text in filled.items()}

    def _template(self, language: str) -> str:
        """Return its template; in Portuguese it may be one that the shipped configuration uses."""
        own = self.folder / f"{language}.md"
        if own.is_file():
            return own.read_text("utf-8")
        return (shipped() / TEMPLATES / f"{self.rule(language)}.md").read_text("utf-8")

    def _text(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")


@cache
def recipes() -> tuple[Recipe, ...]:
    """Return all recipes in the order of a learner's way."""
    folder = files("bridge.cli.gallery") / "recipes"
    found = [_read(each) for each in folder.iterdir() if each.is_dir()]
    return tuple(sorted(found, key=lambda each: _ORDER.index(each.name)))


def chosen(names: Iterable[str]) -> list[Recipe]:
    """Return the recipes of these names, or of their rules' names; fails with the nearest."""
    by_name = {
        name: recipe
        for recipe in recipes()
        for name in (*(recipe.rule(language) for language in LANGUAGES), recipe.name)
    }
    found: dict[str, Recipe] = {}
    for name in names:
        if name not in by_name:
            hint = "`bridge init --recipes` lists them"
            raise not_found(f"there is no recipe '{name}'{did_you_mean(name, by_name)}", hint)
        found[by_name[name].name] = by_name[name]
    return list(found.values())


def language_of(locale: str) -> str:
    """Return the language of a locale, `pt` of `pt_BR`; fails for one that there are no texts in."""
    language = locale.replace("-", "_").partition("_")[0].lower()
    if language not in LANGUAGES:
        raise misused(f"there are no texts in '{locale}'; --locale is one of {', '.join(LOCALES)}")
    return language


def _read(folder: Traversable) -> Recipe:
    data = yaml.safe_load((folder / "recipe.yaml").read_text("utf-8"))
    words = {language: data[language] for language in LANGUAGES}
    return Recipe(folder.name, data["about"], data["sample"], data.get("set", ""), words, folder)
