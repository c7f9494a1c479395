"""`bridge explain` and `bridge preview`: why, and what exactly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.cli.exits import ExitCode
from tests.cli.conftest import Bridge
from tests.cli.school import CONFIG, SECRETS, live, write_school
from tests.support.pipeline import completion

MATCHING = """\
event.json: nutror.module_completed from eduzz
  kind      module.completed
  id        e1
  when      2026-05-04 08:59:58 -03
  learner   Maria Aparecida <maria@aluna.example>
  producer  Rui Prado <rui@escola.example>
  course    Python Básico (cccccccccccccccccccccccccccccccccccccccc)
  module    Funções (3253)
  lesson    Retorno (3866)

✓ parabens
    Quando um aluno conclui um módulo de um curso cujo título começa com
    “Python”, se o e-mail do aluno não termina com “@escola.example”, mandamos
    um e-mail para o aluno (só nas primeiras 48 horas) e avisamos #conquistas no
    Slack (se a expressão “course.title != 'Python Secreto'” for verdadeira),
    tudo uma única vez por aluno e módulo.
    ✓ on: wanted module.completed, found nutror.module_completed
    ✓ course.title: wanted starting with Python, found Python Básico
    ✓ learner.email:
        wanted not ending with @escola.example
        found  maria@aluna.example
    would send
      email to maria@aluna.example via learners (template parabens)
      slack via wins

Rules for other events
  ✗ boas-vindas: is for enrollment.created or nutror.inactive_*, this is
      module.completed
"""
MISSED = """\
✗ parabens: course.title and learner.email do not match
    Quando um aluno conclui um módulo de um curso cujo título começa com
    “Python”, se o e-mail do aluno não termina com “@escola.example”, mandamos
    um e-mail para o aluno (só nas primeiras 48 horas) e avisamos #conquistas no
    Slack (se a expressão “course.title != 'Python Secreto'” for verdadeira),
    tudo uma única vez por aluno e módulo.
    ✓ on: wanted module.completed, found nutror.module_completed
    ✗ course.title: wanted starting with Python, found Pyton Básico
        differs in 1 of 6 characters
    ✗ learner.email: wanted not ending with @escola.example, found nothing there
        learner has no 'email'; it has name
"""
MAIL = """\
── parabens: email via learners

From     Escola Exemplo <ola@escola.example>
To       maria@aluna.example
Subject  Parabéns, Maria!

Você concluiu Funções.

── parabens: slack via wins

To  #conquistas

*Maria Aparecida* concluiu *Funções*

"""
SITE = '  site: { type: generic, secrets: ["${EDUZZ_SECRET}"], event: kind, id: id }\n'
TWO_SOURCES = CONFIG.replace("channels:", f"{SITE}channels:", 1)


def event(bridge: Bridge, **changes: object) -> str:
    """Write an event to a file and return the file's name."""
    bridge.write("event.json", json.dumps(completion("e1", **changes)))
    return "event.json"


def explained(bridge: Bridge, *words: str) -> Any:
    return json.loads(bridge("explain", *words, "--json").out)


def test_a_match_is_explained(school: Bridge) -> None:
    """Each condition with what it wanted and found, then what would be sent to whom."""
    said = school("explain", event(school))
    assert (said.code, said.out, said.err) == (ExitCode.OK, MATCHING, "")


def test_a_miss_is_explained_with_what_was_near(school: Bridge) -> None:
    said = school("explain", event(school, course={"title": "Pyton Básico"}, learner={"name": "Ana"}))
    assert said.code == ExitCode.OK
    assert MISSED in said.out


def test_an_action_that_is_not_wanted_says_why(school: Bridge) -> None:
    said = school("explain", event(school, course={"title": "Python Secreto"}))
    assert (
        "      not slack via wins: if {{ course.title != 'Python Secreto' }} is false\n"
        "        (course.title is Python Secreto)\n"
    ) in said.out


def test_a_message_that_cannot_be_made_is_told_beforehand(school: Bridge) -> None:
    """A template that fails on this event is shown with its file and line, here and in the preview."""
    template = school.folder / "templates/parabens.md"
    template.write_text(template.read_text("utf-8").replace("module.title", "data.nothing.there"), "utf-8")
    said = school("explain", event(school))
    assert "which cannot be made (templates/parabens.md:4: " in said.out
    previewed = school("preview", event(school))
    assert previewed.code == ExitCode.PROBLEMS
    assert "cannot be made: templates/parabens.md:4: " in previewed.out
    assert "not every message can be made" in previewed.err
    assert "*Maria Aparecida* concluiu" in previewed.out


def test_one_rule_can_be_asked_for(school: Bridge) -> None:
    said = school("explain", event(school), "--rule", "boas-vindas")
    assert "parabens" not in said.out
    assert "✗ boas-vindas: is for enrollment.created or nutror.inactive_*" in said.out
    unknown = school("explain", event(school), "--rule", "boas-vinda")
    assert unknown.code == ExitCode.NOT_FOUND
    assert "did you mean 'boas-vindas'?" in unknown.err


def test_explanations_are_values_for_programs(school: Bridge) -> None:
    found = explained(school, event(school, course={"title": "Pyton"}))
    (only,) = found["events"]
    rule = only["rules"][0]
    assert (only["occurred_at"], rule["rule"], rule["matched"]) == (
        "2026-05-04T11:59:58.000Z",
        "parabens",
        False,
    )
    assert rule["conditions"][1] == {
        "path": "course.title",
        "wanted": "starting with Python",
        "found": ["Pyton"],
        "matched": False,
        "near": {"kind": "slip", "wanted": "Python", "found": "Pyton", "differs": 1, "of": 6},
        "hint": "differs in 1 of 6 characters",
    }


def test_a_stored_event_also_tells_what_happened(lived: Bridge) -> None:
    """First what happened, deliveries with their states, what was skipped; then why, by the rules of then."""
    for name in ("2", "e2"):
        said = lived("explain", name)
        assert said.code == ExitCode.OK
        assert said.out.startswith("What happened: stored event 2, done\n")
        assert (
            "\n\nBy the rules that judged it\nstored event 2: nutror.module_completed from eduzz\n"
            in said.out
        )
        assert "019df2dcf460f97b  dead       parabens  email:learners  1 attempt" in said.out
        assert "`bridge deliveries show 019df2dcf460f97b` says why it is dead" in said.out
        assert "    led to\n      email via learners: delivery 019df2dcf460f97b, dead\n" in said.out
    assert "skipped   parabens email:learners: once_per: already sent or under way as delivery" in (
        lived("explain", "3").out
    )
    found = explained(lived, "2")
    assert found["stored"]["deliveries"][0]["state"] == "dead"
    assert (found["basis"], found["rules_changed"], found["notes"]) == ("then", False, [])


def test_an_event_is_explained_as_of_then_until_asked_otherwise(lived: Bridge) -> None:
    """The rules may have changed since; --now says what they make of it today."""
    lived.write("config.yaml", CONFIG.replace("prefix: Python", "prefix: Java"))
    then = lived("explain", "1").out
    assert "\nBy the rules that judged it; they are others now, --now asks those\n" in then
    assert "✓ course.title: wanted starting with Python" in then
    now = lived("explain", "1", "--now").out
    assert "\nBy the rules of now\n" in now
    assert "✗ course.title: wanted starting with Java" in now
    assert explained(lived, "1")["rules_changed"] is True


def test_a_rule_of_then_can_be_asked_for_by_its_name(lived: Bridge) -> None:
    """Even when it is gone; one that was never there is said to be missing."""
    lived.write("config.yaml", CONFIG.replace("name: parabens", "name: outra"))
    assert "✓ parabens\n" in lived("explain", "1", "--rule", "parabens").out
    said = lived("explain", "1", "--rule", "outra")
    assert said.code == ExitCode.NOT_FOUND
    assert "there was no rule 'outra' when this event was judged" in said.err
    said = lived("explain", "1", "--rule", "outr")
    assert "there is no rule 'outr', did you mean 'outra'?" in said.err


def test_the_event_may_be_named_by_an_option(lived: Bridge) -> None:
    """`bridge explain --rule NAME --event ID` reads like the question."""
    said = lived("explain", "--rule", "parabens", "--event", "1")
    assert said.out == lived("explain", "1", "--rule", "parabens").out
    for words in ((), ("1", "--event", "2")):
        assert lived("explain", *words).code == ExitCode.USAGE


def test_what_once_per_forbids_is_not_promised(lived: Bridge) -> None:
    """The same person's same module again is not sent: since when, by which delivery, under which claim."""
    again = (
        "    would send\n"
        "      not email via learners: already sent on 4 May 2026 at 09:00, delivery\n"
        "        019df2dc0a00eb80, claim learner.email=maria@aluna.example,\n"
        "        module.id=3253\n"
        "      not slack via wins: already sent on 4 May 2026 at 09:01, delivery\n"
        "        019df2dc0a001f4f, claim learner.email=maria@aluna.example,\n"
        "        module.id=3253\n"
    )
    assert again in lived("explain", event(lived)).out
    assert again in lived("explain", "1", "--now").out
    assert again.replace("would send", "led to") in lived("explain", "3").out
    (_, slack) = explained(lived, "event.json")["events"][0]["rules"][0]["actions"]
    assert slack["fate"] == {
        "kind": "taken",
        "delivery": "019df2dc0a001f4f75c0682106016b77",
        "state": "confirmed",
        "at": "2026-05-04T12:01:00.000Z",
        "claim": "learner.email=maria@aluna.example, module.id=3253",
    }


def test_what_is_free_again_is_promised(lived: Bridge) -> None:
    """A dead delivery holds nothing, so its message would be sent."""
    said = lived("explain", "2", "--now").out
    assert "      email to joao@aluno.example via learners (template parabens)\n" in said
    other = event(lived, module={"id": "7", "title": "Listas"})
    assert "once_per" not in lived("explain", other).out


def test_a_value_that_once_per_needs_is_named(school: Bridge) -> None:
    said = school("explain", event(school, module={"title": "Listas"}))
    said_in_full = " ".join(said.out.split())
    assert (
        "not email via learners: once_per needs 'module.id', which this event does not have" in said_in_full
    )


def test_an_event_that_cannot_be_read_is_told(lived: Bridge) -> None:
    said = lived("explain", "4")
    assert said.code == ExitCode.PROBLEMS
    assert said.out.startswith("What happened: stored event 4, parked\n")
    assert "stored event 4 is no event for source 'eduzz': the body is not JSON" in said.err


def test_a_test_event_is_recognised(school: Bridge) -> None:
    """Nobody wonders why the platform's own samples send nothing."""
    learner = {"name": "Learner", "email": "learner@eduzz.com"}
    body = completion("e1", learner=learner, createdAt="2023-09-28T12:00:00Z")
    school.write("event.json", json.dumps(body | {"sentDate": "2023-09-28T12:00:00.000Z"}))
    assert (
        "the platform's own test event: nothing is sent unless deliver_tests"
        in school("explain", "event.json").out
    )
    assert "nothing would be sent unless deliver_tests" in school("preview", "event.json").err


@pytest.mark.parametrize("command", ["explain", "preview"])
def test_events_come_from_everywhere(lived: Bridge, command: str) -> None:
    """A file, standard input, a sample and a stored event are all EVENT."""
    name = event(lived)
    text = (lived.folder / name).read_text("utf-8")
    assert lived(command, name).code == ExitCode.OK
    assert lived(command, "-", stdin=text).code == ExitCode.OK
    assert lived(command, "nutror.module_completed").code == ExitCode.OK
    assert lived(command, "1").code == ExitCode.OK


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("missing.json", ExitCode.NOT_FOUND, "there is no file missing.json"),
        ("some/where", ExitCode.NOT_FOUND, "there is no file some/where"),
        (
            "nutror.module_complete",
            ExitCode.NOT_FOUND,
            "; did you mean the sample 'nutror.module_completed'?",
        ),
        ("99", ExitCode.NOT_FOUND, "nothing is called '99'\nEVENT is a file, a sample"),
        ("list.json", ExitCode.PROBLEMS, "list.json is no event for source 'eduzz'"),
        ("big.json", ExitCode.PROBLEMS, "has more than 1048576 bytes"),
        (
            '{"event": "x"}' + " " * 300,
            ExitCode.USAGE,
            "a body itself goes to standard input, with - as EVENT",
        ),
        ("x" * 5000, ExitCode.NOT_FOUND, "nothing is called 'xxx"),
        ("ping", ExitCode.PROBLEMS, "a ping, the console's connection test"),
    ],
)
def test_what_is_no_event_is_explained(lived: Bridge, name: str, code: ExitCode, said: str) -> None:
    lived.write("list.json", "[1]")
    lived.write("big.json", " " * 1_100_000)
    result = lived("explain", name)
    assert (result.code, result.out) == (code, "")
    assert said in result.err


def test_with_several_sources_a_file_needs_one(bridge: Bridge) -> None:
    """A sample knows its platform; a file could be from anywhere."""
    write_school(bridge.folder, TWO_SOURCES)
    said = bridge("explain", event(bridge))
    assert said.code == ExitCode.USAGE
    assert "event.json may be from several sources; say which with --source: eduzz, site" in said.err
    assert bridge("explain", "event.json", "--source", "eduzz").code == ExitCode.OK
    assert "from eduzz\n" in bridge("explain", "nutror.module_completed").out
    unknown = bridge("explain", "event.json", "--source", "edduz")
    assert unknown.code == ExitCode.NOT_FOUND
    assert "there is no source 'edduz', did you mean 'eduzz'?" in unknown.err


MANY = CONFIG + "".join(
    f"""\
  - name: regra-{n}
    on: module.completed
    when: {{ course.title: Java, module.id: {n} }}
    send: [{{ slack: wins, text: x }}]
"""
    for n in range(8)
)


def test_of_many_rules_the_nearest_are_told_in_full(bridge: Bridge) -> None:
    """The others in a line each, and any of them when it is named; no line is wider than a terminal."""
    write_school(bridge.folder, MANY)
    said = bridge("explain", event(bridge, module={"id": "99"})).out
    nearest, further = said.split("\nRules that are further away\n")
    assert nearest.count("course.title: wanted Java") == 5
    assert "  ✗ regra-7: course.title and module.id do not match\n" in further
    assert max(map(len, said.splitlines())) <= 80
    assert "course.title: wanted Java" in bridge("explain", "event.json", "--rule", "regra-7").out


def test_a_secret_in_a_rule_is_not_shown(bridge: Bridge) -> None:
    """Nor how near the event came to it, in words or as a value, nor in an alternative or an `if:`."""
    when = """\
      any:
        - course.title: "${EDUZZ_SECRET}"
        - learner.name: { prefix: "${EDUZZ_SECRET}" }
        - learner.email: { exists: true }
"""
    config = CONFIG.replace("      course.title: { prefix: Python }\n", when)
    config = config.replace("Python Secreto", "${EDUZZ_SECRET}")
    write_school(bridge.folder, config)
    name = event(bridge, course={"hash": "c" * 40, "title": SECRETS["EDUZZ_SECRET"].upper()})
    for words in (("explain", name), ("explain", name, "--json"), ("check", "-v")):
        said = bridge(*words)
        assert said.code == ExitCode.OK
        assert SECRETS["EDUZZ_SECRET"] not in said.out.replace("\n", "")
        assert "***" in said.out


def test_nothing_is_needed_but_the_file(school: Bridge) -> None:
    """Explaining and previewing send nothing, so unset secrets do not matter."""
    (school.folder / ".env").unlink()
    assert school("explain", event(school)).code == ExitCode.OK
    said = school("preview", event(school))
    assert said.code == ExitCode.OK
    assert "not everything is set up" in said.err


def test_a_broken_configuration_is_told_in_full(school: Bridge) -> None:
    school.write("config.yaml", CONFIG.replace("prefix:", "prefx:"))
    said = school("explain", event(school))
    assert said.code == ExitCode.PROBLEMS
    assert said.err.startswith("bridge: config.yaml has 1 problem\nconfig.yaml:13:23: ")


def test_messages_are_previewed_as_they_would_go_out(school: Bridge) -> None:
    said = school("preview", event(school))
    assert (said.code, said.out, said.err) == (ExitCode.OK, MAIL, "")


def test_previews_are_values_for_programs(school: Bridge) -> None:
    mail, slack = json.loads(school("preview", event(school), "--json").out)
    assert (mail["rule"], mail["action"], mail["error"]) == ("parabens", "email:learners", None)
    assert mail["headers"]["subject"] == "Parabéns, Maria!"
    assert "<strong>Funções</strong>" in mail["html"]
    assert slack["body"]["text"] == "*Maria Aparecida* concluiu *Funções*"


def test_an_event_can_be_another_one(lived: Bridge) -> None:
    """`--set` changes the body as that of `send` does, of a stored event too; what it had not is told."""
    for name in (event(lived), "1"):
        said = lived("preview", name, "--set", "data.learner.name=ANA LIMA", "--set", "data.nota=9")
        assert said.code == ExitCode.OK
        assert "Parabéns, Ana!" in said.out
        assert "data.nota was not in this event; added" in said.err
        said = lived("explain", name, "--set", "data.course.title=Java")
        assert said.out.startswith(("event.json, changed: ", "stored event 1, changed: "))
        assert "✗ course.title: wanted starting with Python, found Java" in said.out
    assert "explain 1 --set data.course.title=Java` says why" in (
        lived("preview", "1", "--set", "data.course.title=Java").err
    )


def test_no_matching_rule_is_told_with_the_next_step(school: Bridge) -> None:
    said = school("preview", event(school, course={"title": "Java"}))
    assert (said.code, said.out) == (ExitCode.OK, "")
    assert "no rule matches this event; `bridge explain event.json` says why" in said.err
    assert school("preview", event(school, course={"title": "Java"}), "--json").out == "[]\n"


def test_messages_are_written_to_files(school: Bridge) -> None:
    """The exact bytes, and the e-mail's HTML to look at."""
    said = school("preview", event(school), "--out", "out")
    assert said.code == ExitCode.OK
    written = {path.name: path.read_bytes() for path in (school.folder / "out").iterdir()}
    assert set(written) == {
        "parabens-email-learners.eml",
        "parabens-email-learners.html",
        "parabens-slack-wins.json",
    }
    assert b"Message-ID: <" in written["parabens-email-learners.eml"]
    assert json.loads(written["parabens-slack-wins.json"])["channel"] == "#conquistas"


def test_a_folder_that_cannot_be_written_is_explained(school: Bridge) -> None:
    said = school("preview", event(school), "--out", "config.yaml")
    assert said.code == ExitCode.PROBLEMS
    assert "cannot write config.yaml: File exists" in said.err


def test_a_store_that_cannot_be_read_is_not_taken_for_an_event_that_is_not_there(lived: Bridge) -> None:
    """Nobody knows whether it is; the store's trouble and what to do about it are told."""
    (lived.folder / "bridge.db").write_bytes(b"hello" * 1000)
    said = lived("explain", "1")
    assert said.code == ExitCode.UNAVAILABLE
    assert said.err.startswith("bridge: '1' cannot be looked up\nthe store sqlite:///")
    assert "file is not a database; the file is damaged: stop the bridge and restore a backup" in said.err


def test_a_stored_event_of_a_source_that_is_gone(lived: Bridge) -> None:
    """History outlives the configuration."""
    write = CONFIG.replace("  eduzz: {", "  other: {")
    lived.write("config.yaml", write)
    said = lived("explain", "1")
    assert said.code == ExitCode.NOT_FOUND
    assert "there is no source 'eduzz'" in said.err
    assert lived("events", "show", "1").code == ExitCode.OK


def test_lists_work_while_the_configuration_is_being_edited(school: Bridge) -> None:
    """Looking at the store needs the configuration to be readable, not complete."""
    live(school.folder / "config.yaml", completion("e1"))
    (school.folder / ".env").unlink()
    said = school("events", "list")
    assert (said.code, said.err) == (ExitCode.OK, "")


def test_no_message_is_no_file(school: Bridge) -> None:
    """Where no rule matches, no folder is made and none is named."""
    said = school("preview", event(school, course={"title": "Java"}), "--out", "out")
    assert said.code == ExitCode.OK
    assert "no rule matches this event" in said.err
    assert "the messages are in" not in said.err
    assert not (school.folder / "out").exists()
