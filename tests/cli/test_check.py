"""`bridge check`: every problem with its place, or what the configuration amounts to."""

from __future__ import annotations

import json

import pytest

from bridge.cli.exits import ExitCode
from tests.cli.conftest import Bridge
from tests.cli.school import CONFIG, SECRETS, write_school

SUMMARY = """\
config.yaml is good
  sources   1  eduzz (eduzz)
  channels  2  learners (email), wins (slack)
  rules     2  parabens, boas-vindas
  events    4  of 63 known lead to a rule: nutror.enrollment_created, nutror.inactive_student, nutror.module_completed and 1 more
"""  # noqa: E501 - as it is printed
RULES = """\

parabens
  Quando um aluno conclui um módulo de um curso cujo título começa com “Python”,
  se o e-mail do aluno não termina com “@escola.example”, mandamos um e-mail
  para o aluno (só nas primeiras 48 horas) e avisamos #conquistas no Slack (se a
  expressão “course.title != 'Python Secreto'” for verdadeira), tudo uma única
  vez por aluno e módulo.
  on    module.completed
  when  course.title starting with Python
  when  learner.email not ending with @escola.example
  send  email via learners, once per learner.email, module.id, within 2d
  send  slack via wins, once per learner.email, module.id, if {{ course.title != 'Python Secreto' }}

boas-vindas
  Quando um aluno ganha acesso a um curso ou chega um evento nutror.inactive_*,
  avisamos #conquistas no Slack.
  on    enrollment.created or nutror.inactive_*
  send  slack via wins
"""


def test_a_good_configuration_is_summed_up(school: Bridge) -> None:
    said = school("check")
    assert (said.code, said.out, said.err) == (ExitCode.OK, SUMMARY, "")


def test_rules_are_told_in_plain_words(school: Bridge) -> None:
    said = school("check", "-v")
    assert (said.code, said.out) == (ExitCode.OK, SUMMARY + RULES)


def test_alternatives_are_told_as_such(bridge: Bridge) -> None:
    """`any` and `all` keep their meaning in words."""
    when = """\
      any:
        - course.title: Java
          module.id: [1, 2]
        - data.x: { exists: true }
"""
    write_school(bridge.folder, CONFIG.replace("      course.title: { prefix: Python }\n", when))
    said = bridge("check", "-v")
    assert "  when  (course.title Java and module.id 1 or 2) or (data.x present)\n" in said.out


def test_every_problem_is_a_line_with_its_place(bridge: Bridge) -> None:
    """All problems at once on standard error, nothing on standard output, exit code 1."""
    broken = (
        CONFIG.replace("prefix:", "prefx:")
        .replace("slack: wins", "slack: winz")
        .replace("{{ learner.name }} chegou", "{{ learner.nme }}")
    )
    write_school(bridge.folder, broken)
    said = bridge("check")
    assert (said.code, said.out) == (ExitCode.PROBLEMS, "")
    lines = said.err.splitlines()
    assert len(lines) == 4
    assert lines[0] == (
        "config.yaml:13:23: rules[0].when.course.title: unknown operator 'prefx', did you mean 'prefix'?"
    )
    assert all(line.startswith("config.yaml:") for line in lines)


def test_problems_are_values_for_programs(bridge: Bridge) -> None:
    write_school(bridge.folder, CONFIG.replace("prefix:", "prefx:"))
    said = bridge("check", "--json")
    assert (said.code, said.err) == (ExitCode.PROBLEMS, "")
    assert json.loads(said.out) == {
        "ok": False,
        "problems": [
            {
                "file": "config.yaml",
                "line": 13,
                "column": 23,
                "path": "rules[0].when.course.title",
                "sentence": "unknown operator 'prefx', did you mean 'prefix'?",
                "warning": False,
            }
        ],
    }
    write_school(bridge.folder)
    good = json.loads(bridge("check", "--json").out)
    assert (good["ok"], good["problems"]) == (True, [])


def test_programs_get_each_rules_sentence_in_every_language(school: Bridge) -> None:
    """`--json` has them all; a person gets the configured language."""
    _, rule = json.loads(school("check", "--json").out)["rules"]
    assert rule == {
        "name": "boas-vindas",
        "sentence": {
            "pt_BR": "Quando um aluno ganha acesso a um curso ou chega um evento nutror.inactive_*, "
            "avisamos #conquistas no Slack.",
            "en": "When a learner gets access to a course or an event nutror.inactive_* arrives, "
            "we tell #conquistas on Slack.",
            "es": "Cuando un alumno obtiene acceso a un curso o llega un evento nutror.inactive_*, "
            "avisamos a #conquistas en Slack.",
        },
    }
    school.write("config.yaml", f"locale: en\n{CONFIG}")
    assert "\n  When a learner gets access to a course or" in school("check", "-v").out


def test_a_warning_is_told_and_stops_nothing(bridge: Bridge) -> None:
    write_school(bridge.folder, CONFIG.replace("enrollment.created", "nutror.quiz_completed"))
    said = bridge("check")
    assert said.code == ExitCode.OK
    assert "warning: " in said.err
    assert said.out.startswith("config.yaml is good, with 1 warning\n")


def test_secrets_may_be_unset_in_the_sandbox_only(school: Bridge) -> None:
    """--sandbox checks what the sandbox would run; without it an unset secret is a problem."""
    (school.folder / ".env").unlink()
    said = school("check")
    assert said.code == ExitCode.PROBLEMS
    assert [name for name in SECRETS if f"the variable {name} is not set" not in said.err] == []
    assert school("check", "--sandbox").code == ExitCode.OK


@pytest.mark.parametrize("text", ["", "- a list", "rules: [", "\x00", "a: &a [*a]"])
def test_no_file_makes_a_traceback(bridge: Bridge, text: str) -> None:
    """Whatever stands in the file, the answer is lines with places."""
    bridge.write("config.yaml", text)
    said = bridge("check")
    assert said.code == ExitCode.PROBLEMS
    assert said.err.startswith("config.yaml")
