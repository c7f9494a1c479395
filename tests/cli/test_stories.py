"""`bridge test`: stories that hold, stories that do not and why, and what is wrong with a file of them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from bridge.cli.exits import ExitCode
from bridge.cli.stories.schema import stories_schema
from bridge.config.schema import DIALECT
from tests.cli.conftest import Bridge, Said
from tests.cli.stories.reference import refresh
from tests.config.expected import is_as_expected

ROOT = Path(__file__).parents[2]
BROKEN = Path(__file__).parent / "stories/broken"
MODULE = "{ sample: nutror.module_completed }"
GOOD = f"""\
stories:
  - name: Maria completes a module
    given: {{ now: 2026-05-04 09:00 }}
    events:
      - {MODULE}
    expect:
      - {{ at: 2026-05-04 09:00, channel: learners, to: maria@aluna.example, subject: "Parabéns, Maria!" }}
      - {{ at: +0s, channel: wins, text: concluiu }}
"""


def story(*events: str, given: str = "{}", expect: str = "[]") -> str:
    """Return a file with one story; lists are given as YAML in one line."""
    return (
        f"stories:\n  - name: one\n    given: {given}\n"
        f"    events: [{', '.join(events)}]\n    expect: {expect}\n"
    )


def played(school: Bridge, text: str, *words: str) -> Said:
    school.write("tests/one.yaml", text)
    return school("test", *words)


def took(school: Bridge, text: str) -> list[tuple[str, str, str]]:
    """Return channel, state and time of everything that mattered in a story, from the beginning."""
    said = json.loads(played(school, text, "--json").out)
    rows = [each["happened"] for each in said["stories"][0]["messages"]]
    return [(row["channel"], row["state"], row["at"][:19]) for row in rows]


def test_a_story_may_be_about_some_rules_only(school: Bridge) -> None:
    """Other rules do not run, so that stories of several recipes live in one folder."""
    school.write(
        "config.yaml",
        (school.folder / "config.yaml").read_text("utf-8")
        + '  - name: other\n    on: module.completed\n    send: [{ slack: wins, text: "other" }]\n',
    )
    one = "stories:\n  - name: one\n    rules: other\n    events: [" + MODULE + "]\n"
    held = played(school, one + "    expect: [{ channel: wins, text: other }]\n")
    assert held.code == ExitCode.OK, held.out
    assert played(school, one + "    expect: []\n").code == ExitCode.PROBLEMS
    both = one.replace("rules: other", "rules: [parabens, other]")
    assert played(school, both + "    expect: [{ channel: wins, text: other }]\n").code == ExitCode.PROBLEMS


def test_the_shipped_stories_hold(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    """What config.yaml is said to do, it does: this is how CI plays them."""
    monkeypatch.chdir(ROOT)
    said = bridge("test")
    assert (said.code, said.err) == (ExitCode.OK, ""), said.out
    assert "✗" not in said.out


def test_the_shipped_stories_tell_of_every_shipped_rule() -> None:
    """A rule that no story is about could be broken without anybody noticing."""
    names = re.findall(r"(?m)^  - name: (\S+)", (ROOT / "config.yaml").read_text("utf-8"))
    told = (ROOT / "tests/stories.yaml").read_text("utf-8")
    assert names
    assert [name for name in names if f"rule: {name}" not in told] == []


def test_init_writes_stories_that_hold(bridge: Bridge) -> None:
    """A new folder can be tested before anything is set up, and editors find the schema of its stories."""
    assert bridge("init", "escola").code == ExitCode.OK
    said = bridge("test", "-c", "escola/config.yaml")
    assert (said.code, said.err) == (ExitCode.OK, ""), said.out
    first = (bridge.folder / "escola/tests/stories.yaml").read_text("utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../stories.schema.json"
    written = json.loads((bridge.folder / "escola/stories.schema.json").read_text("utf-8"))
    assert written == stories_schema()


def test_a_story_that_holds_is_one_line(school: Bridge) -> None:
    said = played(school, GOOD)
    assert (said.code, said.err) == (ExitCode.OK, "")
    *lines, empty, summary = said.out.splitlines()
    assert lines == ["tests/one.yaml", "✓ Maria completes a module  (2 messages)"]
    assert empty == ""
    assert re.fullmatch(r"1 story told as expected, in \d+\.\d s", summary)


def test_nothing_real_is_touched(school: Bridge) -> None:
    """No store, no lock and no journal is left beside the configuration."""
    before = {path.name for path in school.folder.rglob("*")}
    played(school, GOOD)
    assert {path.name for path in school.folder.rglob("*")} == before | {"tests", "one.yaml"}


def test_secrets_need_not_be_set(school: Bridge) -> None:
    (school.folder / ".env").unlink()
    assert played(school, GOOD).code == ExitCode.OK


def test_a_field_that_is_new_is_added_with_a_word(school: Bridge) -> None:
    """A platform may send more than its sample shows; another sample of it may show it already."""
    new = "{ sample: nutror.module_completed, set: { data.nota: 9, data.course.progress: 4, sentDate: x } }"
    text = story(new.replace("sentDate: x", "data.learner: { emial: x }"), expect="[{ channel: wins }]")
    said = played(school, text)
    place = "tests/one.yaml:4:56: warning: stories[0].events[0].set.data.nota"
    warning = f"{place}: the event has no data.nota; it is added"
    assert said.err == f"bridge: {warning}\n"
    assert json.loads(played(school, text, "--json").out)["warnings"] == [warning]


def test_a_difference_is_shown_beside_what_was_expected(school: Bridge) -> None:
    """What was expected and what was got stand below each other, in the width of the terminal."""
    said = played(school, GOOD.replace("Parabéns, Maria", "Feliz Natal, Maria").replace("+0s", "+10s"))
    assert said.code == ExitCode.PROBLEMS
    assert (
        "  ✗ 2026-05-04 09:00:00 email via learners to maria@aluna.example (rule parabens, event 1)\n"
        "      subject  contains  Feliz Natal, Maria!\n"
        "               got       Parabéns, Maria!\n"
        "  ✗ 2026-05-04 09:00:00 slack via wins to #conquistas (rule parabens, event 1)\n"
        "      at       expected  2026-05-04 09:00:10\n"
        "               got       2026-05-04 09:00:00\n"
    ) in said.out
    assert "why" not in said.out
    assert "1 of 1 story failed" in said.out
    assert said.out.endswith("\nif they end as they should, --update writes that down\n")


def test_what_is_missing_is_explained(school: Bridge) -> None:
    """The event that should have led to it is explained, by the rule that was probably meant, once."""
    title = "{ sample: nutror.module_completed, set: { data.course.title: Pyton Básico } }"
    said = played(school, story(title, expect="[{ channel: learners }, { channel: wins, rule: parabens }]"))
    assert said.code == ExitCode.PROBLEMS
    assert "✗ missing: via learners (line 5)\n      why: nutror.module_completed, event 1" in said.out
    assert "✗ parabens: " in said.out
    assert "Pyton Básico" in said.out
    assert "boas-vindas" not in said.out
    assert said.out.count("why: nutror.module_completed") == said.out.count("why: as above") == 1


def test_what_nobody_expected_is_shown(school: Bridge) -> None:
    """An empty `expect:` means that nothing is sent."""
    said = played(school, story(MODULE))
    assert said.code == ExitCode.PROBLEMS
    assert said.out.count("✗ not expected: 2026-01-05 09:00:00") == 2
    assert "subject  Parabéns, Maria!" in said.out


def test_a_story_without_expectations_fails_and_says_what_to_do(school: Bridge) -> None:
    said = played(school, f"stories:\n  - name: one\n    events: [{MODULE}]\n")
    assert said.code == ExitCode.PROBLEMS
    assert "--update writes one, `expect: []` says that nothing is sent" in said.out


def test_a_year_passes_at_once(school: Bridge) -> None:
    """Once per learner and module, a year later too; another module is another one."""
    later = "{ sample: nutror.module_completed, at: +365d }"
    other = "{ sample: nutror.module_completed, at: +366d, set: { data.module.id: other } }"
    expect = "[{ channel: learners }, { channel: wins }, { at: +366d, channel: learners }, { channel: wins }]"
    said = played(school, story(MODULE, later, other, expect=expect))
    assert said.code == ExitCode.OK, said.out
    assert "(4 messages in 366d)" in said.out


def test_the_same_event_again_is_a_duplicate(school: Bridge) -> None:
    """With `fresh: false` an event keeps its id; `repeat` sends it several times."""
    asks = "{ sample: nutror.inactive_student, fresh: false, repeat: 3 }"
    assert played(school, story(asks, expect="[{ channel: wins }]")).code == ExitCode.OK
    new = "{ sample: nutror.inactive_student, repeat: 2 }"
    assert played(school, story(new, expect="[{ channel: wins }, { channel: wins }]")).code == ExitCode.OK


def test_what_came_before_is_remembered_and_not_told(school: Bridge) -> None:
    given = "{ events: [{ sample: nutror.module_completed, at: -30d }] }"
    assert played(school, story(MODULE, given=given)).code == ExitCode.OK


@pytest.mark.parametrize(
    ("spell", "state", "at"),
    [
        ("{ is: down, until: +1min }", "delivered", "2026-01-05T12:02:40"),
        ("{ is: down, from: +1s }", "delivered", "2026-01-05T12:00:00"),
        ("[{ is: down, until: +1s }, { is: rejecting, from: +5s }]", "dead", "2026-01-05T12:00:10"),
        ("{ is: rejecting }", "dead", "2026-01-05T12:00:00"),
        ("{ is: closed }", "pending", "2026-01-05T12:00:00"),
    ],
)
def test_destinations_have_the_trouble_they_are_given(
    school: Bridge, spell: str, state: str, at: str
) -> None:
    """Retries come at their exact times: after 10 s, 30 s and 2 min."""
    expect = f"[{{ channel: wins, state: {state} }}, {{ channel: learners }}]"
    text = story(MODULE, given=f"{{ destinations: {{ wins: {spell} }} }}", expect=expect)
    assert took(school, text) == [
        ("wins", state, at),
        ("learners", "delivered", "2026-01-05T12:00:00"),
    ]


def test_a_rate_is_kept(school: Bridge) -> None:
    """What has to wait for its turn is sent as soon as it may be."""
    config = (school.folder / "config.yaml").read_text("utf-8")
    paced = config.replace('channel: "#conquistas" }', 'channel: "#conquistas", rate: 1/min }')
    school.write("config.yaml", paced)
    text = story(
        "{ sample: nutror.enrollment_created, repeat: 3 }",
        expect="[{channel: wins}, {channel: wins}, {channel: wins}]",
    )
    assert [at for _, _, at in took(school, text)] == [
        "2026-01-05T12:00:00",
        "2026-01-05T12:01:00",
        "2026-01-05T12:02:00",
    ]


def test_what_waits_for_its_time_is_sent_then(school: Bridge) -> None:
    """A delay ends to the second, and quiet hours end in the morning of the configuration's zone."""
    config = (school.folder / "config.yaml").read_text("utf-8")
    later = config.replace("        expires: 48h\n", "        delay: 7d\n").replace(
        'text: "{{ learner.name }} chegou"',
        'text: "{{ learner.name }} chegou"\n        quiet_hours: "21:00-08:00"',
    )
    school.write("config.yaml", later)
    expect = "[{ at: +0s, channel: wins }, { at: +7d, channel: learners }]"
    assert played(school, story(MODULE, expect=expect)).code == ExitCode.OK
    night = "{ sample: nutror.enrollment_created, at: 2026-01-05 23:30 }"
    expect = "[{ at: 2026-01-06 08:00, channel: wins, text: chegou }]"
    said = played(school, story(night, expect=expect))
    assert said.code == ExitCode.OK, said.out


def test_rules_that_remember_are_played_as_they_are(school: Bridge) -> None:
    """Silence of seven days is noticed when it is there, and a limit lets the next one through in time."""
    rules = """\
  - name: sumiu
    on: lesson.completed
    send:
      - slack: wins
        text: sumiu
        delay: 7d
        unless: { on: lesson.completed, same: [learner.email] }
  - name: comentou
    on: comment.created
    send: [{ slack: wins, text: comentou, limit: { max: 1, per: 1d, by: [learner.email] } }]
"""
    school.write("config.yaml", (school.folder / "config.yaml").read_text("utf-8") + rules)
    watched = "sample: nutror.lesson_watched, set: { data.course.progress: 4 }"
    silence = story(
        f"{{ {watched} }}", f"{{ at: +6d, {watched} }}", expect="[{ at: +13d, channel: wins, text: sumiu }]"
    )
    said = played(school, silence)
    assert said.code == ExitCode.OK, said.out
    comments = story(
        "{ sample: nutror.comment_created, repeat: 3 }",
        "{ sample: nutror.comment_created, at: +25h }",
        expect="[{ at: +0s, channel: wins }, { at: +25h, channel: wins }]",
    )
    said = played(school, comments)
    assert said.code == ExitCode.OK, said.out


def test_a_rule_that_counts_is_played_as_it_is(school: Bridge) -> None:
    """Three different lessons in ten days, and again when there were fewer; a repeated one is none."""
    rules = """\
  - name: ritmo
    on: lesson.completed
    after: { count: 3, distinct: lesson.id, by: [learner.email], within: 10d }
    send: [{ slack: wins, text: que ritmo }]
"""
    school.write("config.yaml", (school.folder / "config.yaml").read_text("utf-8") + rules)
    days = [(0, 1), (1, 1), (2, 2), (8, 3), (9, 4), (30, 1), (31, 2), (32, 3)]
    watched = [
        f"{{ at: +{day}d, sample: nutror.lesson_watched, set: {{ data.lesson.id: 'l{lesson}' }} }}"
        for day, lesson in days
    ]
    expect = "[{ at: +8d, channel: wins, text: que ritmo }, { at: +32d, channel: wins, text: que ritmo }]"
    said = played(school, story(*watched, expect=expect))
    assert said.code == ExitCode.OK, said.out


def test_a_rule_that_wants_too_much_keeps_the_rest(school: Bridge) -> None:
    """What is kept has to be expected, since a person has to decide about it."""
    rules = """\
  - name: ajuda
    on: help.requested
    pause_above: 2/h
    send: [{ slack: wins, text: ajuda }]
"""
    school.write("config.yaml", (school.folder / "config.yaml").read_text("utf-8") + rules)
    asked = [f"{{ at: +{minute}min, sample: nutror.learner_help }}" for minute in (0, 10, 20, 90)]
    sent = "{ at: +0s, channel: wins }, { at: +10min, channel: wins }"
    assert played(school, story(*asked, expect=f"[{sent}]")).code == ExitCode.PROBLEMS
    kept = "{ channel: wins, state: kept }, { channel: wins, state: kept }"
    said = played(school, story(*asked, expect=f"[{sent}, {kept}]"))
    assert said.code == ExitCode.OK, said.out


def test_a_story_may_have_its_own_courses(school: Bridge) -> None:
    """The catalogue is part of what is given: with the last of its modules the course is complete."""
    config = (school.folder / "config.yaml").read_text("utf-8")
    rule = """\
  - name: curso
    on: course.completed
    send: [{ slack: wins, text: "{{ learner.name }} concluiu o curso" }]
courses:
  other: { id: other, modules: ["1"] }
"""
    school.write("config.yaml", config + rule)
    title = "data.course: { hash: abc, title: Java }"
    events = [
        f"{{ sample: nutror.module_completed, at: +{day}d, set: {{ {title}, data.module.id: '{day}' }} }}"
        for day in (1, 2)
    ]
    given = "{ courses: { java: { id: abc, modules: ['1', '2'] } } }"
    expect = "[{ at: +2d, channel: wins, rule: curso }]"
    said = played(school, story(*events, given=given, expect=expect))
    assert said.code == ExitCode.OK, said.out
    assert played(school, story(*events)).code == ExitCode.OK


def test_an_event_that_cannot_be_read_fails_the_story(school: Bridge) -> None:
    """A body that is no event of its source is told, where nothing was expected as well."""
    school.write("tests/broken.json", "{}")
    said = played(school, story("{ file: broken.json, fresh: false }"))
    assert said.code == ExitCode.PROBLEMS
    assert "✗ event 1 is none for source 'eduzz': " in said.out


def test_bodies_come_from_files_too(school: Bridge) -> None:
    body = school("samples", "nutror.module_completed").out
    school.write("tests/bodies/mine.json", body)
    expect = "[{ channel: learners, to: joao@aluno.example }, { channel: wins }]"
    event = "{ file: bodies/mine.json, set: { data.learner.email: joao@aluno.example } }"
    assert played(school, story(event, expect=expect)).code == ExitCode.OK


def test_an_event_finds_its_source(school: Bridge) -> None:
    """A body goes to the only source that can read it; of none or several the person says which."""
    config = (school.folder / "config.yaml").read_text("utf-8")
    options = "event: kind, id: meta.id, header: x-hub, prefix: 'sha256='"
    site = f'  site: {{ type: generic, secrets: ["${{EDUZZ_SECRET}}"], {options} }}\n'
    rule = '  - { name: mine, on: bought, send: [{ slack: wins, text: "{{ data.who }}" }] }\n'
    school.write("config.yaml", config.replace("channels:", f"{site}channels:", 1) + rule)
    school.write("tests/bought.json", json.dumps({"kind": "bought", "meta": {"id": 1}, "who": "Rui"}))
    expect = "[{ channel: learners }, { channel: wins }, { channel: wins, rule: mine, text: Rui }]"
    bought = "{ file: bought.json, source: site }"
    said = played(school, story(MODULE, bought, expect=expect))
    assert said.code == ExitCode.OK, said.out + said.err
    assert played(school, story(MODULE, "{ file: bought.json }", expect=expect)).code == ExitCode.OK
    school.write("tests/none.json", "{}")
    said = played(school, story("{ file: none.json }"))
    assert "stories[0].events[0]: no source can read it; say which gets it: `source:` with one of" in said.err


def test_files_and_stories_can_be_chosen(school: Bridge) -> None:
    """A file, a folder, or a part of a name in any case; what does not exist is told."""
    school.write("more/two.yaml", story(MODULE))
    assert played(school, GOOD, "tests/one.yaml").code == ExitCode.OK
    assert school("test", "more").code == ExitCode.PROBLEMS
    assert school("test", "tests", "more", "-k", "MARIA").code == ExitCode.OK
    missing = school("test", "none.yaml")
    assert (missing.code, missing.err) == (ExitCode.NOT_FOUND, "bridge: there is no file none.yaml\n")
    nobody = school("test", "-k", "joão")
    assert nobody.code == ExitCode.NOT_FOUND
    assert "no story's name holds 'joão'; there are\n  Maria completes a module" in nobody.err


def test_without_stories_it_says_how_to_begin(school: Bridge) -> None:
    said = school("test")
    assert said.code == ExitCode.NOT_FOUND
    assert "there are no stories: no tests/*.yaml beside config.yaml" in said.err


def test_programs_get_everything_as_json(school: Bridge) -> None:
    said = json.loads(played(school, GOOD.replace("concluiu", "começou"), "--json").out)
    assert said["ok"] is False
    [told] = said["stories"]
    assert (told["file"], told["line"], told["name"]) == ("tests/one.yaml", 2, "Maria completes a module")
    assert [message["ok"] for message in told["messages"]] == [True, False]
    assert told["messages"][1]["expected"] == {"at": "+0s", "channel": "wins", "text": "começou"}
    [difference] = told["messages"][1]["differences"]
    assert (difference["key"], difference["wanted"]) == ("text", "começou")


@pytest.mark.parametrize("file", sorted(BROKEN.glob("*.yaml")), ids=lambda file: file.stem)
def test_what_is_wrong_is_told_with_its_place(school: Bridge, file: Path) -> None:
    """Each file has its problems beside it, with line, column, and what was probably meant."""
    said = played(school, file.read_text("utf-8"))
    assert said.code == ExitCode.PROBLEMS
    assert is_as_expected(file.with_suffix(".txt"), said.err)


def test_all_problems_of_all_files_are_told_at_once(school: Bridge) -> None:
    school.write("tests/two.yaml", story(expect="[{ channel: win }, { channel: learner }]"))
    said = played(school, story(expect="[{ channel: win }]"))
    assert said.err.splitlines()[0] == "bridge: the stories have 3 problems"
    assert [line.split(":")[0] for line in said.err.splitlines()[1:]] == ["tests/one.yaml"] + [
        "tests/two.yaml"
    ] * 2


UPDATED = """\
# Mine.
stories:
  # The first.
  - name: Maria completes a module
    given: { now: 2026-05-04 09:00 }   # a Monday
    events:
      - sample: nutror.module_completed   # hers
    expect:
      - channel: learners
        subject: Parabéns, Maria!
      - at: '2026-05-04 09:00:00'
        channel: wins
        to: '#conquistas'
        text: '*Maria Aparecida da Silva* concluiu *Módulo 3: Funções*'
        rule: parabens

  # The second.
  - expect: []
    name: Nothing
  - name: Later
    events:
      - { sample: nutror.enrollment_created, at: +1d }
    expect:
      - at: '2026-01-06 09:00:00'
        channel: wins
        to: '#conquistas'
        text: Maria Aparecida da Silva chegou
        rule: boas-vindas
"""
WRITTEN = """\
# Mine.
stories:
  # The first.
  - name: Maria completes a module
    given: { now: 2026-05-04 09:00 }   # a Monday
    events:
      - sample: nutror.module_completed   # hers
    expect:
      - channel: learners
        subject: Feliz Natal
      - channel: learners
        to: joao@aluno.example

  # The second.
  - expect:
      - channel: learners
    name: Nothing
  - name: Later
    events:
      - { sample: nutror.enrollment_created, at: +1d }
"""


def test_update_writes_the_expectations_and_leaves_the_rest(school: Bridge) -> None:
    """Comments, order and spelling stay; the difference is shown first; then all stories hold."""
    said = played(school, WRITTEN, "--update", "--yes")
    assert said.code == ExitCode.OK, said.err
    assert {"-        subject: Feliz Natal", "+        subject: Parabéns, Maria!"} <= set(
        said.out.splitlines()
    )
    assert (school.folder / "tests/one.yaml").read_text("utf-8") == UPDATED
    assert school("test").code == ExitCode.OK


@pytest.mark.parametrize(("answer", "text"), [("y\n", UPDATED), ("n\n", WRITTEN), ("", WRITTEN)])
def test_update_asks_before_it_writes(school: Bridge, answer: str, text: str) -> None:
    """Where nobody can be asked, nothing is written without --yes."""
    school.write("tests/one.yaml", WRITTEN)
    said = school("test", "--update", stdin=answer)
    assert said.code == {"y\n": ExitCode.OK, "n\n": ExitCode.PROBLEMS, "": ExitCode.USAGE}[answer]
    assert "Write this?" in said.err
    assert (school.folder / "tests/one.yaml").read_text("utf-8") == text


def test_update_refuses_a_story_that_it_cannot_change_alone(school: Bridge) -> None:
    """What would not leave the rest as it is is left to the person."""
    text = f"stories: [{{ name: one, events: [{MODULE}], expect: [] }}]\n"
    said = played(school, text, "--update", "--yes")
    assert said.code == ExitCode.PROBLEMS
    assert "was not updated: line 1: write the story in lines" in said.err
    assert (school.folder / "tests/one.yaml").read_text("utf-8") == text


def test_the_reference_has_every_key() -> None:
    """The page's tables are those of the model."""
    page = ROOT / "docs/reference/stories.md"
    assert is_as_expected(page, refresh(page.read_text("utf-8")))


STORY_BLOCK = re.compile(r"```yaml\n(# tests/[\w-]+\.yaml\nstories:\n.*?)```", re.DOTALL)
SHOWN = [
    (page.name, found[1])
    for page in sorted(ROOT.glob("docs/**/*.md"))
    for found in STORY_BLOCK.finditer(page.read_text("utf-8"))
]


def configuration_of(bridge: Bridge, page: str, text: str) -> Path:
    """Return the shipped configuration, with the rule and the template of the page if it has them."""
    shipped = ROOT / "config.yaml"
    whole = next(ROOT.glob(f"docs/**/{page}")).read_text("utf-8")
    rules = "".join(re.findall(r"```yaml\n# part of config.yaml, below rules:\n(.*?)```", whole, re.DOTALL))
    if not any(f"name: {name}" in rules for name in re.findall(r"rule: (\S+)", text)):
        return shipped
    shutil.copytree(ROOT / "templates", bridge.folder / "templates")
    for name, said in zip(
        re.findall(r"template: (\S+)", rules),
        re.findall(r"```markdown\n(.*?)```", whole, re.DOTALL),
        strict=True,
    ):
        bridge.write(f"templates/{name}.md", said)
    return bridge.write("config.yaml", f"{shipped.read_text('utf-8')}\n{rules}")


@pytest.mark.parametrize(("page", "text"), SHOWN)
def test_stories_in_the_documentation_hold(bridge: Bridge, page: str, text: str) -> None:
    """What is shown can be copied beside the shipped configuration, with the page's own rule in it."""
    bridge.write("one.yaml", text)
    said = bridge("test", "one.yaml", "-c", str(configuration_of(bridge, page, text)))
    assert said.code == ExitCode.OK, f"{page}: {said.out}{said.err}"


def test_the_schema_is_for_editors(bridge: Bridge) -> None:
    """The shipped schema is this version's; it names the samples."""
    printed = bridge("schema", "--stories").out
    assert json.loads(printed) == stories_schema()
    assert stories_schema()["$schema"] == DIALECT
    assert is_as_expected(ROOT / "stories.schema.json", printed)
