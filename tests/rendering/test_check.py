"""Everything that can be known to be wrong with a template is told at load: what, where, what to do."""

from __future__ import annotations

import pytest

from bridge.core.messages import Slot, Target
from tests.rendering.conftest import PLAIN_LAYOUT, Bench

NAMES = (
    "names are type, kind, id, source, occurred_at, sent_at, test, learner, producer, course, "
    "module, lesson, progress, "
    "data, raw, items, count"
)
SAID = [
    ("{{ learner.nam }}", ["'learner' has no 'nam', did you mean 'name'?"]),
    ("{{ learner['emial'] }}", ["'learner' has no 'emial', did you mean 'email'?"]),
    ("{{ course.hash }}", ["'course' has no 'hash'; it has id, title"]),
    ("{{ lerner.name }}", ["no event has 'lerner', did you mean 'learner'?"]),
    ("{% for each in items %}{{ each.learner.name }} {{ each.data.x }} {{ each.id }}{% endfor %}", []),
    (
        "{% for each in items %}{{ each.learner.nam }}\n{{ each.lerner }}{% endfor %}",
        [
            "line 1: 'each.learner' has no 'nam', did you mean 'name'?",
            "line 2: 'each' is an event and has no 'lerner', did you mean 'learner'?",
        ],
    ),
    ("{% for it in items %}{{ it.id }}{% endfor %}{% for it in data.x %}{{ it.y.z }}{% endfor %}", []),
    ("{% set items = data.x %}{% for it in items %}{{ it.y.z }}{% endfor %}", []),
    ("{{ itens }}", ["no event has 'itens', did you mean 'items'?"]),
    ("{{ xyz }}", [f"no event has 'xyz'; {NAMES}"]),
    ("{{ loop.index }}", [f"no event has 'loop'; {NAMES}"]),
    (
        "{{ learner }}",
        ["'learner' is a group of values; print one of learner.id, learner.name, learner.email"],
    ),
    ("{{ occurred_at.huor }}", ["'occurred_at' is one value and has no 'huor', did you mean 'hour'?"]),
    ("{{ learner.name | frist_name }}", ["unknown filter 'frist_name', did you mean 'first_name'?"]),
    ("{{ learner.name is strng }}", ["unknown test 'is strng', did you mean 'string'?"]),
    (
        "{{ data.x | map('uper') | select('strng') }}",
        ["unknown filter 'uper', did you mean 'upper'?", "unknown test 'is strng', did you mean 'string'?"],
    ),
    (
        "{{ learner.name | safe }}",
        ["filter 'safe' is not for messages: values are always escaped for where they land"],
    ),
    (
        "{{ data | tojson }}",
        ["filter 'tojson' is not for messages: values are always escaped for where they land"],
    ),
    ("{{ data | attr('x') }}", ["filter 'attr' is not for messages: write the name after a dot"]),
    ("{% include 'x' %}", ["'include' is not for messages; what several share belongs in their layout"]),
    ("{% import 'x' as y %}", ["'import' is not for messages; write the macro in the template that uses it"]),
    (
        "{% from 'x' import y %}",
        ["'import' is not for messages; write the macro in the template that uses it"],
    ),
    ("{% extends 'x' %}", ["'extends' is not for messages; name a `layout:` in the front matter"]),
    ("{% block x %}{% endblock %}", ["'block' is not for messages; name a `layout:` in the front matter"]),
    (
        "{% autoescape true %}{% endautoescape %}",
        ["'autoescape' is not for messages; values are always escaped"],
    ),
    (
        "{% for x in data.l recursive %}{% endfor %}",
        ["'recursive' loops are not for messages; write loops inside each other"],
    ),
    ("{% set data.x = 1 %}", ["'data' cannot be changed; set a name of your own"]),
    ("{{ learner.name ", ["the text ends where '}}' should stand"]),
    ("{{ 1 2 }}", ["a whole number stands where '}}' should"]),
    ("{% foo %}", ["there is no statement '{% foo %}'; docs/reference/templates.md lists them"]),
    ("{{ }}", ["a value is missing before '}}'"]),
    ("{% if data.x %}", ["'{% if %}' has no end; close it with '{% endif %}'"]),
    (
        "{% if data.x %}{% endfor %}",
        ["'{% endfor %}' stands where '{% if %}' must end first, with '{% endif %}'"],
    ),
    ("{% %}", ["a statement's name is missing after '{%'"]),
    ("{{ 1 + }}", ["'}}' stands where a value should"]),
    ("{{ (1 }}", ["'}' stands where ')' should"]),
    ("{{ 1 & 2 }}", ["the character '&' cannot stand in '{{ }}'"]),
    ("{# a", ["a comment has no end; close it with '#}'"]),
    ("{% raw %}a", ["'{% raw %}' has no end; close it with '{% endraw %}'"]),
    ("{{ 1 is odd is even }}", ["you cannot chain multiple tests with is"]),
    ("{{ 1 | xyzzy }}", ["unknown filter 'xyzzy'; docs/reference/templates.md lists them"]),
    ("{{ 1 is xyzzy }}", ["unknown test 'is xyzzy'; docs/reference/templates.md lists them"]),
    ("a\ue000\uf8ff", ["the private-use character U+F8FF cannot be sent"]),
    (
        "a\n\n{{ learner.nam }}\n{{ xyz | default('') }}",
        ["line 3: 'learner' has no 'nam', did you mean 'name'?", f"line 4: no event has 'xyz'; {NAMES}"],
    ),
    ("{{ " + "(" * 500 + "1" + ")" * 500 + " }}", ["is nested too deeply"]),
    ("{{ " + "1 + " * 5_000 + "1 }}", ["is nested too deeply"]),
    (
        "{% for a in data.l %}" * 25 + "{% endfor %}" * 25,
        ["cannot be compiled: too many statically nested blocks"],
    ),
    ("{% set learner = 1 %}{{ learner.whatever }}", []),
    (
        (
            "{% set x %}a{% endset %}{% macro m(a, b=1) %}{{ a }}{{ b }}{{ x }}{{ varargs }}{% endmacro "
            "%}{{ m(1) }}"
        ),
        [],
    ),
    (
        (
            "{% for k, v in data.items() %}{{ loop.index }}{{ k }}{{ v }}{% endfor %}{% with y = 1 %}{{ "
            "y }}{% endwith %}"
        ),
        [],
    ),
    ("{{ data.anything.at.all }} {{ raw['x'].y }} {{ type.startswith('nutror') }}", []),
]


@pytest.mark.parametrize(("source", "sentences"), SAID)
def test_a_mistake_is_told_with_what_was_meant(bench: Bench, source: str, sentences: list[str]) -> None:
    """Unknown names, members, filters, tests, statements and syntax, all of them at once."""
    assert bench.complaints(source) == [f"send[0].it:-: {sentence}" for sentence in sentences]


def test_every_text_of_an_action_is_checked(bench: Bench) -> None:
    """Problems of all slots and of all leaves come together, each at its own path."""
    bench.write(
        "ola.md", "---\nsubject: Olá {{ learner.nam }}\n---\n{{ modul.title }}\n\n{{ course.title | foo }}\n"
    )
    content, problems = bench.renderer.content(
        {
            "to": Slot(Target.HEADER, "{{ learner.mail }}", ("to",)),
            "template": Slot(Target.EMAIL, "ola", ("template",)),
            "json": Slot(
                Target.JSON, {"a": ["{{ x.y }}", {"b": "{{ learner.name | z }}"}], "n": 1}, ("json",)
            ),
        }
    )
    assert content is None
    assert [(problem.path, problem.line) for problem in problems] == [
        (("to",), None),
        (("template",), 2),
        (("template",), 4),
        (("template",), 6),
        (("json", "a", 0), None),
        (("json", "a", 1, "b"), None),
    ]


FILES = [
    # files, the name asked for, what is told
    ({}, "parabens", ["send[0].it:-: there is no template templates/parabens.md"]),
    (
        {"parabens-modulo.md": ""},
        "parabens-modul",
        ["send[0].it:-: there is no template templates/parabens-modul.md, did you mean 'parabens-modulo'?"],
    ),
    (
        {"a.md": "", "b.html": ""},
        "xyz",
        ["send[0].it:-: there is no template templates/xyz.md; there are a, b"],
    ),
    ({"a.md": "", "a.html": ""}, "a", ["send[0].it:-: template 'a' is two files, a.md and a.html; keep one"]),
    (
        {},
        "../a",
        [
            (
                "send[0].it:-: '../a' names no template: at most 100 small letters, digits, '-' and '_', "
                "without folder or ending"
            )
        ],
    ),
    (
        {},
        "a.md",
        [
            (
                "send[0].it:-: 'a.md' names no template: at most 100 small letters, digits, '-' and '_', "
                "without folder or ending"
            )
        ],
    ),
    (
        {"a.md": "oi"},
        "a",
        ["send[0].it:-: template 'a' has no subject; add `subject:` to its front matter or to the action"],
    ),
    (
        {"a.md": "---\nsubject: x\nsubjekt: y\n---\n"},
        "a",
        ["templates/a.md:3: unknown key 'subjekt' in the front matter, did you mean 'subject'?"],
    ),
    (
        {"a.md": "---\nsubject: x\nto: y\n---\n"},
        "a",
        ["templates/a.md:3: unknown key 'to' in the front matter; it may say subject, preheader, layout"],
    ),
    (
        {"a.md": "---\nsubject: x\nsubject: y\n---\n"},
        "a",
        ["templates/a.md:3: 'subject' stands twice in the front matter"],
    ),
    (
        {"a.md": "---\nsubject: x\noi\n---\n"},
        "a",
        ["templates/a.md:3: a line of the front matter is 'key: text'"],
    ),
    (
        {"a.md": "---\nsubject: x\n\noi"},
        "a",
        ["templates/a.md:1: the front matter that begins here has no end; close it with a line '---'"],
    ),
    (
        {"a.md": "---\nsubject: x\nlayout: defalt\n---\n"},
        "a",
        ["templates/a.md:3: there is no layout templates/layouts/defalt.html, did you mean 'default'?"],
    ),
    (
        {"a.md": "---\nsubject: x\nlayout: ../x\n---\n"},
        "a",
        [
            (
                "templates/a.md:3: '../x' names no layout: at most 100 small letters, digits, '-' and '_', "
                "without folder or ending"
            )
        ],
    ),
    (
        {"a.html": "---\nsubject: x\nlayout: default\n---\n"},
        "a",
        ["templates/a.html:3: unknown key 'layout' in the front matter; it may say subject, preheader"],
    ),
    (
        {"a.html": "---\nsubject: x\n---\n{{ content }}"},
        "a",
        ["templates/a.html:4: no event has 'content', did you mean 'count'?"],
    ),
    (
        {"a.md": "---\nsubject: x\n---\n", "layouts/default.html": "<p>\n{{ contnt }}"},
        "a",
        [
            (
                "templates/layouts/default.html:1: the layout never prints {{ content }}, so every "
                "message would be empty"
            ),
            "templates/layouts/default.html:2: no event has 'contnt', did you mean 'content'?",
        ],
    ),
    (
        {"a.md": "---\nsubject: x\n---\n", "layouts/default.html": PLAIN_LAYOUT + "\n<p {{ subject }}>"},
        "a",
        [
            (
                "templates/layouts/default.html:2: a value stands inside a tag; values belong in quoted "
                "attributes or in text"
            )
        ],
    ),
]


@pytest.mark.parametrize(("files", "name", "told"), FILES)
def test_a_template_file_is_found_and_read_or_told_about(
    bench: Bench, files: dict[str, str], name: str, told: list[str]
) -> None:
    """Missing and ambiguous files, front matter and layouts: file, line, what was meant."""
    for path, text in files.items():
        bench.write(path, text)
    assert sorted(bench.complaints(name, Target.EMAIL)) == sorted(told)


def test_a_name_longer_than_files_may_have_is_told_about(bench: Bench) -> None:
    """The name is cut in the sentence, and never asked of the file system."""
    assert bench.complaints("x" * 300, Target.EMAIL) == [
        (
            f"send[0].it:-: '{'x' * 100}…' names no template: at most 100 small letters, digits, "
            "'-' and '_', without folder or ending"
        )
    ]
    bench.write(f"{'x' * 100}.md", "---\nsubject: x\n---\nOi")
    assert bench.complaints("x" * 100, Target.EMAIL) == []


def test_a_folder_that_cannot_be_searched_is_told_about(bench: Bench) -> None:
    """What the operating system refuses is a sentence, not a crash."""
    bench.folder /= "y" * 300
    (sentence,) = bench.complaints("a", Target.EMAIL)
    assert sentence.endswith("templates cannot be searched: File name too long")


def test_a_file_that_is_not_utf_8_is_told_about(bench: Bench) -> None:
    """The sentence says which byte, and what to do."""
    (bench.folder / "latin.md").write_bytes("Olá".encode("latin-1"))
    assert bench.complaints("latin", Target.EMAIL) == [
        "send[0].it:-: templates/latin.md is not UTF-8 (byte 2); save it as UTF-8"
    ]


def test_without_a_default_layout_a_plain_page_stands_around(bench: Bench) -> None:
    """A folder without layouts still makes e-mails; only a layout that somebody names must be there."""
    (bench.folder / "layouts/default.html").unlink()
    bench.write("a.md", "---\nsubject: x\n---\nOi")
    assert bench.complaints("a", Target.EMAIL) == []


def test_slack_needs_markdown(bench: Bench) -> None:
    """An .html template is for e-mail; saying so beats sending HTML to Slack."""
    bench.write("a.html", "---\nsubject: x\n---\n<p>")
    assert bench.complaints("a", Target.SLACK) == [
        "send[0].it:-: templates/a.html is an .html file, which only e-mail can send; Slack needs an .md file"
    ]


def test_an_email_may_take_its_subject_from_the_action(bench: Bench) -> None:
    """A subject in the action stands in for one in the file; inline text has no other."""
    bench.write("a.md", "oi")
    subject = Slot(Target.HEADER, "Oi", ("subject",))
    assert bench.renderer.content({"template": Slot(Target.EMAIL, "a"), "subject": subject})[1] == []
    inline = Slot(Target.EMAIL, "**Oi**, {{ learner.name }}", ("text",), inline=True)
    assert bench.renderer.content({"text": inline, "subject": subject})[1] == []
    problems = bench.renderer.content({"text": inline})[1]
    assert [problem.sentence for problem in problems] == [
        "the e-mail has no subject; add `subject:` to the action"
    ]
