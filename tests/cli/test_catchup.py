"""`bridge catchup` on a real store: foreseen, asked, done, listed."""

from __future__ import annotations

import json
import sqlite3

import pytest

from bridge.cli.exits import ExitCode
from tests.cli.conftest import Bridge, Said
from tests.cli.school import CONFIG, write_school

NEW = """\
  - name: lembrete
    on: module.completed
    when: { course.title: { prefix: Python } }
    once_per: [learner.email]
    send:
      - slack: wins
        text: "*{{ learner.name }}* segue em frente"
"""
SINCE = ("--since", "2026-05-01")
ASKED = """\
  4  stored events looked at
  3  events match
  2  messages, to 2 people
  1  left out, once_per: sent or under way already

── sample, event e1: lembrete via wins

To  #conquistas

*Maria Aparecida* segue em frente

── sample, event e2: lembrete via wins

To  #conquistas

*João Pedro* segue em frente

At 20/min that takes 6s. The running bridge must know the rule: `bridge reload` says so.
"""


@pytest.fixture
def late(lived: Bridge) -> Bridge:
    """A school with a history and a rule that is new."""
    write_school(lived.folder, CONFIG + NEW)
    return lived


def catchup(bridge: Bridge, *words: str, stdin: str | None = None) -> Said:
    return bridge("catchup", *words, stdin=stdin)


def made(bridge: Bridge) -> list[str]:
    rows = json.loads(bridge("deliveries", "list", "--json", "--rule", "lembrete").out)
    return sorted(row["learner"] for row in rows)


def test_it_says_first_what_it_would_send(late: Bridge) -> None:
    """With counts, people and samples; a dry run stops there, and so does a no."""
    said = catchup(late, "lembrete", *SINCE, "--dry-run")
    assert (said.code, said.out, said.err) == (ExitCode.OK, ASKED, "")
    said = catchup(late, "start", "lembrete", *SINCE, stdin="n\n")
    assert said.code == ExitCode.PROBLEMS
    assert "Send 2 messages to 2 people at 20/min?" in said.err
    assert catchup(late, "lembrete", *SINCE, stdin="").code == ExitCode.USAGE
    assert made(late) == []
    assert catchup(late, "list").out == "there is no catch-up yet\n"


def test_it_says_that_the_pace_would_pause_the_rule(late: Bridge) -> None:
    """Before anything is made; a pace that `pause_above` lets through says nothing."""
    write_school(late.folder, CONFIG + NEW.replace("    once_per", "    pause_above: 1/h\n    once_per"))
    said = catchup(late, "lembrete", *SINCE, "--dry-run")
    assert said.out.splitlines()[-1] == (
        "At that pace the rule's `pause_above` pauses it, and the messages are kept; choose a slower --rate."
    )
    plain = json.loads(catchup(late, "lembrete", *SINCE, "--dry-run", "--json").out)
    assert plain["pauses"] is True
    slow = json.loads(catchup(late, "lembrete", *SINCE, "--rate", "20/d", "--dry-run", "--json").out)
    assert slow["pauses"] is False


def test_it_sends_at_a_pace_and_once(late: Bridge) -> None:
    """What was made is in the list of deliveries; a second time there is nothing to do."""
    said = catchup(late, "lembrete", *SINCE, "--rate", "100/s", "--yes")
    assert said.code == ExitCode.OK
    assert "catch-up 1 of lembrete, done" in said.out
    assert "2  messages made; a running bridge sends them" in said.out
    assert made(late) == ["joao@aluno.example", "maria@aluna.example"]
    again = catchup(late, "lembrete", *SINCE, "--yes")
    assert (again.code, again.out.endswith("Nothing would be sent.\n")) == (ExitCode.OK, True)


def test_programs_read_it_line_by_line(late: Bridge) -> None:
    """First what is foreseen, then each step."""
    said = catchup(late, "lembrete", *SINCE, "--rate", "100/s", "--yes", "--json")
    first, *steps = [json.loads(line) for line in said.out.splitlines()]
    assert first["foreseen"] == {"events": 4, "matched": 3, "messages": 2, "left_out": {"claimed": 1}}
    assert (first["people"], first["at_most"], first["takes_s"]) == (2, False, 0.02)
    assert first["samples"][0]["text"] == "Maria Aparecida segue em frente"
    assert [step["messages"] for step in steps] == sorted(step["messages"] for step in steps)
    assert (steps[-1]["state"], steps[-1]["messages"]) == ("done", 2)


def test_they_are_listed_shown_stopped_and_gone_on_with(late: Bridge) -> None:
    """One that was interrupted says so, and what to do."""
    assert catchup(late, "lembrete", *SINCE, "--rate", "100/s", "--yes").code == ExitCode.OK
    with sqlite3.connect(late.folder / "bridge.db") as store:
        store.execute("UPDATE catchups SET state = 'running', cursor = 1, counts = '{\"events\": 1}'")
    said = catchup(late, "show")
    assert "catch-up 1 of lembrete, interrupted" in said.out
    assert "`bridge catchup resume 1` goes on where it is." in said.out
    (listed,) = json.loads(catchup(late, "list", "--json").out)
    assert (listed["catchup"], listed["rule"], listed["state"]) == (1, "lembrete", "interrupted")
    assert catchup(late, "stop").out.startswith("catch-up 1 of lembrete is stopped")
    assert catchup(late, "stop", "1").code == ExitCode.PROBLEMS
    said = catchup(late, "resume")
    assert said.code == ExitCode.OK
    assert "left out, the rule has led to a message before" in said.out
    assert len(made(late)) == 2
    assert "done" in catchup(late, "list").out
    assert catchup(late, "resume", "1").code == ExitCode.PROBLEMS
    assert "Nothing is left to do." in catchup(late, "show", "1").out


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["lembretes", *SINCE], ExitCode.NOT_FOUND, "did you mean 'lembrete'?"),
        (
            ["lembrete", *SINCE, "--rate", "fast"],
            ExitCode.USAGE,
            "'fast' is no rate; expected a rate such as",
        ),
        (["lembrete", *SINCE, "--until", "2026-04-01"], ExitCode.USAGE, "--until is not after --since"),
        (["lembrete"], ExitCode.USAGE, "Missing option '--since'"),
        (["resume"], ExitCode.NOT_FOUND, "there is no such catch-up"),
        (["show", "7"], ExitCode.NOT_FOUND, "there is no catch-up 7"),
    ],
)
def test_what_makes_no_sense_is_said(late: Bridge, words: list[str], code: ExitCode, sentence: str) -> None:
    said = catchup(late, *words)
    assert said.code == code
    assert sentence in said.err


def test_of_several_one_is_to_be_named(late: Bridge) -> None:
    for _ in range(2):
        assert catchup(late, "lembrete", *SINCE, "--rate", "100/s", "--yes").code == ExitCode.OK
        with sqlite3.connect(late.folder / "bridge.db") as store:
            store.execute("DELETE FROM deliveries WHERE rule = 'lembrete'")
            store.execute("DELETE FROM claims WHERE rule = 'lembrete'")
    said = catchup(late, "show")
    assert said.code == ExitCode.USAGE
    assert "2 (lembrete), 1 (lembrete)" in said.err
