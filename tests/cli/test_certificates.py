"""Certificates on the command line: the recipe's, what check and preview say, and the files they write."""

from __future__ import annotations

import json

import pypdfium2
import pytest

from bridge.cli.exits import ExitCode
from bridge.cli.gallery.recipes import LANGUAGES, recipes
from bridge.config.model import LOCALES
from tests.cli.conftest import Bridge

RECIPE = "course-completed-with-certificate"
EVENT = "nutror.lesson_watched"
SAID = {
    "pt": ("Certificado de conclusão", "Maria", "concluiu o curso"),
    "en": ("Certificate of completion", "Maria", "completed the course"),
    "es": ("Certificado de finalización", "Maria", "completó el curso"),
}


def _begun(bridge: Bridge, language: str) -> str:
    """Start a folder with the recipe, take the # off as its rule says, and return the template's name."""
    recipe = next(each for each in recipes() if each.name == RECIPE)
    locale = dict(zip(LANGUAGES, LOCALES, strict=True))[language]
    assert bridge("init", ".", "--recipe", RECIPE, "--locale", locale).code == ExitCode.OK
    name = recipe.words[language]["certificate"]
    rule = bridge.folder / f"rules/{recipe.rule(language)}.yaml"
    text = rule.read_text("utf-8")
    assert f"# {recipe.words[language]['along']}\n        # certificate: {name}\n" in text
    assert "pip install 'course-bridge[pdf]'" in text
    rule.write_text(text.replace(f"# certificate: {name}\n", f"certificate: {name}\n"), "utf-8")
    return name


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_recipe_sends_a_certificate_once_its_line_is_taken_in(bridge: Bridge, language: str) -> None:
    """Nothing is wrong with it, its stories hold, and the preview writes the PDF."""
    _begun(bridge, language)
    assert json.loads(bridge("check", "--sandbox", "--json").out)["problems"] == []
    played = bridge("test")
    assert (played.code, played.err) == (ExitCode.OK, ""), played.out
    said = bridge("preview", EVENT, "--sandbox", "--out", "out")
    assert "With" in said.out
    assert "application/pdf" in said.out
    (path,) = (bridge.folder / "out").glob("*.pdf")
    (page,) = pypdfium2.PdfDocument(path.read_bytes())
    words = page.get_textpage().get_text_range()
    assert [word for word in SAID[language] if word not in words] == []


def test_a_preview_tells_machines_of_the_file(bridge: Bridge) -> None:
    _begun(bridge, "pt")
    mail = json.loads(bridge("preview", EVENT, "--sandbox", "--json").out)[0]
    (file,) = mail["files"]
    assert (file["name"].startswith("Certificado Maria"), file["type"]) == (True, "application/pdf")
    assert 5_000 < file["bytes"] < 60_000


def test_a_name_that_cannot_be_written_parks_the_message(bridge: Bridge) -> None:
    """The reason names the template, its line and the letter; a name with letters that are there is sent."""
    _begun(bridge, "pt")
    body = json.loads(bridge("samples", EVENT).out)
    body["data"]["learner"]["name"] = "王小明"
    (bridge.folder / "event.json").write_text(json.dumps(body), "utf-8")
    said = bridge("preview", "event.json", "--sandbox")
    assert said.code == ExitCode.PROBLEMS
    assert "templates/certificado.md:15: 'learner.name | proper_name" in said.out
    assert "has U+738B" in said.out
    assert "`font:`" in said.out


def test_a_certificate_that_is_wrong_is_told_by_check(bridge: Bridge) -> None:
    """At its own line, and in the rule where there is no such template."""
    name = _begun(bridge, "pt")
    template = bridge.folder / f"templates/{name}.md"
    template.write_text("---\ncolor: azul\n---\n{{ learner.nome }}\n", "utf-8")
    told = bridge("check", "--sandbox").err
    assert "certificado.md:2: rules[0].send[0].certificate: color: expected a colour such as #1f4e79" in told
    assert (
        "certificado.md:4: rules[0].send[0].certificate: 'learner' has no 'nome', did you mean 'name'?"
        in told
    )
    template.unlink()
    assert "there is no template" in bridge("check", "--sandbox").err


def test_a_certificate_mentions_what_its_events_carry(bridge: Bridge) -> None:
    """As every template, it is held against what the events of its rule have."""
    name = _begun(bridge, "pt")
    (bridge.folder / f"templates/{name}.md").write_text("{{ data.nothing.here }}\n", "utf-8")
    problems = json.loads(bridge("check", "--sandbox", "--json").out)["problems"]
    assert [problem["file"].endswith(f"{name}.md") for problem in problems] == [True]
