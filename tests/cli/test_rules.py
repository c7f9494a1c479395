"""`bridge rules` on a real store."""

from __future__ import annotations

import json

import pytest

from bridge.cli.exits import ExitCode
from tests.cli.conftest import Bridge
from tests.cli.school import live
from tests.support.pipeline import completion


@pytest.fixture
def paused(school: Bridge) -> Bridge:
    """A school with a rule that wanted to send more than two messages a day."""
    config = (school.folder / "config.yaml").read_text("utf-8")
    school.write("config.yaml", config.replace("    when:\n", "    pause_above: 2/d\n    when:\n", 1))
    learners = [{"name": "Aluna", "email": f"a{number}@aluna.example"} for number in range(4)]
    live(
        school.folder / "config.yaml",
        *(completion(f"e{number}", learner=who) for number, who in enumerate(learners)),
    )
    return school


def test_rules_are_listed(paused: Bridge) -> None:
    """With where each stands, what it keeps, since when, and why."""
    said = paused("rules", "list")
    assert said.code == ExitCode.OK
    lines = [line.split(maxsplit=3) for line in said.out.splitlines()]
    assert lines[0] == ["RULE", "STATE", "KEPT", "SINCE                    WHY"]
    assert lines[1][:2] == ["parabens", "paused"]
    assert lines[1][3].endswith("pause_above: 2/d")
    assert "2026-05-04 09:01:00 -03" in lines[1][3]
    assert all(line[1:] == ["working", "0"] for line in lines[2:])


def test_a_list_shows_those_in_a_state_as_json_too(paused: Bridge) -> None:
    """A program sees what a person sees."""
    (found,) = json.loads(paused("rules", "list", "--state", "paused", "--json").out)
    assert (found["name"], found["state"], found["why"]) == ("parabens", "paused", "pause_above: 2/d")
    assert found["kept"] > 0
    assert paused("rules", "list", "--state", "resuming").out == "no rule matches\n"


def test_one_is_shown_with_its_sentence_and_what_to_do(paused: Bridge) -> None:
    """The commands can be copied."""
    said = paused("rules", "show", "parabens")
    told = " ".join(said.out.split())
    assert said.code == ExitCode.OK
    assert "rule parabens, paused" in told
    assert "`bridge rules resume parabens`" in told
    assert "`bridge rules discard parabens`" in told
    assert "Se quiser enviar mais de 2 mensagens em 24 horas" in told
    assert json.loads(paused("rules", "show", "parabens", "--json").out)["sentence"]["en"].startswith("When")


def test_a_kept_delivery_says_what_to_do(paused: Bridge) -> None:
    """It is listed by its state, and its rule's command is named."""
    (found, *_) = json.loads(paused("deliveries", "list", "--state", "kept", "--json").out)
    said = " ".join(paused("deliveries", "show", found["id"]).out.split())
    assert "Its rule is paused: `bridge rules resume parabens` sends all that is kept of it" in said


def test_resume_sends_what_was_kept(paused: Bridge) -> None:
    """What is done is said; where there is nothing to decide it is exit 1."""
    kept = json.loads(paused("rules", "show", "parabens", "--json").out)["kept"]
    said = paused("rules", "resume", "parabens")
    assert said.code == ExitCode.OK
    assert said.out == f"rule parabens works again; {kept} kept deliveries go out\n"
    assert json.loads(paused("deliveries", "list", "--state", "kept", "--json").out) == []
    again = paused("rules", "resume", "parabens")
    assert (again.code, again.out) == (ExitCode.PROBLEMS, "rule parabens is not paused\n")


def test_discard_asks_first(paused: Bridge) -> None:
    """With the number; a script says --yes."""
    kept = json.loads(paused("rules", "show", "parabens", "--json").out)["kept"]
    asked = paused("rules", "discard", "parabens")
    assert asked.code == ExitCode.USAGE
    said = paused("rules", "discard", "parabens", "--yes")
    assert said.out == f"rule parabens works again; {kept} kept deliveries are given up\n"
    rows = json.loads(paused("deliveries", "list", "--state", "discarded", "--json").out)
    assert {row["why"] for row in rows} == {"given up with all that its paused rule had kept"}


def test_a_person_pauses_a_rule(school: Bridge) -> None:
    """With a reason, which the list shows."""
    live(school.folder / "config.yaml", completion("e1"))
    said = school("rules", "pause", "parabens", "--why", "novo texto")
    assert (said.code, said.out) == (ExitCode.OK, "rule parabens is paused; its deliveries are kept\n")
    assert school("rules", "pause", "parabens").code == ExitCode.PROBLEMS
    (found,) = json.loads(school("rules", "list", "--state", "paused", "--json").out)
    assert (found["why"], found["kept"]) == ("novo texto", 0)


@pytest.mark.parametrize("act", ["show", "pause", "resume", "discard"])
def test_a_rule_that_is_not_there_is_not_found(paused: Bridge, act: str) -> None:
    """With the name that was probably meant."""
    said = paused("rules", act, "parabns")
    assert said.code == ExitCode.NOT_FOUND
    assert "did you mean 'parabens'?" in said.err
