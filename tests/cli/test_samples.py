"""`bridge samples` and `bridge schema`: what comes with the bridge, printed."""

from __future__ import annotations

import json

from bridge.cli.exits import ExitCode
from bridge.config.schema import json_schema
from bridge.core.paths import FactPath, parse_path
from bridge.sources.registry import fields, known_events, sample, sample_event, sample_names
from tests.cli.conftest import Bridge


def test_samples_are_listed_with_their_kinds(bridge: Bridge) -> None:
    listed = bridge("samples")
    assert listed.code == ExitCode.OK
    assert listed.out.splitlines()[0].split() == ["SAMPLE", "KIND"]
    assert [line.split()[0] for line in listed.out.splitlines()[1:]] == list(sample_names())
    rows = {row["name"]: row["kind"] for row in json.loads(bridge("samples", "--json").out)}
    assert rows["nutror.module_completed"] == "module.completed"


def test_a_sample_can_be_edited_and_sent(bridge: Bridge) -> None:
    """What is printed is the body, so it can go to a file and from there to `bridge send`."""
    printed = bridge("samples", "nutror.module_completed")
    assert json.loads(printed.out) == json.loads(sample("nutror.module_completed") or b"")


def test_an_unknown_sample_names_the_nearest(bridge: Bridge) -> None:
    said = bridge("samples", "nutror.module_complete")
    assert said.code == ExitCode.NOT_FOUND
    assert "did you mean 'nutror.module_completed'?" in said.err


def test_the_schema_is_printed_whole(bridge: Bridge) -> None:
    assert json.loads(bridge("schema").out) == json_schema()


def test_what_a_template_may_use_is_listed(bridge: Bridge) -> None:
    """Each path with an example, what it is, and whether it is always there; the catalogue's too."""
    said = bridge("samples", "--fields", "nutror.module_completed")
    assert said.code == ExitCode.OK
    lines = {line.split()[0]: line for line in said.out.splitlines() if line.strip()}
    assert "Maria Aparecida da Silva" in lines["learner.name"]
    assert "always" in lines["learner.name"]
    assert "the same as course.id" in lines["data.course.hash"]
    assert "sometimes" in lines["progress.percent"]


def test_every_path_listed_leads_to_its_example(bridge: Bridge) -> None:
    """What is listed of each known type is there, and all of `registry.fields` is listed but inside `raw`."""
    for name in known_events():
        event = sample_event(name)
        if event is None:
            continue
        rows = json.loads(bridge("samples", "--fields", name, "--json").out)["fields"]
        facts = event.facts()
        for row in rows:
            path = parse_path(row["path"].replace("[]", ""))
            if not row["missing"]:
                assert isinstance(path, FactPath), row
                assert path.values(facts) is not None, row
        listed = {row["path"] for row in rows}
        assert {
            each for each in fields(name) if not each.startswith("raw.") and not each.endswith(".*")
        } <= listed


def test_of_a_kind_what_only_some_platforms_send_is_marked(bridge: Bridge) -> None:
    """`lesson.completed` is an event of two platforms: one has no module."""
    said = json.loads(bridge("samples", "--fields", "lesson.completed", "--json").out)
    assert said["types"] == ["nutror.lesson_watched", "alpaclass.student_lesson_finished"]
    rows = {row["path"]: row for row in said["fields"]}
    assert rows["lesson.title"]["always"]
    assert rows["module.title"]["missing"] == "not in nutror.lesson_watched"
    both = bridge("samples", "--fields", "nutror.lesson_watched", "--fields", "lesson.completed", "--json")
    assert json.loads(both.out) == said


def test_the_bridges_own_events_are_known(bridge: Bridge) -> None:
    said = json.loads(bridge("samples", "--fields", "course.completed", "--json").out)
    assert "bridge.course_completed" in said["types"]


def test_an_unknown_type_names_the_nearest(bridge: Bridge) -> None:
    said = bridge("samples", "--fields", "module.complete")
    assert said.code == ExitCode.NOT_FOUND
    assert "no event is of type or kind 'module.complete', did you mean 'module.completed'?" in said.err
    both = bridge("samples", "nutror.module_completed", "--fields", "module.completed")
    assert both.code == ExitCode.USAGE
