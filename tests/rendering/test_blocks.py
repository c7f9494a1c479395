"""Blocks of Slack from `.json` templates: each value is written for where it stands."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from bridge.core.messages import Document, Slot, Target
from tests.rendering.conftest import Bench

TEMPLATE = """{
  "text": "{{ learner.name }} concluiu",
  "blocks": [
    {"type": "header", "text": {"type": "plain_text", "text": "Olá, {{ learner.name }}"}},
    {
      "type": "section",
      "text": {"type": "mrkdwn", "text": "*{{ learner.name }}* <https://e.example/{{ course.id }}|aula>"},
      "accessory": {
        "type": "button",
        "text": {"type": "plain_text", "text": "Ver"},
        "url": "https://e.example/{{ course.id }}?x=1"
      }
    },
    {"type": "divider"}
  ]
}
"""
HOSTILE = {"learner": {"name": "<!channel> *Ana* @here"}, "course": {"id": "a/b c"}}


def rendered(bench: Bench, names: Mapping[str, object]) -> Document:
    content, problems = bench.renderer.content({"text": Slot(Target.SLACK, "x", ("template",))})
    assert problems == []
    assert content is not None
    found = content.render(names)
    assert isinstance(found, dict)
    document = found["text"]
    assert isinstance(document, Document)
    return document


def test_values_mean_nothing_but_themselves(bench: Bench) -> None:
    """mrkdwn is escaped, plain text is not, addresses are encoded."""
    bench.write("x.json", TEMPLATE)
    found = rendered(bench, HOSTILE)
    header, section, divider = json.loads(json.dumps(found.blocks))
    assert header["text"]["text"] == "Olá, <!channel> *Ana* @here"
    assert "<!channel>" not in section["text"]["text"]
    assert "*Ana*" not in section["text"]["text"]
    assert section["text"]["text"].endswith("<https://e.example/a%2Fb%20c|aula>")
    assert section["accessory"]["url"] == "https://e.example/a%2Fb%20c?x=1"
    assert divider == {"type": "divider"}
    assert "<!channel>" not in found.mrkdwn


def test_every_place_has_its_line(bench: Bench) -> None:
    """Of the file, by JSON pointer, so that Slack's complaints can be told by line."""
    bench.write("x.json", TEMPLATE)
    places = rendered(bench, HOSTILE).places
    assert places["/blocks/1/text/text"].endswith("x.json:7")
    assert places["/blocks/2"].endswith("x.json:14")
    bench.write("y.json", '\n[{"type": "divider"}]')
    content, _ = bench.renderer.content({"text": Slot(Target.SLACK, "y", ("template",))})
    assert content is not None
    found = content.render({})
    assert isinstance(found, dict)
    assert found["text"].places["/blocks/0"].endswith("y.json:2")


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("{", 1, "is not JSON"),
        ('{"blocks": [\n {"type": "divider"},]}', 2, "is not JSON"),
        ("[]", 1, "holds a list of blocks"),
        ('{"text": "x"}', 1, "holds a list of blocks"),
        ('{"blocks": ["x"]}', 1, "holds a list of blocks"),
        ('{"bloks": [{}], "blocks": [{}]}', 1, "holds a list of blocks"),
        ('[\n{"type": "header",\n"text": {"type": "plain_text", "text": "{{ lerner.name }}"}}]', 3, "lerner"),
        ('[\n{"type": "markdown", "text": "{{ learner.name }}"}]', 2, "read as Markdown"),
        ("[" * 100_000, 1, "nested too deeply"),
    ],
)
def test_what_is_wrong_has_its_line(bench: Bench, text: str, line: int, sentence: str) -> None:
    """As everything else that `check` finds."""
    bench.write("x.json", text)
    content, (problem,) = bench.renderer.content({"text": Slot(Target.SLACK, "x", ("template",))})
    assert content is None
    assert problem.line == line
    assert sentence in problem.sentence


def test_a_failure_at_run_time_names_the_line(bench: Bench) -> None:
    """The event has no learner."""
    bench.write("x.json", TEMPLATE)
    content, _ = bench.renderer.content({"text": Slot(Target.SLACK, "x", ("template",))})
    assert content is not None
    failed = content.render({"course": {"id": "7"}})
    assert not isinstance(failed, dict)
    assert getattr(failed, "line", None) == 2


def test_more_names_can_be_allowed(bench: Bench) -> None:
    """Those that a message has beside its event; they are unknown elsewhere."""
    bench.write("x.json", '[{"type": "section", "text": {"type": "mrkdwn", "text": "{{ tally }}"}}]')
    slots = {"text": Slot(Target.SLACK, "x", ("template",))}
    assert bench.renderer.content(slots)[0] is None
    content, problems = bench.renderer.content(slots, {"tally": ()})
    assert problems == []
    assert content is not None
