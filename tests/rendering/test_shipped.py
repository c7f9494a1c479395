"""The messages that come with the bridge, exactly as people get them.

`BRIDGE_GOLDEN=write pytest tests/rendering/test_shipped.py` writes the golden files; read the difference.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bridge.core.events import Event, Facts
from bridge.core.messages import Document, Slot, Target
from bridge.pipeline.compose import together
from tests.rendering.conftest import Bench

TEMPLATES = Path(__file__).parents[2] / "templates"
GOLDEN = Path(__file__).parent / "golden"
SHIPPED = (
    "boas-vindas",
    "nota-baixa",
    "parabens-aula",
    "parabens-curso",
    "parabens-modulo",
    "pedido-de-ajuda",
)


@pytest.fixture
def shipped() -> Bench:
    return Bench(TEMPLATES)


def test_every_shipped_template_is_tested() -> None:
    """The list above is the folder."""
    assert sorted(path.stem for path in TEMPLATES.glob("*.*")) == sorted(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("platform", ["nutror", "alpaclass", "nameless"])
def test_shipped_messages_are_these(
    shipped: Bench, request: pytest.FixtureRequest, name: str, platform: str
) -> None:
    """Subject, text, mrkdwn and HTML, for both platforms and for an event that says nothing."""
    event: Event = request.getfixturevalue(platform)
    same_as_golden(shipped, name, platform, together([event.facts()], 1))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_messages_read_well_about_several_events(shipped: Bench, nutror: Event, name: str) -> None:
    """What quiet hours held goes out as one, and says so from the subject on."""
    facts = nutror.facts()
    later = {**facts, "module": {"id": "2", "title": "Laços"}, "lesson": {"id": "2", "title": "While"}}
    said = same_as_golden(shipped, name, "several", together([facts, later, facts], 3))
    assert "3" in said


def same_as_golden(shipped: Bench, name: str, which: str, facts: Facts) -> str:
    """Compare a message, as an e-mail and as mrkdwn, with its golden file."""
    said = written(shipped.document(name, facts), shipped.document(name, facts, Target.SLACK))
    golden = GOLDEN / f"{name}.{which}.txt"
    if os.environ.get("BRIDGE_GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(said, "utf-8")
    assert said == golden.read_text("utf-8")
    return said


def written(email: Document, slack: Document) -> str:
    parts = {**email.front, "text": email.text, "mrkdwn": slack.mrkdwn, "html": email.html}
    return "".join(f"==== {name}\n{part}\n" for name, part in parts.items())


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_messages_hold_nothing_unwanted(shipped: Bench, nutror: Event, name: str) -> None:
    """No leftover of a template, no `None`, no double space or space before a comma."""
    email = shipped.document(name, together([nutror.facts()], 1))
    for text in (email.text, *email.front.values()):
        for unwanted in ("{{", "{%", "None", "  - ", " ,", " .", " !", "**"):
            assert unwanted not in text


def test_an_email_takes_a_tenth_of_a_millisecond_or_so(shipped: Bench, nutror: Event) -> None:
    """Far below what it costs to parse Markdown or inline a style sheet: neither happens for each message."""
    content, _ = shipped.renderer.content({"template": Slot(Target.EMAIL, "parabens-modulo")})
    assert content is not None
    facts = together([nutror.facts()], 1)
    content.render(facts)
    best = min(_seconds(lambda: content.render(facts)) for _ in range(50))
    assert best < 0.001


def _seconds(work: object) -> float:
    assert callable(work)
    started = time.thread_time()  # of the processor, which others may be using
    work()
    return time.thread_time() - started
