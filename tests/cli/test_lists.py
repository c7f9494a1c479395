"""`bridge events` and `bridge deliveries` on a real store with a history."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import dataclass
from typing import Any

import pytest

from bridge.cli.exits import ExitCode
from bridge.cli.selecting import PAGE, Page, everything, newest
from bridge.config import last_good
from bridge.core.identity import ID_SHOWN
from bridge.core.outcomes import Outcome, Partly, Reason, Rejected, Retry
from tests.cli.conftest import Bridge
from tests.cli.school import live
from tests.support.pipeline import completion

DEAD = "019df2dcf460f97b7e79bc13d7cd3fce"
DELIVERED = "019df2dc0a001f4f75c0682106016b77"
DELIVERIES = """\
ID                MADE                     STATE      RULE      ACTION          ATTEMPTS  LEARNER              EVENT  WHY
019df2dcf460e79b  2026-05-04 09:01:00 -03  delivered  parabens  slack:wins      1         joao@aluno.example   2
019df2dcf460f97b  2026-05-04 09:01:00 -03  dead       parabens  email:learners  1         joao@aluno.example   2      invalid: 5.1.1 no such mailbox
019df2dc0a001f4f  2026-05-04 09:00:00 -03  delivered  parabens  slack:wins      2         maria@aluna.example  1
019df2dc0a00eb80  2026-05-04 09:00:00 -03  delivered  parabens  email:learners  1         maria@aluna.example  1
"""  # noqa: E501 - as it is printed


def ids(bridge: Bridge, *words: str) -> list[str]:
    """Return what tells apart the ids of a listing's deliveries that came in the same moment."""
    said = bridge("deliveries", "list", "--json", *words)
    assert (said.code, said.err) == (ExitCode.OK, "")
    return [row["id"][12:ID_SHOWN] for row in json.loads(said.out)]


def numbers(bridge: Bridge, *words: str) -> list[int]:
    """Return the numbers of a listing's events."""
    said = bridge("events", "list", "--json", *words)
    assert (said.code, said.err) == (ExitCode.OK, "")
    return [row["seq"] for row in json.loads(said.out)]


def details(bridge: Bridge, delivery: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bridge("deliveries", "show", delivery, "--json").out)
    return found


def test_deliveries_are_listed_as_text(lived: Bridge) -> None:
    """In a pipe the list is aligned text, newest first, times in the configured zone."""
    said = lived("deliveries", "list")
    assert (said.code, said.out, said.err) == (ExitCode.OK, DELIVERIES, "")


def test_events_are_listed_as_text(lived: Bridge) -> None:
    lines = lived("events", "list").out.splitlines()
    assert lines[0].split() == ["NUMBER", "RECEIVED", "SOURCE", "TYPE", "STATE", "LEARNER", "LED", "TO", "ID"]
    assert [line.split()[0] for line in lines[1:]] == ["5", "4", "3", "2", "1"]
    assert lines[-1].split("  ")[-1] == "e1"
    assert "2 deliveries" in lines[-1]
    assert "parked" in lines[2]
    assert "the body is not JSON" in lines[2]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), ["e79b", "f97b", "1f4f", "eb80"]),
        (("--state", "dead"), ["f97b"]),
        (("--state", "dead", "--state", "delivered", "--limit", "2"), ["e79b", "f97b"]),
        (("--state", "parked"), []),
        (("--channel", "wins"), ["e79b", "1f4f"]),
        (("--rule", "boas-vindas"), []),
        (("--type", "module.completed"), ["e79b", "f97b", "1f4f", "eb80"]),
        (("--type", "nutror.lesson_watched"), []),
        (("--learner", "JOAO@aluno.example"), ["e79b", "f97b"]),
        (("--since", "2026-05-04T09:01"), ["e79b", "f97b"]),
        (("--since", "2026-05-04T09:01", "--until", "2026-05-04T12:02Z"), ["e79b", "f97b"]),
        (("--since", "2h"), []),
        (("-n", "1"), ["e79b"]),
    ],
)
def test_deliveries_are_filtered(lived: Bridge, words: tuple[str, ...], expected: list[str]) -> None:
    """Filters hold together; a time without a zone is in the configured one."""
    assert ids(lived, *words) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), [5, 4, 3, 2, 1]),
        (("--state", "parked"), [4]),
        (("--state", "parked", "--state", "done", "-n", "2"), [5, 4]),
        (("--source", "eduzz", "--type", "nutror.module_completed"), [5, 3, 2, 1]),
        (("--source", "other"), []),
        (("--learner", "maria@aluna.example"), [5, 3, 1]),
        (("--until", "2026-05-04T09:02"), [2, 1]),
    ],
)
def test_events_are_filtered(lived: Bridge, words: tuple[str, ...], expected: list[int]) -> None:
    assert numbers(lived, *words) == expected


def test_an_empty_list_says_so(lived: Bridge) -> None:
    """People read a sentence, programs an empty array; both are no failure."""
    assert lived("deliveries", "list", "--state", "parked").out == "no delivery matches\n"
    strange = "no {} matches; there is no {} '{}' in the configuration{}\n".format
    assert lived("events", "list", "--source", "x").out == strange("event", "source", "x", "")
    slip = lived("deliveries", "list", "--channel", "wns", "--rule", "(owner)").out
    assert slip == strange("delivery", "channel", "wns", ", did you mean 'wins'?")
    slip = lived("claims", "list", "--rule", "parabems").out
    assert slip == strange("claim", "rule", "parabems", ", did you mean 'parabens'?")
    assert lived("events", "list", "--source", "x", "--json").out == "[]\n"


def test_json_has_stable_names_and_times_in_utc(lived: Bridge) -> None:
    (row,) = json.loads(lived("deliveries", "list", "--state", "dead", "--json").out)
    assert row == {
        "id": DEAD,
        "seq": 3,
        "event": 2,
        "type": "nutror.module_completed",
        "source": "eduzz",
        "learner": "joao@aluno.example",
        "rule": "parabens",
        "action": "email:learners",
        "channel": "learners",
        "state": "dead",
        "run": 1,
        "attempts": 1,
        "created_at": "2026-05-04T12:01:00.000Z",
        "updated_at": "2026-05-04T12:01:00.000Z",
        "due_at": "2026-05-04T12:01:00.000Z",
        "expires_at": "2026-05-06T11:59:58.000Z",
        "reference": None,
        "why": None,
    }
    event = json.loads(lived("events", "list", "--json", "-n", "1").out)[0]
    assert event["id"] == "e4"
    assert event["received_at"] == "2026-05-04T12:04:00.000Z"


def test_a_delivery_is_shown_whole(lived: Bridge) -> None:
    """State, claim, attempts, the message itself and what can be done stand on one page."""
    said = lived("deliveries", "show", DEAD[:ID_SHOWN])
    assert (said.code, said.err) == (ExitCode.OK, "")
    for part in (
        f"delivery {DEAD}, dead\n",
        "event     2, nutror.module_completed from eduzz, run 1\n",
        "once per  learner.email=joao@aluno.example, module.id=3253 (released)\n",
        "`bridge deliveries retry 019df2dcf460f97b` tries again, `discard` gives it up for good.\n",
        "rejected (invalid)  550     schedule      5.1.1 no such mailbox\n",
        "\n\nWhy\n  invalid: 5.1.1 no such mailbox\n",
        "Subject  Parabéns, João!\n",
        "Você concluiu Funções.\n",
    ):
        assert part in said.out


def test_an_answer_is_shown_to_its_end(school: Bridge) -> None:
    """What a destination answers may end with what to do: the list has its beginning, one delivery all."""
    answer = "channel_not_found: " + "the app does not see it, " * 8 + "invite it there"
    live(
        school.folder / "config.yaml",
        completion("e1"),
        scripts={"wins": [Rejected(Reason.CLIENT, 200, answer)]},
    )
    assert "client: channel_not_found: the app" in school("deliveries", "list").out
    shown = school("deliveries", "show", DELIVERED).out
    why = shown.partition("\nWhy\n")[2].partition("\n\n")[0]
    assert " ".join(why.split()) == f"client: {answer}"
    assert max(map(len, why.splitlines())) <= 80


def test_a_message_that_some_have_says_who(school: Bridge) -> None:
    """While the others wait for it, and when it is given up for them."""
    partly = Partly(("ana@escola.example",), ("maria@aluna.example",))
    refused = Retry(Reason.SERVER, 450, "refused for now for 1 of 2 recipients, number 2", partly=partly)
    script: list[Outcome] = [refused, Rejected(Reason.CLIENT, 552, "5.2.2 over quota")]
    live(school.folder / "config.yaml", completion("e1"), scripts={"learners": script})
    (row,) = (
        each for each in json.loads(school("deliveries", "list", "--json").out) if each["attempts"] == 2
    )
    shown = school("deliveries", "show", row["id"]).out
    assert re.search(r"\n  has it +ana@escola.example\n  still to get it +maria@aluna.example\n", shown)
    assert "given up for 1 of its recipients; 1 other has it" in shown
    meta = details(school, row["id"])["message"]["meta"]
    assert (meta["taken"], meta["recipients"]) == (["ana@escola.example"], ["maria@aluna.example"])


def test_what_waits_says_why_and_until_when(school: Bridge) -> None:
    script = [Retry(Reason.CONNECTION, None, "the connection was refused")] * 99
    live(school.folder / "config.yaml", completion("e1"), scripts={"wins": script})
    row = next(line for line in school("deliveries", "list").out.splitlines() if "slack:wins" in line)
    assert "  pending  " in row
    assert "  connection: the connection was refused; next try 2026-05-04 " in row


def test_a_replay_counts_what_every_run_made(lived: Bridge) -> None:
    """The list tells all deliveries of an event, those of the last run, and what once_per kept from it."""
    before = lived("events", "list").out
    assert "  skipped: once_per  " in before
    lived("events", "replay", "1")
    live(lived.folder / "config.yaml", completion("e6", course={"title": "Java"}))
    listed = lived("events", "list").out.splitlines()[-1]
    assert "2 deliveries, 0 in run 2; skipped: once_per" in listed


def test_a_slack_delivery_shows_its_text(lived: Bridge) -> None:
    said = lived("deliveries", "show", DELIVERED)
    assert "Nothing is left to do." in said.out
    assert "*Maria Aparecida* concluiu *Funções*" in said.out
    found = details(lived, DELIVERED)
    assert [attempt["status"] for attempt in found["attempt_log"]] == [503, 200]
    assert found["message"]["text"] == "Maria Aparecida concluiu Funções"
    assert found["claim"]["state"] == "confirmed"
    assert "xoxb" not in said.out + json.dumps(found)


def test_an_event_is_shown_whole(lived: Bridge) -> None:
    """What arrived, what the rules made of it, and each delivery."""
    said = lived("events", "show", "3")
    assert (said.code, said.err) == (ExitCode.OK, "")
    for part in (
        "event 3: nutror.module_completed from eduzz\n",
        "when                       2026-05-04 08:59:58 -03\n",
        "matched   parabens\n",
        "skipped   parabens slack:wins: once_per: already sent or under way as delivery 019df2dc0a001f4f\n",
        '"title": "Python Básico"',
    ):
        assert part in said.out


def test_a_parked_event_says_what_to_do(lived: Bridge) -> None:
    said = lived("events", "show", "4")
    assert "Mend the cause, then `bridge events replay 4`." in said.out
    assert said.out.endswith("\nnot json\n")


def test_secrets_inside_payloads_are_hidden(school: Bridge) -> None:
    """Some platforms put a key into the body; nobody gets to see it, in text or in JSON."""
    body = completion("e1", producer={"name": "Rui", "originSecret": "very-secret-key"})
    live(school.folder / "config.yaml", body)
    for words in (("events", "show", "1"), ("explain", "1")):
        for options in ((), ("--json",)):
            said = school(*words, *options)
            assert said.code == ExitCode.OK
            assert "very-secret-key" not in said.out


def test_a_name_cannot_steer_the_terminal(school: Bridge) -> None:
    """An escape sequence in an event is spelled out wherever it is shown."""
    name = "Eve\x1b[2J\x1b]0;owned\x07\u202e"
    live(
        school.folder / "config.yaml",
        completion("e1\x1b[31m", learner={"name": name, "email": "eve@x.example"}),
    )
    for words in (
        ("events", "list"),
        ("events", "show", "1"),
        ("deliveries", "list"),
        ("explain", "1"),
        ("preview", "1"),
    ):
        out = school(*words).out
        assert not set(out) & {"\x1b", "\x07", "\u202e"}, words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("events", "show", "99"), "there is no event '99'"),
        (("events", "show", "zzz"), "there is no event 'zzz'"),
        (("deliveries", "show", "ffff"), "there is no delivery 'ffff'"),
        (("deliveries", "show", "not-hex"), "there is no delivery 'not-hex'"),
        (("deliveries", "retry", "ffff"), "there is no delivery 'ffff'"),
        (("events", "replay", "1", "99"), "there is no event '99'"),
        (("events", "show", "e"), "there is no event 'e'\nan event is named by its number or its whole id"),
        (
            ("deliveries", "show", "019df2dc"),
            f"delivery '019df2dc' may be several; write more of it\n  {DELIVERED}\n",
        ),
    ],
)
def test_what_does_not_exist_is_exit_code_3(lived: Bridge, words: tuple[str, ...], said: str) -> None:
    """An unknown or ambiguous id changes nothing and names the candidates."""
    before = ids(lived), numbers(lived)
    result = lived(*words)
    assert (result.code, result.out) == (ExitCode.NOT_FOUND, "")
    assert said in result.err
    assert (ids(lived), numbers(lived)) == before


def test_a_dead_delivery_is_retried(lived: Bridge) -> None:
    """It is pending again, and a running bridge takes it from there."""
    said = lived("deliveries", "retry", DEAD[:ID_SHOWN])
    assert (said.code, said.err) == (ExitCode.OK, "")
    assert said.out == f"delivery {DEAD} is tried again now\n"
    assert details(lived, DEAD)["state"] == "pending"
    assert "The next attempt is due" in lived("deliveries", "show", DEAD).out


def test_what_cannot_be_done_is_exit_code_1(lived: Bridge) -> None:
    """What was delivered stays so; the others that were named are done all the same."""
    said = lived("deliveries", "retry", DELIVERED, DEAD, "--json")
    assert said.code == ExitCode.PROBLEMS
    assert [(row["id"], row["done"]) for row in json.loads(said.out)] == [(DELIVERED, False), (DEAD, True)]
    assert details(lived, DEAD)["state"] == "pending"


def test_filters_ask_before_they_change_anything(lived: Bridge) -> None:
    """The question says how many; no means nothing was changed, silence is not taken for consent."""
    no = lived("deliveries", "retry", "--state", "dead", stdin="n\n")
    assert no.code == ExitCode.PROBLEMS
    assert "Send 1 delivery (1 dead) again?" in no.err
    assert "nothing was changed" in no.out
    nobody = lived("deliveries", "retry", "--state", "dead")
    assert nobody.code == ExitCode.USAGE
    assert "--yes goes on without asking" in nobody.err
    assert details(lived, DEAD)["state"] == "dead"
    assert lived("deliveries", "retry", "--state", "dead", stdin="y\n").code == ExitCode.OK
    assert details(lived, DEAD)["state"] == "pending"


def test_filters_select_only_what_can_be_changed(lived: Bridge) -> None:
    """Without a state, retry means all that was given up, and discard all that is not finished."""
    said = lived("deliveries", "retry", "--learner", "joao@aluno.example", "--yes")
    assert said.out == f"delivery {DEAD} is tried again now\n"
    said = lived("deliveries", "discard", "--rule", "parabens", "--yes", "--why", "she asked us to")
    assert (said.code, len(said.out.splitlines())) == (ExitCode.OK, 1)
    assert (details(lived, DEAD)["state"], details(lived, DEAD)["why"]) == ("discarded", "she asked us to")
    assert (
        "`bridge events replay 2` takes the event through the rules again"
        in lived("deliveries", "show", DEAD).out
    )
    assert lived("deliveries", "retry", "--rule", "parabens", "--yes").out == "nothing matches\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("deliveries", "retry"), "name the deliveries, or select them by filters"),
        (
            ("deliveries", "discard", DEAD, "--state", "dead"),
            "name the deliveries, or select them by filters",
        ),
        (("deliveries", "retry", "--state", "delivered", "--yes"), "a delivery that is delivered stays so"),
        (("events", "replay"), "name the events, or select them by filters"),
    ],
)
def test_changes_need_a_clear_choice(lived: Bridge, words: tuple[str, ...], said: str) -> None:
    """Nobody changes everything by leaving something out."""
    result = lived(*words)
    assert result.code == ExitCode.USAGE
    assert said in result.err


def test_events_are_replayed(lived: Bridge) -> None:
    """A named event, or all that the filters select, waits for the rules again, oldest first."""
    assert lived("events", "replay", "4").out == "event 4 goes through the rules again (run 2)\n"
    assert numbers(lived, "--state", "new") == [4]
    assert "It waits for `bridge run`" in lived("events", "show", "4").out
    said = lived("events", "replay", "--type", "module.completed", "--yes")
    assert [line.split()[1] for line in said.out.splitlines()] == ["1", "2", "3", "5"]


@dataclass(frozen=True)
class Numbered:
    seq: int


async def test_long_lists_are_read_to_their_end() -> None:
    """Filters reach every row, however many pages and lists that takes, oldest first."""

    def page_of(rows: list[Numbered]) -> Page[Numbered]:
        async def page(limit: int, before: int | None) -> list[Numbered]:
            return [row for row in rows if before is None or row.seq < before][:limit]

        return page

    rows = [Numbered(seq) for seq in range(3 * PAGE, 0, -1)]
    pages = [page_of(rows[::2]), page_of(rows[1::2]), page_of([])]
    assert await everything(pages) == rows[::-1]
    assert await newest(pages, 5) == rows[:5]


@pytest.mark.parametrize(
    "words", [("events", "list"), ("deliveries", "list"), ("events", "show", "1"), ("explain", "1")]
)
def test_without_a_store_nothing_is_made(school: Bridge, words: tuple[str, ...]) -> None:
    """A command in the wrong folder says so, instead of making an empty store there."""
    said = school(*words)
    assert said.code == ExitCode.NOT_FOUND
    assert "there is no store yet" in said.err
    assert list(school.folder.glob("*.db*")) == []


def test_a_newer_store_is_left_alone(lived: Bridge) -> None:
    """A store of a later version is refused with what to do."""
    with sqlite3.connect(lived.folder / "bridge.db") as connection:
        connection.execute("UPDATE bridge_schema SET version_num = '9999'")
    connection.close()
    said = lived("deliveries", "list")
    assert said.code == ExitCode.PROBLEMS
    assert "written by a newer bridge" in said.err


def test_a_broken_store_is_exit_code_4(school: Bridge) -> None:
    """A file that is no database is told as such, with what to do and without a traceback."""
    school.write("bridge.db", "this is not a database, it only has the name of one" * 100)
    for words in (("events", "list"), ("migrate",), ("migrate", "--check")):
        said = school(*words)
        assert said.code == ExitCode.UNAVAILABLE
        assert said.err.startswith("bridge: the store ")
        todo = "the file is damaged: stop the bridge and restore a backup, docs/how-to/upgrade-and-back-up.md"
        assert said.err.endswith(f": file is not a database; {todo}\n")


@pytest.mark.parametrize("list_", ["events", "deliveries", "claims", "suppressions"])
def test_a_broken_configuration_hides_nothing_that_is_stored(lived: Bridge, list_: str) -> None:
    """Who is called at night sees what happened before the file is mended; deciding something has to wait."""
    config = lived.folder / "config.yaml"
    text = config.read_bytes()
    before = lived(list_, "list", "--json")
    config.write_bytes(text.replace(b"rules:", b"ruls:"))
    assert lived(list_, "list").code == ExitCode.PROBLEMS, "nothing says yet where the store is"
    last_good.keep(config, text)
    said = lived(list_, "list", "--json")
    assert (said.code, said.out) == (ExitCode.OK, before.out)
    assert said.err.endswith("is broken, see `bridge check`; this is what the store knows without it\n")
    assert "did you mean 'rules'?" in lived("deliveries", "retry", DEAD).err


def test_the_sandbox_has_a_store_of_its_own(lived: Bridge) -> None:
    """--sandbox never shows, and never changes, what is real."""
    said = lived("deliveries", "retry", DEAD, "--sandbox")
    assert said.code == ExitCode.NOT_FOUND
    assert "there is no store yet" in said.err
    assert lived("migrate", "--sandbox").out.startswith("the store was made")
    assert (lived.folder / "bridge.sandbox.db").is_file()
    assert lived("deliveries", "list", "--sandbox").out == "there is no delivery yet\n"


def test_the_store_is_made_and_checked(school: Bridge) -> None:
    """`migrate --check` tells scripts what `migrate` would do, and does nothing."""
    missing = school("migrate", "--check")
    assert missing.code == ExitCode.PROBLEMS
    assert "there is no store yet" in missing.err
    assert not (school.folder / "bridge.db").exists()
    assert school("migrate").out.startswith("the store was made (schema ")
    assert school("migrate").out.startswith("the store was up to date (schema ")
    good = school("migrate", "--check")
    assert (good.code, good.err) == (ExitCode.OK, "")
