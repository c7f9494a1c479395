"""From files to a configuration that may run: what is taken, what is refused, and that nothing leaks."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.channels.base import Endpoints
from bridge.config.load import Broken, Loaded, load
from bridge.config.yaml_nodes import resolve, to_data
from bridge.config.yaml_source import parse
from bridge.core.events import Facts
from bridge.core.rules import is_plain

ROOT = Path(__file__).parents[2]
ENDPOINTS = Endpoints(
    smtp_url="smtp://127.0.0.1:1025",
    slack_api_url="http://127.0.0.1:1026/api/",
    webhook_url="http://127.0.0.1:1027",
)
ENV = {
    "EDUZZ_SECRET": "edz_0123456789",
    "SMTP_URL": "smtp://bridge:geheim@mail.escola.test:587",
    "SLACK_BOT_TOKEN": "xoxb-0123456789",
    "CRM_URL": "https://crm.escola.test/hooks",
    "CRM_SECRET": "0123456789abcdef0123456789abcdef",
}
HEAD = """
sources:
  eduzz: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] }
channels:
  wins: { type: slack, token: "${SLACK_BOT_TOKEN}", channel: "#conquistas" }
"""
RULE = """
rules:
  - name: a
    on: module.completed
    send:
      - slack: wins
        text: Oi
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes config.yaml, and other files by name, into one folder."""

    def write_files(config: str | bytes, **others: str) -> Path:
        for name, text in {"config.yaml": config, **others}.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path / "config.yaml"

    return write_files


def good(path: Path, env: Mapping[str, str] = ENV, **options: Any) -> Loaded:
    found = load(path, env, **options)
    assert isinstance(found, Loaded), [str(problem) for problem in found.problems]
    return found


def problems(path: Path, env: Mapping[str, str] = ENV) -> list[str]:
    found = load(path, env)
    told = found.problems if isinstance(found, Broken) else found.warnings
    return [str(problem).replace(f"{path.parent}/", "") for problem in told]


def rendered(loaded: Loaded, facts: Facts) -> Any:
    return loaded.rules[0].actions[0].content.render(facts)


def test_the_shipped_configuration_loads_without_a_warning() -> None:
    """With its variables set, it is ready to run."""
    loaded = good(ROOT / "config.yaml")
    assert loaded.warnings == ()
    assert [rule.name for rule in loaded.rules][:2] == ["parabens-modulo", "parabens-curso"]


def test_the_sandbox_needs_no_variable() -> None:
    """With nothing set, every channel points at the stand-ins, and secrets are the same each time."""
    first, second = (good(ROOT / "config.yaml", {}, sandbox=ENDPOINTS) for _ in range(2))
    assert first.warnings == ()
    assert first.config == second.config
    options = first.config.channels
    assert vars(options["learners"])["smtp"].get_secret_value() == ENDPOINTS.smtp_url
    assert vars(options["wins"])["api_url"] == ENDPOINTS.slack_api_url
    assert vars(options["crm"])["url"].get_secret_value() == f"{ENDPOINTS.webhook_url}/crm"


def test_the_sandbox_does_without_whatever_is_not_set(write: Write) -> None:
    """Settings whose variable is missing have their defaults; what must be there is something harmless."""
    path = write(
        """
timezone: ${TZ_NAME}
store: ${DATABASE_URL}
public_url: ${PUBLIC_URL}
deliver_tests: ${TESTS}
listen: { public: "0.0.0.0:${PORT}", admin: "127.0.0.1:8081" }
admin_password: ${ADMIN_PASSWORD}
sources:
  eduzz: { type: eduzz, secrets: ["${file:/run/secrets/eduzz}"] }
channels:
  learners: { type: email, smtp: "${SMTP_URL}", from: "${FROM}", timeout: "${TIME}", reply_to: "${RE}" }
  wins: { type: slack, webhook_url: "${SLACK_URL}" }
  crm:
    type: webhook
    url: ${CRM_URL}
    signing_secret: ${CRM_SECRET}
    headers: { Authorization: "${A}" }
rules:
  - name: a
    on: module.completed
    send:
      - { email: learners, to: "${TO}", subject: Oi, text: Oi }
      - { slack: wins, text: "${TEXT}" }
      - { webhook: crm }
"""
    )
    config = good(path, {}, sandbox=ENDPOINTS).config
    assert str(config.timezone) == "America/Sao_Paulo"
    assert config.store.get_secret_value() == "sqlite:///bridge.db"
    assert (config.public_url, config.deliver_tests, config.admin_password) == (None, False, None)
    assert vars(config.channels["learners"])["timeout"] == timedelta(seconds=30)
    assert len(vars(config.channels["crm"])["signing_secret"]) == 1


def test_the_example_of_env_names_what_the_shipped_configuration_asks_for() -> None:
    """Whoever fills in .env.example has everything."""
    asked = set(_names(r"\$\{([A-Z_]+)", (ROOT / "config.yaml").read_text("utf-8")))
    offered = set(_names(r"(?m)^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text("utf-8")))
    assert asked - {"NAME"} == offered


def _names(pattern: str, text: str) -> list[str]:
    return re.findall(pattern, text)


def test_text_stays_as_it_was_typed(write: Write) -> None:
    """Where text is expected, YAML's numbers and booleans are the characters of the file."""
    for typed in ("1.10", "010", "no", "true", "12:30:00", "2026-01-31", "0x1F", "1e3"):
        path = write(HEAD + RULE.replace("text: Oi", f"text: {typed}"))
        assert rendered(good(path), {}) == {"text": typed}


def test_numbers_stay_numbers_where_anything_may_stand(write: Write) -> None:
    """In the structure of a webhook, a number is a number."""
    path = write(
        HEAD.replace("channels:", "channels:\n  crm: { type: webhook, url: 'https://crm.escola.test' }")
        + "rules: [{ name: a, on: module.completed, send: [{ webhook: crm, json: {a: 1.10, b: true, c: no} },"
        " { slack: wins, text: Oi }] }]"
    )
    assert rendered(good(path), {}) == {"json": {"a": 1.1, "b": True, "c": "no"}}


@pytest.mark.parametrize(
    ("when", "found", "holds"),
    [
        ("data.x: 010", "010", True),
        ("data.x: 010", "10", False),
        ("data.x: 010", 10, True),
        ("data.x: [3251, 010]", "010", True),
        ("data.x: { prefix: 1.10 }", "1.10.2", True),
        ("data.x: { prefix: 1.10 }", "1.1.2", False),
        ("data.x: { gte: 010 }", 10, True),
        ("data.x: no", "no", True),
        ("data.x: true", True, True),
        ("data.x: 3253", "3253", True),
    ],
)
def test_conditions_see_numbers_as_they_were_typed(
    write: Write, when: str, found: object, holds: bool
) -> None:
    """An id with a leading zero is not another id; what is a number still compares as one."""
    path = write(HEAD + RULE.replace("on: module", f"when: {{ {when} }}\n    on: module"))
    assert good(path).rules[0].when.matches({"data": {"x": found}}) is holds


def test_a_variable_may_hold_a_number_or_a_boolean(write: Write) -> None:
    """Without quotes a reference has the type of what it stands for; as text it is the variable's value."""
    path = write(
        "deliver_tests: ${TESTS}\nlisten: { admin: '127.0.0.1:${PORT}' }\n"
        + HEAD
        + RULE.replace("text: Oi", "text: ${TEXT}")
    )
    loaded = good(path, {**ENV, "TESTS": "true", "PORT": "9000", "TEXT": "010"})
    assert loaded.config.deliver_tests is True
    assert str(loaded.config.listen.admin) == "127.0.0.1:9000"
    assert rendered(loaded, {}) == {"text": "010"}


def test_a_password_may_be_called_null(write: Write) -> None:
    """What came from outside is text where text is expected, whatever YAML would make of it."""
    path = write("admin_password: ${PW}\n" + HEAD + RULE)
    for password in ("null", "~", "true", "1.10"):
        found = good(path, {**ENV, "PW": password}).config.admin_password
        assert found is not None
        assert found.get_secret_value() == password


def test_dotenv_beside_the_file_is_read_and_the_environment_wins(write: Write) -> None:
    """And a broken line in it is a problem with its place."""
    path = write(HEAD + RULE.replace("text: Oi", "text: ${A} ${B}"), **{".env": "A=dotenv\nB=dotenv\n"})
    assert rendered(good(path, {**ENV, "B": "real"}), {}) == {"text": "dotenv real"}
    write(HEAD + RULE, **{".env": "A=1\nbroken\n"})
    assert problems(path) == [".env:2: expected NAME=value, with letters, digits and _ in the name"]


def test_a_variable_without_a_value_is_told_at_its_line_in_dotenv(write: Write) -> None:
    """Once, however often it is used; the environment's own is told where it is asked for."""
    env = {name: value for name, value in ENV.items() if name != "EDUZZ_SECRET"}
    config = HEAD.replace('["${EDUZZ_SECRET}"]', '["${EDUZZ_SECRET}", "${EDUZZ_SECRET}"]') + RULE
    path = write(config, **{".env": "# keys\nEDUZZ_SECRET=\n"})
    assert problems(path, env) == [".env:2: EDUZZ_SECRET has no value; write it after 'EDUZZ_SECRET='"]
    assert problems(path, {**env, "EDUZZ_SECRET": ""})[0] == (
        "config.yaml:3:35: sources.eduzz.secrets[0]: "
        "the variable EDUZZ_SECRET is set but empty; give it a value"
    )


def test_a_line_of_dotenv_that_is_broken_is_told_once(write: Write) -> None:
    """Not again for the variable that it should have set."""
    env = {name: value for name, value in ENV.items() if name != "EDUZZ_SECRET"}
    path = write(HEAD + RULE, **{".env": "EDUZZ_SECRET='geheim\n"})
    assert problems(path, env) == [".env:1: the quote after EDUZZ_SECRET= is not closed on this line"]


def test_a_name_that_stands_twice_in_dotenv_is_a_warning(write: Write) -> None:
    """It says which line counts."""
    path = write(HEAD + RULE, **{".env": "A=1\nB=2\nA=3\n"})
    assert problems(path) == [".env:3: warning: A is set in line 1 too; this line counts, delete one of them"]


def test_an_example_host_is_a_warning_outside_the_sandbox_only(write: Write) -> None:
    """Whoever copied .env.example hears of it before the first message fails."""
    path = write(
        HEAD.replace("channels:", "channels:\n  crm: { type: webhook, url: '${CRM_URL}' }")
        + RULE
        + "      - webhook: crm\n"
    )
    env = {**ENV, "CRM_URL": "https://crm.example/hooks"}
    assert problems(path, env) == [
        (
            "config.yaml:5:25: warning: channels.crm.url: crm.example is a placeholder; "
            "set CRM_URL to the address of a server of yours"
        )
    ]
    assert good(path, env, sandbox=ENDPOINTS).warnings == ()


FIELDS = """
timezone: "${S}"
locale: "${S}"
public_url: "${S}"
store: "${S}"
listen: { public: "${S}", admin: "x${S}", trusted_proxies: ["${S}"] }
include: ["${S}", "${S}*.yaml"]
deliver_tests: "${S}"
sources:
  eduzz: { type: "${S}", secrets: ["${S}"] }
  loja: { type: eduzz, secrets: ["${S}"], insecure: "${S}" }
channels:
  mail: { type: email, smtp: "${S}", from: "${S}", timeout: "${S}", tls: "${S}", concurrency: "${S}" }
  team: { type: slack, token: "${S}", channel: "${S}", api_url: "${S}", allow_private: ["${S}"] }
  crm: { type: webhook, url: "${S}", method: "${S}", signing_secret: "${S}", headers: { X: "${S}" } }
rules:
  - name: "${S}"
    on: ["${S}", "${S}.completed"]
    when: { learner.email: { regex: "${S}" }, data.x: { gte: "${S}" } }
    if: "{{ ${S} }}"
    once_per: ["${S}", "learner.${S}"]
    send:
      - { email: "${S}", to: "${S}", template: "${S}", expires: "${S}" }
      - { slack: team, text: "{{ learner.name | ${S} }} {{ learner.${S} }}" }
      - { webhook: crm, json: { a: "{{ ${S} }}" } }
"""


@given(st.text("QXZ7", min_size=1, max_size=70))
@settings(max_examples=60, deadline=None)
def test_no_value_from_outside_is_told_in_any_field(folder: Path, secret: str) -> None:
    """However short or long: what is quoted of it is `***`."""
    (folder / "config.yaml").write_text(FIELDS, "utf-8")
    found = load(folder / "config.yaml", {"S": secret})
    assert isinstance(found, Broken)
    alone = re.compile(rf"(?<![\w/-]){re.escape(secret[:40])}(?!\w)") if len(secret) < 3 else secret[:40]
    for problem in found.problems:
        assert not re.search(alone, problem.sentence), str(problem)


def test_secrets_are_in_nothing_that_is_printed(write: Write) -> None:
    """Neither in the configuration's text nor in any problem, whatever a message would quote."""
    secret = "tres-geheim-0815"
    config = (
        HEAD
        + RULE
        + "timezone: ${S}\nlocale: ${S}\npublic_url: ${S}\nstore: ${S}\nlisten: { public: '${S}' }\n"
    )
    config += "include: ${S}\ndeliver_tests: ${S}\n"
    for problem in problems(write(config), {**ENV, "S": secret}):
        assert secret not in problem
    assert secret not in str(load(write(f"xoxb-{secret}"), ENV))
    assert "geheim" not in repr(good(ROOT / "config.yaml"))
    assert good(ROOT / "config.yaml").redact("login as geheim failed") == "login as *** failed"


def test_rules_are_compiled_with_their_actions(write: Write) -> None:
    """Names tell actions apart, and `once_per` is inherited unless an action has its own."""
    path = write(
        HEAD
        + """
rules:
  - name: parabens
    on: [module.completed, course.*]
    if: "{{ occurred_at.hour < 23 }}"
    once_per: [learner.email]
    send:
      - { slack: wins, text: one, expires: 48h }
      - { slack: wins, name: teste, text: two, once_per: [], if: "{{ test }}" }
      - { slack: wins, name: turma, text: three, once_per: [course.id, module.id] }
"""
    )
    (rule,) = good(path).rules
    assert rule.on == ("module.completed", "course.*")
    assert rule.condition is not None
    assert [action.name for action in rule.actions] == ["slack:wins", "slack:wins#teste", "slack:wins#turma"]
    assert [action.once_per for action in rule.actions] == [
        ("learner.email",),
        (),
        ("course.id", "module.id"),
    ]
    assert [action.expires for action in rule.actions] == [timedelta(hours=48), None, None]
    assert [action.condition is None for action in rule.actions] == [True, False, True]
    assert {action.channel for action in rule.actions} == {"wins"}


def test_an_action_with_a_certificate_takes_long(write: Write) -> None:
    """Its messages are made where nobody waits for them, also those of an `else:`."""
    head = HEAD + '  mail: { type: email, smtp: "${SMTP_URL}", from: a@escola.test }\n'
    mail = "email: mail, to: a@escola.test, subject: Oi, text: Oi"
    rules = (
        "rules:\n  - name: a\n    on: course.completed\n    send:\n"
        f"      - {{ {mail}, certificate: certificado }}\n"
        f"      - {{ {mail}, name: plain, else: [{{ {mail}, certificate: certificado }}] }}\n"
    )
    path = write(head + rules)
    (path.parent / "templates").mkdir()
    (path.parent / "templates/certificado.md").write_text("# Certificado\n")
    with_it, plain = good(path).rules[0].actions
    assert [with_it.laborious, plain.laborious] == [True, False]
    assert [each.laborious for each in plain.otherwise] == [True]
    assert is_plain(good(path).rules[0], with_it) is False


def test_included_files_add_their_rules(write: Write) -> None:
    """In the order of their names, after the rules of the file that includes them."""
    rule = "rules: [{{ name: {0}, on: module.completed, send: [{{ slack: wins, text: {0} }}] }}]\n"
    path = write(
        "include: rules/*.yaml\n" + HEAD + RULE, **{f"rules/{n}.yaml": rule.format(n) for n in ("c", "b")}
    )
    assert [rule.name for rule in good(path).rules] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("config", "warning"),
    [
        (HEAD, "config.yaml:2:1: warning: there are no rules, so events are stored and nothing is sent"),
        (
            HEAD.replace("wins:", "team: { type: slack, token: '${SLACK_BOT_TOKEN}', channel: C1 }\n  wins:")
            + RULE,
            "config.yaml:5:3: warning: channels.team: no rule sends to this channel",
        ),
        (
            HEAD + RULE.replace("module.completed", "nutror.quiz_completed"),
            "config.yaml:9:5: warning: rules[0].on: no event is known by the name 'nutror.quiz_completed'",
        ),
        (
            HEAD.replace("sources:", "sources:\n  own: { type: generic, insecure: true }")
            + RULE.replace("module.completed", "module.complete"),
            "config.yaml:10:5: warning: rules[0].on: no platform has an event 'module.complete', did you",
        ),
    ],
)
def test_what_is_only_odd_is_a_warning(write: Write, config: str, warning: str) -> None:
    """The bridge starts all the same."""
    path = write(config)
    assert isinstance(load(path, ENV), Loaded)
    assert len(problems(path)) == 1
    assert problems(path)[0].startswith(warning)


def test_names_of_another_senders_events_are_its_own_affair(write: Write) -> None:
    """With a generic source, a name that nobody knows needs no warning."""
    config = HEAD.replace("sources:", "sources:\n  own: { type: generic, insecure: true }")
    assert good(write(config + RULE.replace("module.completed", "[lead.created, shop.*]"))).warnings == ()


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    """So is a folder in its place."""
    assert problems(tmp_path / "config.yaml") == [
        "config.yaml: the file cannot be read: no such file or directory"
    ]
    (tmp_path / "config.yaml").mkdir()
    assert problems(tmp_path / "config.yaml") == ["config.yaml: the file cannot be read: is a directory"]


def test_an_alias_may_be_text_in_one_place_and_a_number_in_another(write: Write) -> None:
    """What is typed once and repeated fits wherever it is repeated."""
    path = write(
        HEAD.replace("channel: ", "concurrency: &n 10, channel: ") + RULE.replace("text: Oi", "text: *n")
    )
    loaded = good(path)
    assert vars(loaded.config.channels["wins"])["concurrency"] == 10
    assert rendered(loaded, {}) == {"text": "10"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the shipped templates, in which a test may write any configuration."""
    path = tmp_path_factory.mktemp("any")
    shutil.copytree(ROOT / "templates", path / "templates")
    return path


@given(st.binary(max_size=300), st.binary(max_size=60))
@settings(deadline=None)
def test_no_bytes_make_it_raise(folder: Path, config: bytes, dotenv: bytes) -> None:
    """As configuration and as .env: there is an answer, and it can be printed."""
    (folder / "config.yaml").write_bytes(config)
    (folder / ".env").write_bytes(dotenv)
    try:
        found = load(folder / "config.yaml", ENV)
    finally:
        (folder / ".env").unlink()
    assert isinstance(found, Broken)
    assert all(str(problem) for problem in found.problems)


KEYS = [
    "type",
    "name",
    "on",
    "when",
    "if",
    "any",
    "not",
    "prefix",
    "email",
    "slack",
    "to",
    "text",
    "json",
    "x",
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text("a.{}[]$%x0 \n", max_size=12)
VALUES = st.recursive(
    SCALARS | st.sampled_from(["${X}", "a ${X}"]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(KEYS), below, max_size=3),
    max_leaves=6,
)


def _shipped() -> Any:
    file, _ = parse((ROOT / "config.yaml").read_bytes(), "config.yaml")
    assert file is not None
    return to_data(file.root, lambda node: resolve(node.text) if node.plain else node.text)


def _places(value: object) -> list[tuple[Any, Any]]:
    """Return every list or mapping inside a value with each of its indexes or keys."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    return [(value, key) for key in keys] + [place for key in keys for place in _places(value[key])]


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_no_value_in_any_place_makes_it_raise(folder: Path, data: st.DataObject) -> None:
    """The shipped configuration with one or two values replaced by anything is taken, or refused in words."""
    config = _shipped()
    for _ in range(data.draw(st.integers(1, 2))):
        holder, key = data.draw(st.sampled_from(_places(config)))
        holder[key] = data.draw(VALUES)
    (folder / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
    found = load(folder / "config.yaml", {}, sandbox=ENDPOINTS)
    if isinstance(found, Broken):
        assert any(not problem.warning for problem in found.problems)
        assert all(str(problem).count("\n") == 0 for problem in found.problems)
