"""Templates made into e-mails and Slack texts."""

from __future__ import annotations

import pytest

from bridge.core.events import Event
from bridge.core.messages import Document, RenderFailure, Runs, Slot, Target
from bridge.rendering.documents import Names
from bridge.rendering.moulds import KEPT, Moulds
from bridge.rendering.readable import MRKDWN, TEXT, readable
from tests.rendering.conftest import NOW, Bench

FACTS: Names = {
    "learner": {"name": "MARIA"},
    "course": {"id": "7"},
    "data": {"n": [1, 2], "url": "https://e.example/c"},
}
EVERYTHING = """---
subject: "Olá: {{ learner.name | first_name }}" # 1
preheader: Prévia
---
# Olá, *{{ learner.name | first_name }}*!

Um **negrito**, um _itálico_, um ~~riscado~~, um `x*y`
e [um link](https://e.example/{{ course.id }}).

{% for n in data.n %}
- item {{ n }}
{% endfor %}

1. Primeiro

   Com parágrafo.
2. Segundo
   - dentro

> Citado,
> em duas linhas.

| Aula | Nota |
| ---- | ---: |
| Um   | {{ data.n[0] }} |

---

    um = {{ data.n[0] }} * 2

<{{ data.url }}> e <https://e.example> e <b>nada</b>

![Selo](https://e.example/selo.png)

[Continuar]({{ data.url }} "button")
"""


def test_one_markdown_file_is_an_email_and_a_slack_text(bench: Bench) -> None:
    """HTML, text and mrkdwn say the same, each in its own way."""
    bench.write("tudo.md", EVERYTHING)
    email = bench.document("tudo", FACTS)
    slack = bench.document("tudo", FACTS, Target.SLACK)
    assert email.front == {"subject": '"Olá: Maria" # 1', "preheader": "Prévia"}
    assert email.mrkdwn == slack.html == ""
    assert email.text == slack.text == TEXT_OF_EVERYTHING
    assert slack.mrkdwn == MRKDWN_OF_EVERYTHING
    assert (
        '<table class="button" border="0" role="presentation" cellpadding="0" cellspacing="0">' in email.html
    )
    assert '<a class="button" href="https://e.example/c">Continuar</a>' in email.html
    assert '<img src="https://e.example/selo.png" alt="Selo">' in email.html
    assert "<li>item 1</li>\n<li>item 2</li>" in email.html


TEXT_OF_EVERYTHING = """\
Olá, Maria!

Um negrito, um itálico, um riscado, um x*y e um link (https://e.example/7).

- item 1
- item 2

1. Primeiro

   Com parágrafo.

2. Segundo

   - dentro

> Citado, em duas linhas.

Aula | Nota
Um | 1

---

    um = 1 * 2

<https://e.example/c> e https://e.example e <b>nada</b>

Selo

Continuar (https://e.example/c)"""
MRKDWN_OF_EVERYTHING = """\
*Olá, _Maria_!*

Um *negrito*, um _itálico_, um ~riscado~, um `x*y` e <https://e.example/7|um link>.

• item 1
• item 2

1. Primeiro

   Com parágrafo.

2. Segundo

   • dentro

> Citado, em duas linhas.

Aula | Nota
Um | 1

---

```
um = 1 * 2
```

&lt;https:\u2060//e.example/c&gt; e <https://e.example> e &lt;b&gt;nada&lt;/b&gt;

Selo

<https://e.example/c|Continuar>"""


def test_a_layout_is_written_around_the_content(bench: Bench) -> None:
    """Style sheets move onto elements, `@media` stays, and nothing is fetched."""
    bench.write(
        "layouts/nota.html",
        "<html lang='{{ lang }}'><head><title>{{ subject }}</title>"
        "<link rel='stylesheet' href='http://127.0.0.1:9/x.css'>"
        "<style>p { color: #123 } .button a { padding: 3px } @media (max-width: 9px) { p { color: "
        "red } }</style></head>"
        "<body>{% if preheader %}<i>{{ preheader }}</i>{% endif %}{{ content }}{{ producer.name | "
        "default('?') }}</body></html>",
    )
    bench.write(
        "a.md",
        '---\nsubject: S & {{ learner.name }}\nlayout: nota\n---\n*Oi*\n\n[Ir](https://e.example "button")',
    )
    html = bench.document("a", FACTS).html
    assert '<html lang="pt-BR">' in html
    assert "<title>S &amp; MARIA</title>" in html
    assert "<i>" not in html
    assert '<p style="color: #123;"><em>Oi</em></p>' in html
    assert 'style="padding: 3px;"' in html
    assert "@media (max-width: 9px)" in html
    assert html.endswith("?</body></html>")


def test_an_html_file_is_a_whole_email(bench: Bench) -> None:
    """`.html` has no layout; its text part is made from it, without what is hidden."""
    bench.write(
        "a.html",
        "---\nsubject: S\npreheader: P\n---\n<html><head><style>td { color: red }</style></head><body>"
        "<div style='display: none'>{{ preheader }}</div><table role='presentation'><tr><td>"
        "<h1>Oi, {{ learner.name }}</h1><p>Um<br>dois<p>três</td></tr><tr><td><a href='{{ data.url }}'>Ir</a>"
        "</td></tr></table></body></html>",
    )
    email = bench.document("a", FACTS)
    assert '<td style="color: red;"><h1>Oi, MARIA</h1>' in email.html
    assert '<div style="display: none">P</div>' in email.html
    assert email.text == "Oi, MARIA\n\nUm\ndois\n\ntrês\n\nIr (https://e.example/c)"


def test_markdown_may_stand_in_the_configuration(bench: Bench) -> None:
    """Inline Markdown is an e-mail in the default layout."""
    email = bench.document("**Oi**, {{ learner.name }}!", FACTS)
    assert "<p><strong>Oi</strong>, MARIA!</p>" in email.html
    assert email.text == "Oi, MARIA!"


def test_a_title_of_button_is_a_button_only_alone(bench: Bench) -> None:
    """Inside a sentence, the same link stays a link."""
    html = bench.document('Veja [isto](https://e.example "button") já.', FACTS).html
    assert '<p>Veja <a href="https://e.example" title="button">isto</a> já.</p>' in html


def test_values_never_make_markup_but_loops_and_conditions_do(bench: Bench) -> None:
    """The structure is the author's, whichever way an event takes through it."""
    source = "{% if data.n %}\n# Sim\n{% else %}\n- Não\n{% endif %}\n\nx {{ learner.name }}"
    some = bench.document(source, FACTS)
    none = bench.document(source, {**FACTS, "data": {"n": []}})
    assert "<h1>Sim</h1>" in some.html
    assert "<li>Não</li>" in none.html


def test_a_failure_names_the_file_and_the_line(bench: Bench) -> None:
    """Front matter, body and layout each have their own lines."""
    bench.write(
        "a.md",
        "---\nsubject: x\n\npreheader: {{ data.p }}\n---\n\noi {{ data.b | default(data.c) }}\n\n{{ "
        "data.l }}\n",
    )
    bench.write("layouts/default.html", "<p>\n<i>{{ content }}</i>\n<b>{{ data.f }}</b>")
    where = (bench.folder / "a.md").as_posix()
    layout = (bench.folder / "layouts/default.html").as_posix()
    absent = "is absent in this event; write `| default(...)`, or ask `is defined` first"
    steps = [
        ({}, RenderFailure(where, 4, f"'data.p' {absent}")),
        ({"p": 1}, RenderFailure(where, 7, f"'data.c' {absent}")),
        ({"p": 1, "b": 1}, RenderFailure(where, 9, f"'data.l' {absent}")),
        ({"p": 1, "b": 1, "l": []}, RenderFailure(layout, 3, f"'data.f' {absent}")),
        (
            {"p": 1, "b": 1, "l": [], "f": 1},
            RenderFailure(where, 9, "'data.l' is a list, not text; use `| join(', ')` or a loop"),
        ),
        (
            {"p": 1, "b": 1, "l": 1, "f": {}},
            RenderFailure(layout, 3, "'data.f' is a group of values, not text; name one of its members"),
        ),
    ]
    for data, failure in steps:
        assert bench.say("a", {"data": data}, Target.EMAIL) == failure


def test_a_text_of_several_lines_names_its_line(bench: Bench) -> None:
    """A text in the configuration has no file of its own; its line is part of the reason."""
    failure = bench.say("um\n\n{{ data.x }}", {"data": {}})
    assert isinstance(failure, RenderFailure)
    assert failure.where == "it"
    assert failure.why.startswith("line 3: 'data.x' is absent")


def test_a_structure_keeps_what_is_no_template(bench: Bench) -> None:
    """Numbers, null, keys and plain texts stay; a single expression keeps its type, a longer text is text."""
    source = {
        "number": "{{ data.n[0] }}",
        "list": "{{ data.n }}",
        "person": "{{ learner }}",
        "none": "{{ data.null }}",
        "when": "{{ occurred_at }}",
        "truth": "{{ data.n[0] == 1 }}",
        "picked": "{{ data.n | select('gt', 1) }}",
        "captured": "{% set x %}a{{ data.n[0] }}{% endset %}{{ x }}",
        "text": "{{ data.n[0] }}%",
        "{{ key }}": [1, None, True, 2.5, "plain"],
    }
    facts = {**FACTS, "occurred_at": NOW, "data": {"n": [1, 2], "null": None}}
    assert bench.say(source, facts, Target.JSON) == {
        "number": 1,
        "list": [1, 2],
        "person": {"name": "MARIA"},
        "none": None,
        "when": "2026-11-23T14:05:00-03:00",
        "truth": True,
        "picked": [2],
        "captured": "a1",
        "text": "1%",
        "{{ key }}": [1, None, True, 2.5, "plain"],
    }


def test_each_event_fills_in_a_structure_of_its_own(bench: Bench) -> None:
    """What is the same for all stands where it was written, between what each event says."""
    source = {"a": 1, "who": "{{ id }}", "z": {"same": [1, 2]}, "list": ["x", "{{ id }}", "y"], "end": None}
    content, _ = bench.renderer.content({"json": Slot(Target.JSON, source)})
    assert content is not None
    made = [content.render({"id": name}) for name in ("first", "second")]
    assert [str(each) for each in made] == [
        f"{{'json': {{'a': 1, 'who': '{name}', 'z': {{'same': [1, 2]}}, "
        f"'list': ['x', '{name}', 'y'], 'end': None}}}}"
        for name in ("first", "second")
    ]


@pytest.mark.parametrize(
    ("leaf", "why"),
    [
        ("{{ data.x }}", "'data.x' is absent in this event"),
        ("{{ [data.x] }}", "what is printed here holds 'data.x', which is absent in this event"),
        ("{{ range }}", "'range' is nothing that JSON can hold"),
        ("{{ [range] | map('upper') }}", "a filter for text is given a value that has no text"),
        ("{% set x %}{{ data }}{% endset %}{{ x }}", "'data' is a group of values, not text"),
    ],
)
def test_a_structure_says_what_it_cannot_hold(bench: Bench, leaf: str, why: str) -> None:
    """Absent values and functions are no JSON; the path of the leaf is told."""
    failure = bench.say({"a": [leaf]}, {"data": {}}, Target.JSON)
    assert isinstance(failure, RenderFailure)
    assert failure.where == "it.a[0]"
    assert failure.why.startswith(why)


def test_an_action_is_rendered_whole_or_not_at_all(bench: Bench, nutror: Event) -> None:
    """All slots by name; the first that fails is the answer."""
    slots = {
        "to": Slot(Target.HEADER, "{{ learner.email }}"),
        "text": Slot(Target.MRKDWN, "{{ module.title }}"),
    }
    content, _ = bench.renderer.content(slots)
    assert content is not None
    assert content.render(nutror.facts()) == {"to": "maria@aluna.example", "text": "Funções &amp; módulos"}
    failure = content.render({"learner": {}})
    assert isinstance(failure, RenderFailure)
    assert failure.why.startswith("'learner.email' is absent")


def test_what_a_template_says_is_told_from_the_values(bench: Bench) -> None:
    """Each message of a template shares it, the very same objects, so it is encoded only once."""
    bench.write("tudo.md", EVERYTHING)
    content, _ = bench.renderer.content({"body": Slot(Target.EMAIL, "tudo", ("template",))})
    assert content is not None

    def made(**facts: object) -> tuple[Runs, Runs]:
        rendered = content.render({**FACTS, **facts})
        assert not isinstance(rendered, RenderFailure)
        document = rendered["body"]
        assert isinstance(document, Document)
        assert isinstance(document.html, Runs)
        assert isinstance(document.text, Runs)
        return document.html, document.text

    for maria, rui in zip(made(), made(learner={"name": "RUI <b>"}, course={"id": "8"}), strict=True):
        assert maria.shared is rui.shared
        assert len(maria) == len(str(maria))
        assert "Maria" in "".join(maria.own)
        assert "Maria" not in "".join(maria.shared)


def test_markdown_is_parsed_once_for_each_way_through(bench: Bench) -> None:
    """A mould is made when its way is new, and the collection stays small."""
    made: list[str] = []

    def make(text: str) -> str:
        made.append(text)
        return text.upper()

    moulds = Moulds(make)
    assert [moulds.get(("a",)), moulds.get(("b",)), moulds.get(("a",))] == ["A", "B", "A"]
    assert made == ["a", "b"]
    for number in range(KEPT):
        moulds.get((str(number),))
    assert moulds.get(("a",)) == "A"
    assert made.count("a") == 2


READABLE = [
    ("<p>a <b>b <strong>c</strong></b></p>", "a b c", "a *b c*"),
    ("<p>a<b> b </b>c</p>", "a b c", "a *b* c"),
    ("<p><a href='https://e.example'>https://e.example</a></p>", "https://e.example", "<https://e.example>"),
    (
        "<p><a href='mailto:a@e.example'>a@e.example</a></p>",
        "a@e.example",
        "<mailto:a@e.example|a@e.example>",
    ),
    (
        "<p><a href='mailto:a@e.example?subject=Aula%2012'>Responder</a></p>",
        "Responder (a@e.example)",
        "<mailto:a@e.example?subject=Aula%2012|Responder>",
    ),
    (
        "<p><a href='https://e.example/?a=1&amp;b=|'><img alt='Selo'></a></p>",
        "Selo (https://e.example/?a=1&b=|)",
        "<https://e.example/?a=1&amp;b=%7C|Selo>",
    ),
    ("<p><a>x</a><a href='https://e.example'></a></p>", "xhttps://e.example", "x<https://e.example>"),
    ("<ul><li>a<ul><li>b</ul><li><p>c</ul>", "- a\n\n  - b\n\n- c", "• a\n\n  • b\n\n• c"),
    ("<ol start=3><li>a<li>b</ol>", "3. a\n4. b", "3. a\n4. b"),
    ("<blockquote><p>a<p>b</blockquote>", "> a\n>\n> b", "> a\n>\n> b"),
    ("<h2>A <em>b</em></h2>x", "A b\n\nx", "*A _b_*\n\nx"),
    ("<pre><code>a\n  b`c\n</code></pre>", "    a\n      b`c", "```\na\n  b\u02cbc\n```"),
    ("<style>x</style><script>y</script><p hidden>z</p><p>a</p></div>", "a", "a"),
    ("<table><thead><tr><th>a<th>b</thead><tr><td>c<td></table>", "a | b\nc", "a | b\nc"),
    ("a &lt;b&gt; &amp; c<br>d", "a <b> & c\nd", "a &lt;b&gt; &amp; c\nd"),
    ("", "", ""),
]


@pytest.mark.parametrize(("html", "text", "mrkdwn"), READABLE)
def test_html_reads_well_as_text(html: str, text: str, mrkdwn: str) -> None:
    """Also the HTML that people write by hand, with what they leave open."""
    assert readable(html, TEXT) == text
    assert readable(html, MRKDWN) == mrkdwn


def test_a_document_that_is_too_long_is_refused(bench: Bench) -> None:
    """One comment of a megabyte makes no e-mail of a megabyte."""
    failure = bench.say("x {{ data.text }}", {"data": {"text": "x" * 300_000}}, Target.EMAIL)
    assert failure == RenderFailure("it", None, "is longer than 200,000 characters")
    assert isinstance(
        bench.say("x {{ data.text }}", {"data": {"text": "x" * 100_000}}, Target.EMAIL), Document
    )


LINK = "https://bridge.escola.example/unsubscribe/abc"


WORDS = "Não quer mais receber estes e-mails? Cancele aqui"
OWN = '<body>{{ content }}{% if unsubscribe_url %}<a href="{{ unsubscribe_url }}">sair</a>{% endif %}</body>'


@pytest.mark.parametrize(
    ("layout", "shown"),
    [
        ("<html><body>{{ content }}</body></html>", f'<a href="{LINK}">{WORDS}</a></p>\n</body>'),
        ("<p>{{ content }}</p>", f'<a href="{LINK}">'),
        (OWN, f'<a href="{LINK}">sair</a></body>'),
    ],
)
def test_people_can_leave_whatever_the_layout_says(bench: Bench, layout: str, shown: str) -> None:
    """The link is there once in each part; in messages that nobody can leave it is nowhere."""
    bench.write("layouts/default.html", layout)
    bench.write("aviso.md", "---\nsubject: x\n---\nOlá")
    said = bench.document("aviso", {**FACTS, "unsubscribe_url": LINK})
    assert said.html.count(LINK) == 1
    assert shown in said.html
    assert said.text == f"Olá\n\n-- \n{WORDS}: {LINK}"
    plain = bench.document("aviso", FACTS)
    assert "Cancele" not in plain.html + plain.text
