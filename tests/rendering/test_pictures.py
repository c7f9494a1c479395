"""Pictures: with words for those who do not see them, and from where mail programs fetch them."""

from __future__ import annotations

import pytest

from bridge.core.messages import CLIPPED, Slot, Target
from tests.rendering.conftest import Bench

SHOWN = (
    "![Selo](https://e.example/selo.png)",
    "![{{ course.title }}]({{ data.course.cover }})",
    "`![](x)`",
    "{# ![](x) #}",
)
HIDDEN = (
    ("![](https://e.example/a.png)", "a picture has no words"),
    ("![ ](https://e.example/a.png)", "a picture has no words"),
    ("![Selo](http://e.example/a.png)", "no picture from 'http://e.example/a.png'"),
    ("![Selo](imagens/a.png)", "no picture from 'imagens/a.png'"),
    ("![Selo](data:image/png;base64,AAAA)", "no picture from 'data:image/png;base64,AAAA'"),
)


@pytest.mark.parametrize("markdown", SHOWN)
def test_a_picture_that_is_shown_is_no_problem(bench: Bench, markdown: str) -> None:
    """With words and an address of the web, also when a value of the event is the address."""
    bench.write("a.md", f"---\nsubject: x\n---\n\n{markdown}")
    assert bench.complaints("a", Target.EMAIL) == []


@pytest.mark.parametrize(("markdown", "told"), HIDDEN)
def test_a_picture_that_would_not_be_shown_is_told_with_its_line(
    bench: Bench, markdown: str, told: str
) -> None:
    """Without words, by plain http, of this machine, or inside the address."""
    bench.write("a.md", f"---\nsubject: x\n---\n\n{markdown}")
    (complaint,) = bench.complaints("a", Target.EMAIL)
    assert complaint.startswith("templates/a.md:5: ")
    assert told in complaint


@pytest.mark.parametrize(
    ("html", "told"),
    [
        ('<img src="https://e.example/a.png">', "a picture has no words"),
        ('<img alt="Selo" src="/a.png">', "no picture from '/a.png'"),
        ('<img alt="Selo">', "no picture from ''"),
    ],
)
def test_pictures_of_pages_and_layouts_are_looked_at_too(bench: Bench, html: str, told: str) -> None:
    """What the layout has, every message has."""
    bench.write("a.html", f"---\nsubject: x\n---\n{html}")
    bench.write("b.md", "---\nsubject: x\nlayout: other\n---\noi")
    bench.write("layouts/other.html", f"<body>\n{html}{{{{ content }}}}")
    assert [told in each for each in bench.complaints("a", Target.EMAIL)] == [True]
    assert [told in each for each in bench.complaints("b", Target.EMAIL)] == [True]


def test_mere_decoration_needs_no_words(bench: Bench) -> None:
    """An empty alt says so."""
    bench.write("a.html", '---\nsubject: x\n---\n<img src="https://e.example/a.png" alt="">')
    assert bench.complaints("a", Target.EMAIL) == []


def test_a_template_that_gmail_clips_is_warned_of_and_works(bench: Bench) -> None:
    """A warning, since other mail programs show it all."""
    bench.write("a.md", "---\nsubject: x\n---\n" + "muito texto " * 9_000)
    content, (problem,) = bench.renderer.content({"it": _slot("a")})
    assert content is not None
    assert problem.warning
    assert CLIPPED in problem.sentence
    bench.write("b.md", "---\nsubject: x\n---\n" + "muito texto " * 8_000)
    assert bench.complaints("b", Target.EMAIL) == []


def _slot(name: str) -> Slot:
    return Slot(Target.EMAIL, name, ("it",))
