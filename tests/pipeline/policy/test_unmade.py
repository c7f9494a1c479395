"""A template that fails at run time: nothing is lost, the team and the owner hear of it, it can be sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from bridge.channels.registry import ACTIONS
from bridge.core.outcomes import State
from bridge.core.rules import OWNER_RULE, Action, Content
from bridge.core.unmade import unmade_name
from bridge.pipeline.trouble import Owner
from bridge.rendering.renderer import Renderer
from bridge.store.database import Database
from bridge.store.schema import deliveries, inbox
from tests.pipeline.policy.test_owner import Notice, look
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule

BROKEN = "---\nsubject: Oi\n---\n*{{ learner.name }}* viu\n{{ data.nota }}\n"
MENDED = "---\nsubject: Oi\n---\n*{{ learner.name }}* viu {{ data.nota | default('tudo') }}\n"
NAMES = ("id", "state", "action", "why", "run", "inbox_seq")


@dataclass
class School:
    """A team's channel and a learner's, whose messages come from one template file."""

    database: Database
    folder: Path

    def __post_init__(self) -> None:
        self.wins, self.learners, self.desk = (ScriptedChannel(name) for name in ("wins", "learners", "desk"))

    def write(self, text: str) -> None:
        (self.folder / "aviso.md").write_text(text, "utf-8")

    def pipeline(self) -> Pipeline:
        """Return a process that has just read the templates."""
        rules = [rule("r", self._action("wins", "pt_BR"), self._action("learners", None))]
        owner = Action(rule=OWNER_RULE, name="test:desk", channel="desk", content=Notice())
        return Pipeline(
            self.database,
            rules,
            channels(self.wins, self.learners, self.desk),
            owner=Owner(owner, "pt_BR", UTC),
        )

    def _action(self, channel: str, unmade: str | None) -> Action:
        made = action("r", channel)
        return Action(rule="r", name=made.name, channel=channel, content=self._content(), unmade=unmade)

    def _content(self) -> Content:
        zone = ZoneInfo("America/Sao_Paulo")
        renderer = Renderer(self.folder, locale="pt_BR", timezone=zone, monotonic=lambda: 0.0)
        slots = ACTIONS["slack"].model_validate({"template": "aviso"}).slots()
        content, problems = renderer.content(slots)
        assert problems == []
        assert content is not None
        return _Texts(content)

    async def rows(self, channel: str = "wins") -> list[Mapping[str, Any]]:
        query = select(*(deliveries.c[name] for name in NAMES)).where(deliveries.c.channel == channel)
        found = await self.database.read(lambda c: c.execute(query.order_by(deliveries.c.seq)).all())
        return [dict(zip(NAMES, row, strict=True)) for row in found]

    async def in_state(self, state: State, channel: str = "wins") -> list[Mapping[str, Any]]:
        return [row for row in await self.rows(channel) if row["state"] == state]


@dataclass
class _Texts:
    """A document's mrkdwn as text, for channels that know nothing of documents."""

    content: Content

    def render(self, facts: Mapping[str, object]) -> Any:
        found = self.content.render(facts)
        return {"text": found["text"].mrkdwn} if isinstance(found, Mapping) else found  # type: ignore[attr-defined]


@pytest.fixture
def school(database: Database, tmp_path: Path) -> School:
    made = School(database, tmp_path)
    made.write(BROKEN)
    return made


def event(number: int, **changes: object) -> dict[str, object]:
    return completion(f"e{number}", learner={"name": "Ana", "email": f"a{number}@aluna.example"}, **changes)


async def test_each_message_is_parked_with_the_line_and_its_event(school: School) -> None:
    """Others go out; what fails is kept, and says which line of which file."""
    await school.pipeline().run(event(1), event(2, nota="9"), event(3))
    parked = await school.in_state(State.PARKED)
    assert [row["inbox_seq"] for row in parked] == [1, 3]
    assert all("/aviso.md:5: 'data.nota' is absent in this event" in str(row["why"]) for row in parked)
    assert "9" in school.wins.texts[0] + school.wins.texts[1] + school.wins.texts[2]
    stored = await school.database.read(lambda c: c.scalars(select(inbox.c.body)).all())
    assert len(stored) == 3


async def test_the_team_reads_a_plain_text_in_its_place(school: School) -> None:
    """Once for each message, with what to do; a learner reads nothing of it."""
    await school.pipeline().run(event(1), event(2))
    assert len(school.wins.texts) == 2
    assert school.learners.texts == []
    (text, _) = school.wins.texts
    parked = {row["inbox_seq"]: row["id"] for row in await school.in_state(State.PARKED)}
    number = 1 if "evento 1:" in text else 2
    assert text.splitlines()[0].startswith(
        f"Uma mensagem da regra 'r' não pôde ser feita para o evento {number}: "
    )
    assert "/aviso.md:5: 'data.nota' is absent in this event" in text.splitlines()[0]
    assert text.splitlines()[-1] == f"bridge deliveries retry {parked[number]}"
    told = [
        row for row in await school.in_state(State.DELIVERED) if row["action"] == unmade_name("test:wins")
    ]
    assert len(told) == 2


async def test_the_owner_is_told_once(school: School) -> None:
    """However many follow, and through whichever channel."""
    pipeline = school.pipeline()
    for number in range(4):
        await pipeline.run(event(number))
        await look(pipeline)
    assert len(school.desk.texts) == 1
    assert "regra r" in school.desk.texts[0]


async def _retry(pipeline: Pipeline, school: School) -> None:
    for name in ("wins", "learners"):
        for row in await school.in_state(State.PARKED, name):
            await pipeline.operator.retry(row["id"])


async def _replay(pipeline: Pipeline, school: School) -> None:
    for row in await school.in_state(State.PARKED):
        await pipeline.operator.replay(row["inbox_seq"])


@pytest.mark.parametrize("again", [_retry, _replay], ids=["deliveries retry", "events replay"])
async def test_after_the_mending_they_are_sent(
    school: School, again: Callable[[Pipeline, School], Any]
) -> None:
    """By a retry of the deliveries, or a replay of the events; none twice."""
    await school.pipeline().run(event(1), event(2))
    school.write(MENDED)
    mended = school.pipeline()  # a restart
    before = len(school.wins.texts)
    await again(mended, school)
    await mended.engine.drain()
    assert [text.strip() for text in school.wins.texts[before:]] == ["_Ana_ viu tudo"] * 2
    assert [text.strip() for text in school.learners.texts] == ["_Ana_ viu tudo"] * 2
    assert await school.in_state(State.PARKED) == []


async def test_a_retry_that_fails_again_says_nothing_new(school: School) -> None:
    """It is parked as before; the team has read it."""
    pipeline = school.pipeline()
    await pipeline.run(event(1))
    await _retry(pipeline, school)
    await pipeline.engine.drain()
    assert len(school.wins.texts) == 1
    assert len(await school.in_state(State.PARKED)) == 1


@pytest.mark.parametrize(
    ("kind", "raw", "channel", "told"),
    [
        ("slack", {"text": "x"}, {"token": "t"}, True),
        ("slack", {"text": "x", "to": "{{ producer.email }}"}, {"token": "t"}, False),
        ("webhook", {"text": "x"}, {"preset": "discord"}, True),
        ("webhook", {"text": "x"}, {"preset": "n8n"}, False),
        ("webhook", {}, {}, False),
        ("email", {"to": "a@b.example", "template": "x"}, {}, False),
    ],
)
def test_who_is_told_in_the_place_of_a_message(
    kind: str, raw: dict[str, object], channel: dict[str, object], *, told: bool
) -> None:
    """Chats of the team; not learners, and not programs."""
    assert ACTIONS[kind].model_validate(raw).is_for_the_team(channel) is told
