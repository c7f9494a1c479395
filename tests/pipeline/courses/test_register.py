"""What learners have done in catalogued courses: what rules see of it, and the one event when all is done."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import func, select

from bridge.core.catalogue import Catalogue
from bridge.core.events import Progress, Thing
from bridge.core.outcomes import Reason, Retry
from bridge.pipeline.explaining import Explanation
from bridge.pipeline.register import Place, known
from bridge.sources.base import Request
from bridge.store import details, incidents, views
from bridge.store.database import Database
from bridge.store.details import EventDetails
from bridge.store.schema import progress
from bridge.store.views import EventFilter
from tests.support.courses import CATALOGUE, COURSE, alpaclass, finishes, school, watched
from tests.support.pipeline import Pipeline, ScriptedChannel, completion, until

OTHER = {"hash": "d" * 40, "title": "Outro"}


async def types(pipeline: Pipeline) -> list[str | None]:
    """Return the types of all stored events, oldest first."""
    rows = await pipeline.database.read(lambda c: views.list_events(c, EventFilter(limit=500)))
    return [row.type for row in reversed(rows)]


async def derived(pipeline: Pipeline) -> int:
    return (await types(pipeline)).count("bridge.course_completed")


async def explained(pipeline: Pipeline, seq: int) -> Explanation:
    found = await pipeline.database.read(lambda c: details.show_event(c, seq))
    assert isinstance(found, EventDetails)
    told = await pipeline.explainer.explain(found)
    assert isinstance(told, Explanation)
    return told


async def test_rules_see_how_far_a_learner_is(database: Database) -> None:
    """With each module, and whether it is the last in order, which is another thing than the last to do."""
    wins = ScriptedChannel("wins")
    await school(database, wins).run(finishes("3253"), finishes("3251", minute=1))
    assert wins.texts == ["module.completed 1/3 True", "module.completed 2/3 False"]


async def test_the_last_module_to_do_completes_the_course(database: Database) -> None:
    """The completion is an event like any other, after the one that led to it."""
    wins = ScriptedChannel("wins")
    pipeline = school(database, wins)
    await pipeline.run(*(finishes(module) for module in ("3253", "3251", "3252")))
    assert wins.texts[-2:] == ["module.completed 3/3 False", "course.completed 3/3 None"]
    assert (await types(pipeline))[-1] == "bridge.course_completed"


async def test_a_course_is_completed_once_for_ever(database: Database) -> None:
    """Whatever is repeated, replayed, undone and done again."""
    wins = ScriptedChannel("wins")
    pipeline = school(database, wins)
    await pipeline.run(*(finishes(module) for module in COURSE.modules))
    await pipeline.run(finishes("3252"), finishes("3252", "again", minute=5), watched(100))
    for seq in (1, 2, 3):
        await pipeline.operator.replay(seq)
    await pipeline.engine.drain()
    assert await derived(pipeline) == 1
    assert wins.texts.count("course.completed 3/3 None") == 1


async def test_two_learners_complete_it_each(database: Database) -> None:
    """An address counts the same in capitals."""
    wins = ScriptedChannel("wins")
    pipeline = school(database, wins)
    await pipeline.run(*(finishes(module) for module in COURSE.modules))
    rui = [{"email": "rui@aluna.example"}, {"email": "RUI@aluna.example"}, {"email": "rui@aluna.example"}]
    events = [finishes(m, f"r{m}", learner=who) for m, who in zip(COURSE.modules, rui, strict=True)]
    await pipeline.run(*events)
    assert await derived(pipeline) == 2


async def test_the_platforms_own_count_completes_a_course(database: Database) -> None:
    """Also of a course that is not listed; a repetition, and another 100 %, are nothing new."""
    wins = ScriptedChannel("wins")
    pipeline = school(database, wins, catalogue=Catalogue())
    await pipeline.run(watched(99), watched(100, "w2"), watched("100", "w3"), watched(100, "w2"))
    assert wins.texts == ["course.completed ? None"]


async def test_the_platforms_count_is_believed(database: Database) -> None:
    """What was done before the bridge came is done; the catalogue does not say it again."""
    wins = ScriptedChannel("wins")
    pipeline = school(database, wins)
    await pipeline.run(finishes("3253"), watched(100))
    await pipeline.run(finishes("3252", minute=30))
    assert wins.texts == [
        "module.completed 1/3 True",
        "course.completed 3/3 None",
        "module.completed 3/3 False",
    ]


async def test_a_platform_that_says_so_itself_is_not_repeated(database: Database) -> None:
    """AlpaClass sends an event of its own when a course is done."""
    wins = ScriptedChannel("wins")
    pipeline = school(database, wins)
    modules = [alpaclass("module_finished", f"a{m[-1]}", module={"id": m}) for m in COURSE.modules]
    await pipeline.run(*modules, alpaclass("course_finished", "a9"))
    assert wins.texts[-1] == "course.completed 3/3 None"
    assert wins.texts.count("course.completed 3/3 None") == 1
    assert await derived(pipeline) == 0


async def test_what_is_undone_counts_no_more(database: Database) -> None:
    """Also where the platform had said that the whole course was done."""
    wins = ScriptedChannel("wins")
    await school(database, wins).run(
        alpaclass("course_finished", "a1"),
        alpaclass("module_unfinished", "a2", module={"id": "3252"}),
        alpaclass("module_finished", "a3", module={"id": "3251"}),
    )
    assert wins.texts == ["course.completed 3/3 None", "module.completed 2/3 False"]


async def test_what_comes_late_does_not_undo_what_happened_later(database: Database) -> None:
    """Events are put in the order in which they happened, whatever order they come in."""
    wins = ScriptedChannel("wins")
    await school(database, wins).run(
        alpaclass("module_finished", "a5", module={"id": "3251"}),
        alpaclass("module_unfinished", "a4", module={"id": "3251"}),
        alpaclass("module_finished", "a6", module={"id": "3252"}),
    )
    assert wins.texts == ["module.completed 1/3 False", "module.completed 2/3 False"]


async def test_a_replay_sees_what_was_known_then(database: Database) -> None:
    """And so does a message that is made later than its event was judged."""
    wins = ScriptedChannel("wins")
    pipeline = school(database, wins)
    await pipeline.run(finishes("3251"), finishes("3252"))
    await pipeline.operator.replay(1)
    await pipeline.engine.drain()
    assert wins.texts == [
        "module.completed 1/3 False",
        "module.completed 2/3 False",
        "module.completed 1/3 False",
    ]


async def test_a_message_made_later_says_what_was_known_then(database: Database) -> None:
    """One that had to wait its turn in the lane is rendered after more was done."""
    wins = ScriptedChannel("wins", Retry(Reason.SERVER, 503, "busy"))
    pipeline = school(database, wins)
    await pipeline.run(finishes("3251"), finishes("3252"), watched(50), finishes("3253"))
    pipeline.clock.advance(hours=1)
    await pipeline.engine.drain()
    assert wins.texts[1:] == [
        "module.completed 1/3 False",
        "module.completed 2/3 False",
        "module.completed 3/3 True",
        "course.completed 3/3 None",
    ]


async def test_many_at_once_complete_it_once(database: Database) -> None:
    """Fifty completions of one learner at the same moment: each count is told once, one event is derived."""
    modules = tuple(str(number) for number in range(50))
    course = replace(COURSE, modules=modules)
    wins = ScriptedChannel("wins", hands=50)
    pipeline = school(database, wins, catalogue=Catalogue({course.id: course}))
    await pipeline.engine.start()
    try:
        await asyncio.gather(*(pipeline.receive(finishes(module)) for module in modules))
        await until(lambda: len(wins.sent) >= 51 and pipeline.engine.is_idle)
    finally:
        await pipeline.engine.stop()
    told = [text.split()[1] for text in wins.texts if text.startswith("module")]
    assert sorted(told) == sorted(f"{number}/50" for number in range(1, 51))
    assert wins.texts.count("course.completed 50/50 None") == 1


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_two_nodes_complete_it_once(store_url: str, database: Database) -> None:
    """Two processes that note at the same time see each other's marks; SQLite has one process only."""
    second = await Database.open(store_url)
    try:
        wins = ScriptedChannel("wins", hands=50)
        course = replace(COURSE, modules=tuple(str(number) for number in range(20)))
        catalogue = Catalogue({course.id: course})
        nodes = [
            school(each, wins, catalogue=catalogue, name=n) for each, n in ((database, "a"), (second, "b"))
        ]
        await asyncio.gather(*(nodes[int(module) % 2].receive(finishes(module)) for module in course.modules))
        for _ in range(10):
            await asyncio.gather(*(node.engine.drain() for node in nodes))
        assert wins.texts.count("course.completed 20/20 None") == 1
        assert len({text for text in wins.texts if text.startswith("module")}) == 20
    finally:
        await second.close()


async def test_events_of_other_courses_cost_nothing(database: Database) -> None:
    """They are committed as often as without a catalogue."""
    counts: list[int] = []
    for catalogue in (Catalogue(), Catalogue({COURSE.id: COURSE})):
        pipeline = school(database, ScriptedChannel("wins"), catalogue=catalogue)
        commits: list[object] = []
        listen = (database.engine, "commit", commits.append)
        sqlalchemy_event.listen(*listen)
        await pipeline.run(completion(f"e{len(counts)}", course=OTHER))
        sqlalchemy_event.remove(*listen)
        counts.append(len(commits))
    assert counts[0] == counts[1]


async def test_a_test_event_leaves_no_mark(database: Database) -> None:
    """The platform's sample learner has done nothing; what the sample says is explained all the same."""
    wins = ScriptedChannel("wins")
    changes: dict[str, Any] = {
        "learner": {"name": "Ciclano da Silva", "email": "learner@eduzz.com"},
        "producer": {"name": "Fulano da Silva", "email": "fulano@eduzz.com"},
        "createdAt": "2023-09-25T19:18:29Z",
    }
    pipeline = school(database, wins)
    await pipeline.run(*(finishes(module, **changes) for module in (*COURSE.modules, "3254")))
    assert wins.sent == []
    assert await types(pipeline) == ["nutror.module_completed"] * 4
    assert await database.read(lambda c: c.execute(select(func.count()).select_from(progress)).scalar()) == 0
    for seq, done in ((3, 1), (4, 0)):
        told = await explained(pipeline, seq)
        assert told.events[0].event.progress == Progress(done, 3)


async def test_an_explanation_has_what_was_known_then(database: Database) -> None:
    """Whatever was done since."""
    pipeline = school(database, ScriptedChannel("wins"))
    await pipeline.run(*(finishes(module) for module in COURSE.modules))
    for seq, done in ((1, 1), (2, 2), (3, 3), (4, 3)):
        told = await explained(pipeline, seq)
        assert told.events[0].facts["progress"] == Progress(done, 3).known()
        assert told.notes[1:] == ()


async def test_one_that_cannot_be_noted_is_parked_alone(database: Database) -> None:
    """An error of ours at one event keeps no other from being judged."""
    wins = ScriptedChannel("wins")
    pipeline = school(database, wins)
    broken = replace(COURSE, modules=())
    pipeline.node.catalogue.courses["e" * 40] = replace(broken, id="e" * 40)  # type: ignore[index]
    bad = finishes("3251", "bad", course={"hash": "e" * 40, "title": "Outro"})
    await pipeline.run(finishes("3251"), bad, finishes("3252"))
    assert wins.texts == ["module.completed 1/3 False", "module.completed 2/3 False"]
    rows = await database.read(lambda c: views.list_events(c, EventFilter(state="parked")))
    assert [row.seq for row in rows] == [2]


async def test_a_new_module_is_told_once(database: Database) -> None:
    """However many learners finish it, and also after a restart; its completion counts for nothing yet."""
    wins = ScriptedChannel("wins")
    pipeline = school(database, wins)
    await pipeline.run(finishes("3254"), finishes("3254", "again", learner={"email": "rui@aluna.example"}))
    assert wins.texts == ["module.completed 0/3 False"] * 2
    (told,) = await database.read(incidents.lasting)
    assert told.subject == "python-basico: Módulo 3254 (3254)"
    assert told.why == 'modules: [..., "3253", "3254"]'
    assert await pipeline.engine.alarm.look() == 1
    pipeline = pipeline.restarted()
    await pipeline.run(finishes("3254", "third"))
    assert await pipeline.engine.alarm.look() == 0
    assert not await database.read(incidents.any_open)
    assert (await types(pipeline)).count("bridge.module_unlisted") == 1


async def test_what_was_done_before_a_module_was_listed_counts_then(database: Database) -> None:
    """Marks are kept of every module, so the catalogue can be mended afterwards."""
    wins = ScriptedChannel("wins")
    await school(database, wins).run(finishes("3254"))
    longer = replace(COURSE, modules=(*COURSE.modules, "3254"))
    await school(database, wins, catalogue=Catalogue({longer.id: longer}), name="node-2").run(
        finishes("3251")
    )
    assert wins.texts == ["module.completed 0/3 False", "module.completed 2/4 False"]


async def test_a_title_that_is_missing_was_heard_before(database: Database) -> None:
    """The course's comes from the catalogue, a module's from other events."""
    pipeline = school(database, ScriptedChannel("wins"))
    await pipeline.run(finishes("3251"))
    body = completion("bare", module={"id": "3251"}, course={"hash": COURSE.id})
    parsed = pipeline.source.parse(Request({}, json.dumps(body).encode(), pipeline.clock.now()))
    assert isinstance(parsed, tuple)
    event = await database.read(lambda c: known(c, database.secret, CATALOGUE, Place(2, 0), parsed[0]))
    assert event.module == Thing(id="3251", title="Módulo 3251")
    assert event.course == Thing(id=COURSE.id, title="Python Básico")
