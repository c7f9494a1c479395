"""A value means nothing but itself, wherever it lands."""

from __future__ import annotations

import html as standard
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.messages import RenderFailure, Target
from bridge.rendering.escapes import ESCAPES, Form, Place, folded, mrkdwn
from tests.rendering.conftest import PLAIN_LAYOUT, Bench, Whole

JOINER = "\u2060"
HOSTILE = [
    # what someone calls themselves; as HTML, as mrkdwn
    ("<!channel>", "&lt;!channel&gt;", "&lt;!channel&gt;"),
    ("<@U012AB3CD>", "&lt;@U012AB3CD&gt;", f"&lt;@{JOINER}U012AB3CD&gt;"),
    ("@here", "@here", f"@{JOINER}here"),
    ("Ana @", "Ana @", f"Ana @{JOINER}"),
    ("maria_s@aluna.example", "maria_s@aluna.example", "maria_s@aluna.example"),
    (
        "<https://mal.example|banco>",
        "&lt;https://mal.example|banco&gt;",
        f"&lt;https:{JOINER}//mal.example|banco&gt;",
    ),
    ("www.mal.example", "www.mal.example", f"www{JOINER}.mal.example"),
    ("*negrito* _i_ ~r~", "*negrito* _i_ ~r~", "\u2217negrito\u2217 \uff3fi\uff3f \u223cr\u223c"),
    ("`código`", "`código`", "\u02cbcódigo\u02cb"),
    ("> citação", "&gt; citação", f"{JOINER}&gt; citação"),
    (
        "<script>alert(1)</script>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
    ),
    ("\" onload='x'", "&quot; onload=&#x27;x&#x27;", "\" onload='x'"),
    ("&amp; & &lt;", "&amp;amp; &amp; &amp;lt;", "&amp;amp; &amp; &amp;lt;"),
    ("# Título\n- item\n\n> x", "# Título - item &gt; x", "# Título - item &gt; x"),
    ("[a](https://b.example)", "[a](https://b.example)", f"[a](https:{JOINER}//b.example)"),
    ("a\r\nBcc: x@y.example", "a Bcc: x@y.example", "a Bcc: x@y.example"),
    ("{{ 7 * 7 }}{% raw %}", "{{ 7 * 7 }}{% raw %}", "{{ 7 \u2217 7 }}{% raw %}"),
    ("مريم \u202egro.live", "مريم  gro.live", "مريم  gro.live"),
    ("\U000f0000\U0010abcd\uf8ff", "\U000f0000\U0010abcd\uf8ff", "\U000f0000\U0010abcd\uf8ff"),
    ("metade \ud800", "metade \ufffd", "metade \ufffd"),
]


@pytest.mark.parametrize(("value", "html", "slack"), HOSTILE)
def test_a_hostile_name_is_only_a_name(bench: Bench, value: str, html: str, slack: str) -> None:
    """Mentions, links, formatting, markup and line breaks in a value come out as what was typed."""
    facts = {"learner": {"name": value}}
    assert f"<p>|{html}|</p>" in bench.document("|{{ learner.name }}|", facts).html
    assert bench.document("|{{ learner.name }}|", facts, Target.SLACK).mrkdwn == f"|{slack}|"
    assert bench.say("|{{ learner.name }}|", facts, Target.MRKDWN) == f"|{slack}|"
    assert bench.say("|{{ learner.name }}|", facts, Target.HEADER) == f"|{folded(value)}|"


PLACES = [
    ("[x](https://e.example/{{ learner.name }})", 'href="https://e.example/a%2Fb%3F%26%20%22%3C"'),
    (
        "[x](https://e.example/?n={{ learner.name }}&b=1)",
        'href="https://e.example/?n=a%2Fb%3F%26%20%22%3C&amp;b=1"',
    ),
    ("[x](mailto:{{ data.address }})", 'href="mailto:a@b.example%3Fbcc%3Dc@d.example"'),
    ("[x]({{ data.link }}#top)", 'href="https://e.example/a?b=%22c%22&amp;d=%C3%A9#top"'),
    ("![{{ learner.name }}](https://e.example/i.png)", 'alt="a/b?&amp; &quot;&lt;"'),
    ("`{{ learner.name }}` x", "<code>a/b?&amp; &quot;&lt;</code>"),
    ('[x](https://e.example "{{ learner.name }}")', 'title="a/b?&amp; &quot;&lt;"'),
]
ODD = {
    "learner": {"name": 'a/b?& "<'},
    "data": {
        "address": "a@b.example?bcc=c@d.example",
        "link": 'https://e.example/a?b="c"&d=é',
        "script": "javascript:alert(1)",
        "percent": 40,
    },
}


@pytest.mark.parametrize(("source", "expected"), PLACES)
def test_a_value_is_written_for_its_place_in_markdown(bench: Bench, source: str, expected: str) -> None:
    """In an address a value is one component, or a whole http address; elsewhere it is text."""
    assert expected in bench.document(f"{source} .", ODD).html


def test_an_address_from_an_event_must_be_one(bench: Bench) -> None:
    """What begins a link is http or https, or the message is not made."""
    failure = bench.say("x [x]({{ data.script }})", ODD, Target.EMAIL)
    assert failure == RenderFailure(
        "it", None, "'data.script' is used as an address, and is none that begins with https:// or http://"
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "https://e.example/{{ learner.name }}?q={{ data.percent }}",
            "https://e.example/a%2Fb%3F%26%20%22%3C?q=40",
        ),
        ("https://e.example{{ data.address }}", "https://e.examplea%40b.example%3Fbcc%3Dc%40d.example"),
        ("{{ data.link }}", "https://e.example/a?b=%22c%22&d=%C3%A9"),
        ("mailto:{{ data.address }}", "mailto:a@b.example%3Fbcc%3Dc@d.example"),
    ],
)
def test_a_value_cannot_change_where_a_url_leads(bench: Bench, source: str, expected: str) -> None:
    """Each value is one component: no new host, path, query or fragment."""
    assert bench.say(source, ODD, Target.URL) == expected


def test_links_written_by_hand_for_slack_hold_values_safely(bench: Bench) -> None:
    """In `<address|label>` the address is percent-encoded, and the label is text."""
    said = bench.say(
        "<https://e.example/{{ learner.name }}|{{ learner.name }}> <@{{ data.percent }}>", ODD, Target.MRKDWN
    )
    assert said == '<https://e.example/a%2Fb%3F%26%20%22%3C|a/b?&amp; "&lt;> <@40>'


PAGE = (
    '<p title="{{ learner.name }}" style="width:{{ data.percent }}%">{{ learner.name }}</p>'
    "<a href='{{ data.link }}'>x</a><img src=\"https://e.example/{{ learner.name }}\" alt='{{ "
    "learner.name }}'>"
)


def test_a_value_is_written_for_its_place_in_html(bench: Bench) -> None:
    """Quoted attributes, addresses and styles each get the escape they need."""
    bench.write("page.html", f"---\nsubject: x\n---\n{PAGE}")
    html = bench.document("page", ODD).html
    assert 'title="a/b?&amp; &quot;&lt;"' in html
    assert 'style="width:40%"' in html
    assert 'href="https://e.example/a?b=%22c%22&amp;d=%C3%A9"' in html
    assert 'src="https://e.example/a%2Fb%3F%26%20%22%3C"' in html


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (
            "<p {{ learner.name }}>x</p>",
            "a value stands inside a tag; values belong in quoted attributes or in text",
        ),
        (
            "<p\n title={{ learner.name }}>x</p>",
            "a value stands inside a tag; values belong in quoted attributes or in text",
        ),
        ("<{{ learner.name }}>", None),
        (
            "<p onclick='{{ learner.name }}'>x</p>",
            "a value stands inside the attribute 'onclick', where nothing makes it safe",
        ),
        (
            "<img alt='' src='https://e.example/1.png' srcset='{{ learner.name }}'>",
            "a value stands inside the attribute 'srcset', where nothing makes it safe",
        ),
        (
            "<script>{{ learner.name }}</script>",
            "a value stands inside <script>, where nothing makes it safe",
        ),
        ("<style>{{ learner.name }}</style>", "a value stands inside <style>, where nothing makes it safe"),
        ("<!-- {{ learner.name }} -->", "a value stands inside a comment, where nothing makes it safe"),
    ],
)
def test_places_without_an_escape_are_refused_at_load(bench: Bench, page: str, why: str | None) -> None:
    """A value in a tag, a script, a style sheet or a comment is a problem with its line."""
    bench.write("page.html", f"---\nsubject: x\n---\n\n{page}")
    line = 5 + page.count("\n")
    assert bench.complaints("page", Target.EMAIL) == ([f"templates/page.html:{line}: {why}"] if why else [])


def test_a_place_that_only_some_events_reach_is_refused_when_they_do(bench: Bench) -> None:
    """What the check of all branches cannot see fails at run time, with its line."""
    bench.write(
        "page.html",
        "---\nsubject: x\n---\n\n<p {% if learner.id is defined %}>{% else %}{{ learner.name }}{% "
        "endif %}>x</p>",
    )
    said = bench.say("page", ODD, Target.EMAIL)
    assert isinstance(said, RenderFailure)
    assert said.line == 5
    assert said.why.startswith("'learner.name' stands inside a tag")


def test_only_text_outside_braces_is_markup(bench: Bench) -> None:
    """Captured blocks, macros and joins keep the author's markup, and never lend it to a value."""
    source = (
        "{% set g %}**Oi** {{ learner.name }}{% endset %}{% macro b(x) %}*{{ x }}*{% endmacro %}"
        "{{ g }} | {{ b('**a**') }} | {{ g ~ '*' }} | {{ [g, '*'] | join('_') }} | {{ g + '*' }} | "
        "{{ g[:4] }} | {{ '**c**' }}"
    )
    html = bench.document(source, {"learner": {"name": "*M*"}}).html
    assert re.findall("<p>(.*)</p>", html) == [
        (
            "<strong>Oi</strong> *M* | <em>**a**</em> | <strong>Oi</strong> *M** | "
            "<strong>Oi</strong> *M*_* | <strong>Oi</strong> *M** | **Oi | **c**"
        )
    ]


def test_a_filtered_or_called_block_is_a_value(bench: Bench) -> None:
    """What passes through a filter or a method is text, whoever wrote it."""
    facts = {"learner": {"name": "<b>"}}
    said = bench.say("{% filter upper %}*a* {{ learner.name }}{% endfilter %}", facts, Target.MRKDWN)
    assert said == "\u2217A\u2217 &lt;B&gt;"
    called = bench.say("{% call learner.name.upper() %}{% endcall %}", facts, Target.MRKDWN)
    assert isinstance(called, RenderFailure)
    wrapped = bench.say(
        "{% macro m() %}*{{ caller() }}*{% endmacro %}{% call m() %}{{ learner.name }}_{% endcall %}",
        facts,
        Target.MRKDWN,
    )
    assert wrapped == "*&lt;b&gt;_*"


class Structure(HTMLParser):
    """The tags of a page with the names of their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}", ()))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


EVERYWHERE = """
# T {{ learner.name }}

{{ learner.name }} **{{ learner.name }}** *{{ learner.name }}* `{{ learner.name }}`
[{{ learner.name }}](https://e.example/{{ learner.name }}?q={{ learner.name }} "{{ learner.name }}")

- {{ learner.name }}
- b {{ learner.name }}{{ learner.name }}

> {{ learner.name }}

| a | b |
| - | - |
| {{ learner.name }} | {{ learner.name }} |

```
{{ learner.name }}
```

{{ learner.name }}
"""
values = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.lists(
    st.sampled_from(
        [
            "<",
            ">",
            "&",
            "*",
            "_",
            "~",
            "`",
            "|",
            "\n",
            "- ",
            "# ",
            "@here",
            "<!channel>",
            "](x)",
            "\\",
            "://",
            "$",
            '"',
            "'",
            "]]>",
            "-->",
            "{{",
            "%}",
            "\r",
            "\u2028",
            "www.",
            "a",
        ]
    ),
    max_size=8,
).map("".join)


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    bench = Bench(Path(tmp_path_factory.mktemp("laws")) / "templates")
    bench.write("layouts/default.html", PLAIN_LAYOUT)
    bench.write("all.md", f"---\nsubject: s {{{{ learner.name }}}}\n---\n{EVERYWHERE}")
    return {"bench": bench}


def made(everywhere: dict[str, object], name: str, target: Target) -> Whole:
    bench = everywhere["bench"]
    assert isinstance(bench, Bench)
    return bench.document("all", {"learner": {"name": name}}, target)


@given(values)
def test_no_value_changes_the_structure_of_a_page(everywhere: dict[str, object], value: str) -> None:
    """Whatever a name holds, the HTML has the same tags, and the text the same lines."""
    usual, odd = made(everywhere, "x", Target.EMAIL), made(everywhere, value, Target.EMAIL)
    assert Structure(odd.html).tags == Structure(usual.html).tags
    assert odd.text.count("\n") == usual.text.count("\n")
    assert "\n" not in odd.front["subject"]
    assert len(odd.front["subject"].splitlines()) == 1


UNFORMATTED = re.compile("`[^`]*`|<[^>|]*")
"""Code and addresses, where Slack gives no formatting character a meaning."""


@given(values)
def test_no_value_means_anything_to_slack(everywhere: dict[str, object], value: str) -> None:
    """Whatever a name holds, the mrkdwn has the same links, mentions, marks and lines."""
    usual, odd = made(everywhere, "x", Target.SLACK).mrkdwn, made(everywhere, value, Target.SLACK).mrkdwn
    assert odd.count("\n") == usual.count("\n")
    for mark in "<>`":
        assert odd.count(mark) == usual.count(mark)
    for mark in "*~":
        assert UNFORMATTED.sub("", odd).count(mark) == UNFORMATTED.sub("", usual).count(mark)


@given(values)
def test_mrkdwn_of_any_text_reads_as_the_text(value: str) -> None:
    """Nothing is lost: entities and look-alikes stand for what was typed."""
    said = ESCAPES[Form.MRKDWN][Place.TEXT](value)
    assert "<" not in said
    assert ">" not in said
    back = said.replace(JOINER, "").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    same = str.maketrans("\u2217\u223c\u02cb\uff3f", "*~`_")
    assert back.translate(same) == folded(value).replace(JOINER, "").translate(same)


@given(values)
def test_no_value_leaves_its_component_of_an_address(value: str) -> None:
    """The host, the path's depth and the names in the query are the author's."""
    part = ESCAPES[Form.RAW][Place.PART](value)
    url = urlsplit(f"https://e.example/a/{part}/c?k={part}&l=1#f{part}")
    assert (url.scheme, url.netloc, url.path.count("/")) == ("https", "e.example", 3)
    assert list(parse_qs(url.query, keep_blank_values=True)) == ["k", "l"]
    assert parse_qs(url.query, keep_blank_values=True)["k"] == [value]


@given(values)
def test_json_leaves_are_the_very_values(everywhere: dict[str, object], value: str) -> None:
    """A leaf of one expression is the value itself, and a longer text holds it unchanged."""
    bench = everywhere["bench"]
    assert isinstance(bench, Bench)
    source = {"a": "{{ learner.name }}", "b": ["<{{ learner.name }}>"], "c": 1}
    said = bench.say(source, {"learner": {"name": value}}, Target.JSON)
    assert said == {"a": value, "b": [f"<{value}>"], "c": 1}


@given(st.text("wW.:/ >_*<&é1", max_size=12))
def test_what_stands_after_a_text_does_not_change_its_escape(value: str) -> None:
    """Text without any special character is not looked at closer, and comes out as if it were."""
    assert mrkdwn(f"{value} &") == f"{mrkdwn(value)} &amp;"


@given(values)
def test_html_is_escaped_as_python_does(value: str) -> None:
    """Quotes too, since a value may stand in an attribute."""
    assert ESCAPES[Form.HTML][Place.TEXT](value) == standard.escape(folded(value))


def test_the_escape_for_slack_is_quick_on_long_text() -> None:
    """A million characters of the worst kind take no time to speak of."""
    assert len(mrkdwn("*_~`<@" * 150_000)) > 900_000
