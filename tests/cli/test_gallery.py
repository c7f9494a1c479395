"""Recipes: each and all of them are good configurations in every language, and their stories hold."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import pytest

from bridge.bootstrap import build_channels
from bridge.channels.http import Shared
from bridge.cli.exits import ExitCode
from bridge.cli.gallery.base import starting_files
from bridge.cli.gallery.recipes import LANGUAGES, STARTING, Recipe, recipes
from bridge.cli.known import alone
from bridge.cli.opening import NOWHERE
from bridge.cli.previews.made import previews_of
from bridge.clock import SystemClock
from bridge.config.load import Loaded, load
from bridge.config.model import LOCALES
from bridge.core.events import Event
from bridge.core.messages import Payload
from bridge.core.readable import read_mail
from bridge.core.routing import Router
from bridge.pipeline.compose import Unready
from bridge.pipeline.house import ANYWHERE
from bridge.sources.registry import events_in, sample, sample_names
from tests.cli.conftest import Bridge
from tests.config.expected import is_as_expected
from tests.gallery import PAGE, body_of, pictures, refresh

LOCALE = dict(zip(LANGUAGES, LOCALES, strict=True))
EACH = [(recipe.name, language) for recipe in recipes() for language in LANGUAGES]
ALL = tuple(recipe.name for recipe in recipes())


def _named(name: str) -> Recipe:
    return next(each for each in recipes() if each.name == name)


def _write(folder: Path, files: Mapping[Path, bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def _begun(bridge: Bridge, names: Sequence[str], locale: str) -> None:
    said = bridge("init", ".", *(word for name in names for word in ("--recipe", name)), "--locale", locale)
    assert (said.code, said.err) == (ExitCode.OK, "")


def _is_good(bridge: Bridge) -> None:
    """Nothing is wrong and nobody is warned, and every story holds."""
    checked = json.loads(bridge("check", "--sandbox", "--json").out)
    assert checked["problems"] == [], checked["problems"]
    played = bridge("test")
    assert (played.code, played.err) == (ExitCode.OK, ""), played.out


@pytest.mark.parametrize(("name", "language"), EACH)
def test_a_recipe_alone_is_a_good_configuration(bridge: Bridge, name: str, language: str) -> None:
    """Only the channels it uses are there, so that nobody is warned of one that is not used."""
    _begun(bridge, [name], LOCALE[language])
    assert json.loads(bridge("check", "--sandbox", "--json").out)["problems"] == []
    rule = _named(name).rule(language)
    folder = bridge.folder
    assert (folder / f"rules/{rule}.yaml").is_file()
    assert (folder / f"templates/{rule}.md").is_file()
    assert (folder / f"tests/{rule}.yaml").is_file()


@pytest.mark.parametrize(("name", "language"), EACH)
def test_what_is_told_to_do_next_shows_the_recipe(bridge: Bridge, name: str, language: str) -> None:
    """The event that `bridge init` names after it wrote a recipe is one that the recipe's rule answers to."""
    _begun(bridge, ["inactive-30-days"], LOCALE[language])
    added = bridge("init", ".", "--recipe", name, "--add").out
    told = next(line.partition("  ")[0] for line in map(str.strip, added.splitlines()) if "preview" in line)
    said = bridge(*told.split()[1:])
    assert said.code == ExitCode.OK
    assert f"── {_named(name).rule(language)}: email via learners" in said.out


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_recipes_live_together(bridge: Bridge, language: str) -> None:
    """Every recipe's stories hold, and none is disturbed by the rules of another."""
    _begun(bridge, ALL, LOCALE[language])
    _is_good(bridge)


@pytest.mark.parametrize("language", LANGUAGES)
def test_any_two_recipes_go_together(tmp_path: Path, language: str) -> None:
    """No pair names the same rule or file, is the same rule twice, or leaves a channel unused."""
    for place, pair in enumerate(combinations(recipes(), 2)):
        folder = tmp_path / str(place)
        _write(folder, starting_files(pair, language))
        loaded = load(folder / "config.yaml", {}, sandbox=NOWHERE)
        assert isinstance(loaded, Loaded), pair
        assert loaded.warnings == (), pair
        assert {rule.name for rule in loaded.rules} == {each.rule(language) for each in pair}


@pytest.mark.parametrize("locale", LOCALES)
def test_a_language_alone_begins_with_the_usual_rules(bridge: Bridge, locale: str) -> None:
    """`--locale en` is a configuration in English that does what the shipped one does."""
    assert bridge("init", "--locale", locale).code == ExitCode.OK
    _is_good(bridge)
    rules = json.loads(bridge("check", "--sandbox", "--json").out)["rules"]
    assert len(rules) == len(STARTING)


def _events(loaded: Loaded, body: bytes) -> list[Event]:
    return list(alone(loaded.catalogue, events_in(body)))


def _less(body: Mapping[str, object]) -> Iterator[bytes]:
    """Yield a body without each of its values in turn, and without all titles and names."""
    data = body["data"]
    assert isinstance(data, dict)
    bare = copy.deepcopy(data)
    for key, value in data.items():
        yield json.dumps(
            {**body, "data": {name: each for name, each in data.items() if name != key}}
        ).encode()
        for member in value if isinstance(value, dict) else ():
            less = copy.deepcopy(data)
            del less[key][member]
            yield json.dumps({**body, "data": less}).encode()
            if member in ("title", "name"):
                del bare[key][member]
    yield json.dumps({**body, "data": bare}).encode()


@pytest.mark.parametrize(("name", "language"), EACH)
def test_a_recipe_says_something_sensible_whatever_is_missing(
    tmp_path: Path, name: str, language: str
) -> None:
    """Every event it answers to makes every message, also without a name, a title, or a whole part of it."""
    recipe = _named(name)
    _write(tmp_path, starting_files([recipe], language))
    loaded = load(tmp_path / "config.yaml", {}, sandbox=NOWHERE)
    assert isinstance(loaded, Loaded)
    channels = build_channels(loaded, Shared(SystemClock(), "bridge"))
    router = Router(loaded.rules)
    bodies = [body_of(recipe, language), *(sample(each) or b"" for each in sample_names())]
    answered = [
        body for body in bodies if any(router.plan(e, e.facts()).wanted for e in _events(loaded, body))
    ]
    made = 0
    for body in (less for full in answered for less in [full, *_less(json.loads(full))]):
        for event in _events(loaded, body):
            for each in previews_of(
                event, router.plan(event, event.facts()), channels, event.occurred_at, ANYWHERE
            ):
                if isinstance(each.made, Unready) and each.made.why.startswith("to: "):
                    continue  # nobody to write to
                assert isinstance(each.made, Payload), (each.made, body)
                text = each.made.body.decode()
                if each.kind == "email":
                    mail = read_mail(each.made.body)
                    text = mail.header("subject") + mail.text
                    assert mail.header("subject")
                assert not any(wrong in text for wrong in ("  ", " ,", " .", " !", "**", "“”", "None")), text
                made += 1
    assert made > 3


def test_recipes_are_listed(bridge: Bridge) -> None:
    listed = bridge("init", "--recipes")
    assert [line.split()[0] for line in listed.out.splitlines()[1:]] == list(ALL)
    assert "parabens-modulo" in listed.out
    assert "felicitacion" not in listed.out
    rows = json.loads(bridge("init", "--list", "--json").out)
    assert rows[0].keys() == {"name", "about", "rules"}
    assert rows[0]["rules"].keys() == set(LOCALES)
    assert list(bridge.folder.iterdir()) == []


def test_an_unknown_recipe_or_language_names_what_there_is(bridge: Bridge) -> None:
    said = bridge("init", "--recipe", "half-ways")
    assert said.code == ExitCode.NOT_FOUND
    assert "there is no recipe 'half-ways', did you mean 'half-way'?" in said.err
    said = bridge("init", "--recipe", "half-way", "--locale", "fr")
    assert said.code == ExitCode.USAGE
    assert "there are no texts in 'fr'; --locale is one of pt_BR, en, es" in said.err
    assert list(bridge.folder.iterdir()) == []


def test_a_recipe_is_known_by_its_rules_name_too(bridge: Bridge) -> None:
    assert bridge("init", "--recipe", "metade-do-curso").code == ExitCode.OK
    assert (bridge.folder / "rules/metade-do-curso.yaml").is_file()


# ---- into a folder that is there ------------------------------------------------------------------------


def _snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_recipe_is_added_to_what_is_there(bridge: Bridge) -> None:
    """Nothing that is there changes; with the line that is told, the configuration is good."""
    bridge("init")
    before = _snapshot(bridge.folder)
    said = bridge("init", "--recipe", "half-way", "--recipe", "no-progress-7-days", "--add")
    assert (said.code, said.err) == (ExitCode.OK, "")
    after = _snapshot(bridge.folder)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 6
    assert "add this line to config.yaml: include: rules/*.yaml" in said.out
    assert "sem-avancar-7-dias.md links to https://escola.example/cursos" in said.out
    assert "add `public_url: https://…` to config.yaml" in said.out
    more = "include: rules/*.yaml\npublic_url: https://bridge.escola.example\n"
    bridge.write("config.yaml", more + before["config.yaml"].decode())
    _is_good(bridge)
    again = bridge("init", "--recipe", "half-way", "--add")
    assert "half-way is there already" in again.out
    assert _snapshot(bridge.folder) == {**after, "config.yaml": (bridge.folder / "config.yaml").read_bytes()}


def test_a_recipe_speaks_through_the_channels_and_in_the_language_that_are_there(bridge: Bridge) -> None:
    """The first channel of the type it needs, whatever it is called; the language is that of `locale:`."""
    _begun(bridge, ["first-lesson"], "es")
    config = (bridge.folder / "config.yaml").read_text("utf-8")
    config = config.replace("  learners:\n", "  correo:\n").replace("email: learners,", "email: correo,")
    slack = "  equipo: { type: slack, token: '${SLACK_BOT_TOKEN}', channel: '#equipo' }\n\ninclude:"
    bridge.write("config.yaml", config.replace("\ninclude:", slack))
    for name in ("rules/primera-clase.yaml", "tests/primera-clase.yaml"):
        bridge.write(name, (bridge.folder / name).read_text("utf-8").replace("learners", "correo"))
    said = bridge("init", "--recipe", "module-completed", "--add")
    assert said.code == ExitCode.OK, said.err
    assert "To do:" not in said.out
    rule = (bridge.folder / "rules/modulo-completado.yaml").read_text("utf-8")
    assert "email: correo" in rule
    assert "slack: equipo" in rule
    _is_good(bridge)


def test_what_is_there_is_never_overwritten(bridge: Bridge) -> None:
    """One file that is another, or a rule of the same name, is enough to write nothing."""
    bridge("init")
    bridge.write("templates/metade-do-curso.md", "mine")
    before = _snapshot(bridge.folder)
    said = bridge("init", "--recipe", "half-way", "--recipe", "first-lesson", "--add")
    assert said.code == ExitCode.PROBLEMS
    assert "half-way: templates/metade-do-curso.md is there already, and another" in said.err
    clash = bridge("init", "--recipe", "module-completed", "--add")
    assert "module-completed: config.yaml already has a rule 'parabens-modulo'" in clash.err
    assert _snapshot(bridge.folder) == before


def test_adding_needs_a_configuration_and_a_recipe(bridge: Bridge) -> None:
    assert bridge("init", "--recipe", "half-way", "--add").code == ExitCode.NOT_FOUND
    assert bridge("init", "--add").code == ExitCode.USAGE
    assert bridge("init", "--recipe", "half-way", "--add", "--force").code == ExitCode.USAGE
    bridge("init")
    said = bridge("init", "--recipe", "half-way")
    assert said.code == ExitCode.PROBLEMS
    assert "--add adds recipes to what is there" in said.err


def test_a_channel_that_is_missing_is_told(bridge: Bridge) -> None:
    _begun(bridge, ["first-lesson"], "en")
    said = bridge("init", "--recipe", "help-asked", "--add")
    assert "config.yaml has no channel of type slack: add one called wins" in said.out


# ---- the documentation ----------------------------------------------------------------------------------


def test_the_page_shows_every_recipe() -> None:
    """`python -m tests.gallery` makes the pictures; the list is made from the recipes."""
    assert is_as_expected(PAGE, refresh(PAGE.read_text("utf-8")))
    assert [path.name for path, _, _ in pictures() if not path.is_file()] == []
