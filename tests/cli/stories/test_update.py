"""Expectations are written into a file that a person wrote, and nothing else in it changes."""

from __future__ import annotations

from datetime import UTC, timedelta
from pathlib import Path

import pytest
import yaml

from bridge.cli.stories.compare import compare
from bridge.cli.stories.happened import Happened
from bridge.cli.stories.plot import Expected, Story
from bridge.cli.stories.run import Judged
from bridge.cli.stories.update import NotWritten, updated
from bridge.core.outcomes import State
from tests.support.clock import START

MAIL = Happened(
    at=START,
    channel="learners",
    kind="email",
    rule="parabens",
    state=State.DELIVERED,
    event=1,
    to=("maria@aluna.example",),
    subject="yes: no",
    text="Olá, Maria!\nVocê concluiu Funções.",
)
NEW = {
    "at": "2026-05-04 12:00:00",
    "channel": "learners",
    "to": "maria@aluna.example",
    "subject": "yes: no",
    "rule": "parabens",
}


def judged(*expected: Expected, place: int = 0, happened: tuple[Happened, ...] = (MAIL,)) -> Judged:
    story = Story(
        file=Path("one.yaml"),
        place=place,
        line=1,
        name="one",
        begins=START,
        arriving=(),
        courses=None,
        spells=(),
        expected=expected,
    )
    return Judged(story, compare(expected, happened), happened, (), timedelta())


def written(text: str, *stories: Judged) -> str:
    made = updated(text, stories or [judged()], UTC)
    assert isinstance(made, str)
    return made


LAYOUTS = {
    "last": "stories:\n- name: one # c\n  events: []\n  expect:\n  - {channel: x}\n",
    "first": "stories:\n- expect: # c\n    - channel: x\n  name: one\n  events: []\n",
    "between": (
        "stories:\n  - name: one\n    expect: [\n      {channel: x},\n    ]\n"
        "    # before events\n    events: []\n"
    ),
    "none": "stories:\n  - name: one\n    events: []\n\n# after all\n",
    "no-line-end": "stories:\n  - name: one\n    expect: []",
    "block-text": (
        "stories:\n  - name: one\n    expect:\n      - channel: x\n        text: |\n          several\n\n"
        "          lines\n\n    # before events\n    events: []\n"
    ),
    "folded-name": (
        "stories:\n  - events: []\n    name: >\n      a long\n      name\n\n  - name: two\n    expect: []\n"
    ),
    "wide": "stories:\n    -   name: one\n        expect:\n        -   channel: x\n        events: []\n",
    "empty": "stories:\n  - name: one\n    expect:\n    events: []\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_only_the_expectations_change(layout: str) -> None:
    """Wherever they stand; every comment outside of them, and every other line, is still there."""
    text = LAYOUTS[layout]
    made = written(text)
    before, after = yaml.safe_load(text), yaml.safe_load(made)
    assert after["stories"][0].pop("expect") == [NEW]
    before["stories"][0].pop("expect", None)
    assert after == before
    kept = [line for line in text.splitlines() if line.strip().startswith("# ")]
    assert [line for line in made.splitlines() if line.strip().startswith("# ")] == kept
    assert written(made) == made


def test_line_ends_stay_what_they_are() -> None:
    """A file from Windows stays one."""
    made = written(LAYOUTS["between"].replace("\n", "\r\n"))
    assert made.replace("\r\n", "") == written(LAYOUTS["between"]).replace("\n", "")


def test_several_stories_of_a_file_are_written_at_once() -> None:
    """None of them moves the place of another."""
    text = "stories:\n  - name: one\n  - name: two\n    expect: []\n  - name: three\n"
    made = written(text, judged(place=0), judged(place=2), judged(place=1, happened=(MAIL, MAIL)))
    counts = [len(story["expect"]) for story in yaml.safe_load(made)["stories"]]
    assert counts == [1, 2, 1]


def test_what_a_person_said_stays_with_new_values() -> None:
    """Keys that were left out stay out; texts that are there stay, others become the nearest line."""
    typed = {"channel": "learners", "subject": "no", "text": ["Maria", "Você concluiu Laços."], "at": "+1h"}
    expected = Expected(
        line=1,
        channel="learners",
        subject="no",
        texts=("Maria", "Você concluiu Laços."),
        at=START + timedelta(hours=1),
        typed=typed,
    )
    made = yaml.safe_load(written(LAYOUTS["last"], judged(expected)))
    assert made["stories"][0]["expect"] == [
        {
            "channel": "learners",
            "subject": "no",
            "text": ["Maria", "Você concluiu Funções."],
            "at": "2026-05-04 12:00:00",
        }
    ]


def test_what_became_of_it_is_written_when_it_did_not_arrive() -> None:
    dead = Happened(at=START, channel="crm", kind="webhook", rule="r", state=State.DEAD, event=1)
    made = yaml.safe_load(written(LAYOUTS["last"], judged(happened=(dead,))))
    assert made["stories"][0]["expect"][0]["state"] == "dead"


@pytest.mark.parametrize(
    "text",
    [
        "stories: [{name: one, expect: []}]\n",
        "stories:\n  - {name: one, expect: []}\n",
        "stories:\n  - name: one\n    given: &one {}\n    expect: *one\n",
        "x: &one\n  - channel: x\nstories:\n  - name: one\n    expect: *one\n",
    ],
)
def test_what_cannot_be_changed_alone_is_left_alone(text: str) -> None:
    """A story in one line, and expectations that stand elsewhere."""
    assert isinstance(updated(text, [judged()], UTC), NotWritten)
