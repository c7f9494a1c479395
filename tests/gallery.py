"""Makes the pictures and the list of recipes in the documentation: `python -m tests.gallery`.

Needs Chromium. Each recipe's e-mail is made by the real program from a sample with invented people: in
Portuguese by day, in English by night, as on a telephone.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bridge.bootstrap import build_channels
from bridge.channels.base import Channel
from bridge.channels.http import Shared
from bridge.cli.body import apply, parse_changes, read_body, write_body
from bridge.cli.gallery.base import starting_files
from bridge.cli.gallery.recipes import LANGUAGES, Recipe, recipes
from bridge.cli.known import alone
from bridge.cli.opening import NOWHERE
from bridge.cli.previews.chromium import Shot, browser, find_chromium
from bridge.cli.previews.made import PREVIEW_ID, Preview, previews_of
from bridge.cli.previews.page import PHONE, picture_page
from bridge.clock import SystemClock
from bridge.config.load import Loaded, load
from bridge.core.routing import Router
from bridge.pipeline.compose import compose, together
from bridge.pipeline.house import House
from bridge.sources.registry import events_in, sample
from tests.support.png import small

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/how-to/start-from-a-recipe.md"
PICTURES = ROOT / "docs/how-to/recipes"
SHOTS = {
    "pt": Shot("pt", PHONE, "light", phone=True),
    "en": Shot("en", PHONE, "dark", phone=True),
}
BLOCK = re.compile(r"(<!-- recipes -->\n).*?(<!-- end -->)", re.DOTALL)
PEOPLE: Mapping[str, Mapping[str, object]] = {
    "pt": {"learner.name": "MARIA APARECIDA DA SILVA", "learner.email": "maria@aluna.example"},
    "en": {
        "learner.name": "EMMA WILSON",
        "learner.email": "emma@learner.example",
        "producer.name": "Aurora School",
        "course.title": "Python Basics",
        "module.title": "Module 3: Functions",
        "lesson.title": "Lesson 12: Functions that call functions",
        "courses": [{"hash": "d39220a4b469c35a871c3e634f1da54bb5dcb233", "title": "Python Basics"}],
        "content.title": "Python Basics",
    },
    "es": {
        "learner.name": "SOFÍA DE LOS ÁNGELES RUIZ",
        "learner.email": "sofia@alumna.example",
        "producer.name": "Escuela Aurora",
        "course.title": "Python Básico",
        "module.title": "Módulo 3: Funciones",
        "lesson.title": "Clase 12: Funciones que llaman funciones",
        "courses": [{"hash": "d39220a4b469c35a871c3e634f1da54bb5dcb233", "title": "Python Básico"}],
    },
}
WEEK: Mapping[str, Sequence[tuple[str, Mapping[str, object]]]] = {
    language: (
        ("nutror.enrollment_created", {}),
        ("nutror.module_completed", {"module.id": "1"}),
        ("nutror.module_completed", {"module.id": "1", "learner.name": two}),
        ("nutror.module_completed", {"module.id": "1", "learner.name": three}),
        ("nutror.lesson_watched", {"course.progress": 100, "learner.name": two}),
        (
            "nutror.learner_help",
            {
                "learner.name": three,
                "learner.email": address,
                "producer.name": school,
                "course.title": course,
            },
        ),
    )
    for language, two, three, address, school, course in (
        ("pt", "JOÃO LIMA", "ANA ROCHA", "ana@aluna.example", "Escola Aurora", "Python Básico"),
        ("en", "NOAH CLARK", "OLIVIA REED", "olivia@learner.example", "Aurora School", "Python Basics"),
        ("es", "DIEGO VEGA", "LUCÍA MORA", "lucia@alumna.example", "Escuela Aurora", "Python Básico"),
    )
}
FIRST = {
    "pt": "Aula 1: Olá, mundo",
    "en": "Lesson 1: Hello, world",
    "es": "Clase 1: Hola, mundo",
}


def body_of(recipe: Recipe, language: str) -> bytes:
    """Return the recipe's sample with people and titles of a language."""
    first = {"lesson.title": FIRST[language]} if recipe.name == "first-lesson" else {}
    body = read_body(_changed(recipe.sample, {**PEOPLE[language], **first}), recipe.sample)
    for change in parse_changes([recipe.change] if recipe.change else []):
        apply(body, change)
    return write_body(body)


def _changed(name: str, changes: Mapping[str, object]) -> bytes:
    """Return a sample with other values where it has any."""
    body = json.loads(sample(name) or b"")
    for path, value in changes.items():
        *above, last = path.split(".")
        place = body["data"]
        for step in above:
            place = place.get(step, {})
        if last in place:
            place[last] = value
    return json.dumps(body).encode()


def loaded_in(folder: Path, recipe: Recipe, language: str) -> Loaded:
    """Return the configuration of a folder that is written with one recipe."""
    for path, content in starting_files([recipe], language).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    loaded = load(folder / "config.yaml", {}, sandbox=NOWHERE)
    assert isinstance(loaded, Loaded), loaded
    return loaded


def previews(recipe: Recipe, language: str) -> list[Preview]:
    """Return the recipe's messages in a language."""
    with tempfile.TemporaryDirectory() as folder:
        loaded = loaded_in(Path(folder), recipe, language)
        channels = build_channels(loaded, Shared(SystemClock(), "bridge"))
        if recipe.name == "weekly-producer-digest":
            return [_week(loaded, channels, language)]
        house = House(public_url=loaded.config.public_url)
        router = Router(loaded.rules)
        return [
            each
            for event in alone(loaded.catalogue, events_in(body_of(recipe, language)))
            for each in previews_of(
                event, router.plan(event, event.facts()), channels, event.occurred_at, house
            )
        ]


def _week(loaded: Loaded, channels: Mapping[str, Channel], language: str) -> Preview:
    """Return the message of a week in which something happened."""
    bodies = [_changed(name, {**PEOPLE[language], **changes}) for name, changes in WEEK[language]]
    events = [each for body in bodies for each in alone(loaded.catalogue, events_in(body))]
    items = [each.facts() for each in events if Router(loaded.rules).plan(each, each.facts()).wanted]
    action = loaded.rules[0].actions[0]
    facts = together(items, len(items))
    made = compose(
        action=action,
        channel=channels[action.channel],
        facts=facts,
        delivery_id=PREVIEW_ID,
        at=events[-1].occurred_at,
        house=House(),
    )
    return Preview(loaded.rules[0].name, action, made, facts)


def refresh(page: str) -> str:
    """Return the page with every recipe as the program has it today."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{''.join(map(_section, recipes()))}{found[2]}", page)


def _section(recipe: Recipe) -> str:
    names = ", ".join(f"`{recipe.rule(language)}`" for language in LANGUAGES)
    shown = " | ".join(f"![{recipe.name} in {each}](recipes/{recipe.name}.{each}.png)" for each in SHOTS)
    return (
        f"### {recipe.name}\n\n{recipe.about}.\n\nIts rule is called {names}; "
        f"`bridge preview {recipe.event}` shows it.\n\n"
        f"| in Portuguese, by day | in English, by night |\n| --- | --- |\n| {shown} |\n\n"
    )


def pictures() -> Iterator[tuple[Path, Recipe, str]]:
    """Yield the path of every picture, what is on it and in which language."""
    for recipe in recipes():
        for language in SHOTS:
            yield PICTURES / f"{recipe.name}.{language}.png", recipe, language


def main() -> None:
    """Write the pictures, all or those of the recipes that are named, and the list."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with browser(find_chromium(None, os.environ)) as taking:
        for path, recipe, language in pictures():
            if sys.argv[1:] and recipe.name not in sys.argv[1:]:
                continue
            mail = next(each for each in previews(recipe, language) if each.kind == "email")
            page = picture_page(mail)
            assert page is not None, mail.made
            path.write_bytes(small(taking.take(page, SHOTS[language])))
            print(path.relative_to(ROOT), path.stat().st_size)
    PAGE.write_text(refresh(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
