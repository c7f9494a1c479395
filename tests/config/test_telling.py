"""Who is told of trouble is read from a broken file, or from the last good one where that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.channels.base import Endpoints
from bridge.config.load import load
from bridge.config.loaded import Broken, Loaded
from bridge.config.telling import UNNAMED, UNSOUND, telling

MAIL, CHAT = "email:learners", "slack:wins"
BOTH = (MAIL, f"{CHAT} (else of {MAIL})")
ENV = {
    "SECRET": "a-secret-for-tests",
    "SMTP": "smtp://learners:open-sesame-please@mail.school.example:587",
    "HOOK": "https://hooks.slack.example/services/T0/B0/hook",
    "CRM": "whsec_" + "c" * 32,
}
GOOD = """\
timezone: America/Sao_Paulo
locale: es
admin_url: https://admin.school.example
owner: { email: learners, to: suporte@escola.example, else: { slack: wins } }
sources:
  eduzz: { type: eduzz, secrets: ["${SECRET}"] }
channels:
  learners:
    type: email
    smtp: ${SMTP}
    from: "Escola <ola@escola.example>"
  wins: { type: slack, webhook_url: "${HOOK}" }
  crm: { type: webhook, url: https://crm.school.example/, signing_secret: "${CRM}" }
rules:
  - name: all
    on: module.completed
    send:
      - webhook: crm
        json: { event: "{{ id }}" }
"""
OWNER_LINE = "owner: { email: learners, to: suporte@escola.example, else: { slack: wins } }\n"
SANDBOX = Endpoints(
    smtp_url="smtp://127.0.0.1:2525", slack_api_url="http://127.0.0.1:1/", webhook_url="http://127.0.0.1:2"
)


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, "utf-8")
    return path


def told(
    folder: Path, text: str, *, without: str = "", good: str | None = GOOD, sandbox: Endpoints | None = None
) -> Loaded | str:
    """Return who is told with a text in the file, where receiving began with `GOOD`."""
    first = load(written(folder, GOOD), ENV)
    assert isinstance(first, Loaded)
    env = {name: value for name, value in ENV.items() if name != without}
    path = written(folder, text)
    return telling(path, env, first.config, None if good is None else good.encode(), sandbox)


def ways(found: Loaded | str) -> tuple[str, ...] | str:
    if isinstance(found, str):
        return found
    assert found.owner is not None
    return (found.owner.name, *(each.name for each in found.owner.otherwise))


def changed(*changes: tuple[str, str]) -> str:
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


KEY = ("on: module", "onn: module")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(changed(KEY), id="unknown key in a rule"),
        pytest.param(changed(("rules:", "rules: [}")), id="no YAML in rules"),
        pytest.param(changed(("rules:", "include: nowhere.yaml\nrules:")), id="no such file"),
        pytest.param(changed(("type: eduzz", "type: eduz")), id="unknown source"),
        pytest.param(changed(("https://crm.school.example/", "nonsense")), id="another channel"),
        pytest.param(changed(("America/Sao_Paulo", "Sao_Paulo")), id="no such zone, so the one of receiving"),
        pytest.param(GOOD + OWNER_LINE.replace("learners", "nobody"), id="twice, so the first counts"),
        pytest.param(GOOD + "rulez: []\n", id="unknown key at the top"),
        pytest.param(GOOD, id="good"),
    ],
)
def test_the_owner_of_a_file_that_is_broken_elsewhere_is_told(tmp_path: Path, text: str) -> None:
    """By every way, in the language and the zone that receiving began with; without a last good one, too."""
    found = told(tmp_path, text, good=None)
    assert ways(found) == BOTH
    assert isinstance(found, Loaded)
    assert set(found.config.channels) == {"learners", "wins"}
    assert (found.config.locale, found.config.timezone.key) == ("es", "America/Sao_Paulo")
    assert found.owner is not None
    assert found.owner.settings["admin_url"] == "https://admin.school.example"
    assert found.rules == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(changed(("to: suporte", "too: suporte")), (CHAT,), id="a way alone"),
        pytest.param(changed(("smtp: ${SMTP}", "smtpp: ${SMTP}")), (CHAT,), id="its channel"),
        pytest.param(changed(("webhook_url", "webhook_urll")), (MAIL,), id="its else"),
        pytest.param(
            changed(("    smtp: ${SMTP}", "    smtp: ${SMTP}\n    smtp: ${SMTP}")), (CHAT,), id="a key twice"
        ),
        pytest.param(
            changed(("${SMTP}", "smtp://me:typed-password@mail.school.example")), (CHAT,), id="typed"
        ),
        pytest.param(changed(("to: suporte", "template: nowhere, to: suporte")), (CHAT,), id="no template"),
        pytest.param(changed(("channels:", "chanels:")), UNSOUND, id="no channels"),
        pytest.param(changed(("  crm: {", " crm: {")), UNSOUND, id="no YAML in channels"),
        pytest.param(
            changed(("  crm: {", "  crm: { type: slack }\n  crm: {")), UNSOUND, id="a channel twice"
        ),
        pytest.param("", UNSOUND, id="empty"),
        pytest.param("\x00", UNSOUND, id="not even text"),
        pytest.param("- a\n", UNSOUND, id="a list"),
        pytest.param(changed((OWNER_LINE, ""), KEY), UNNAMED, id="no owner"),
        pytest.param(changed(("owner: {", "owner:\nelsewhere: {")), UNNAMED, id="an owner that is nobody"),
    ],
)
def test_without_a_last_good_one_it_is_what_is_sound(
    tmp_path: Path, text: str, expected: tuple[str, ...] | str
) -> None:
    assert ways(told(tmp_path, text, good=None)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(changed(("channels:", "chanels:")), BOTH, id="no channels"),
        pytest.param(changed(("  crm: {", " crm: {")), BOTH, id="no YAML in channels"),
        pytest.param("", BOTH, id="empty"),
        pytest.param(GOOD[: GOOD.index("owner")], BOTH, id="cut off before it"),
        pytest.param(changed((OWNER_LINE, "owner: { slack: wins }\n"), KEY), (CHAT,), id="another owner"),
        pytest.param(changed((OWNER_LINE, ""), KEY), UNNAMED, id="no owner any more"),
    ],
)
def test_the_last_good_one_says_what_the_file_does_not(
    tmp_path: Path, text: str, expected: tuple[str, ...] | str
) -> None:
    """But a file that can be read, and names no owner, has none."""
    assert ways(told(tmp_path, text)) == expected


def test_a_file_that_is_gone_has_the_last_good_one(tmp_path: Path) -> None:
    first = load(written(tmp_path, GOOD), ENV)
    assert isinstance(first, Loaded)
    found = telling(tmp_path / "gone.yaml", ENV, first.config, GOOD.encode())
    assert ways(found) == BOTH


@pytest.mark.parametrize(
    ("missing", "expected"), [("CRM", BOTH), ("SECRET", BOTH), ("SMTP", (CHAT,)), ("HOOK", (MAIL,))]
)
def test_variables_that_are_not_set_matter_where_they_are_used(
    tmp_path: Path, missing: str, expected: tuple[str, ...]
) -> None:
    """The last good one has the same, since it keeps no secrets."""
    assert isinstance(load(written(tmp_path, GOOD), ENV | {missing: ""}), Broken)
    assert ways(told(tmp_path, GOOD, without=missing)) == expected


def test_a_line_of_the_env_file_matters_where_it_is_used(tmp_path: Path) -> None:
    """Here it is what the mail server's address should be."""
    first = load(written(tmp_path, GOOD), ENV)
    assert isinstance(first, Loaded)
    (tmp_path / ".env").write_text("this is no line\nSMTP = 'open\n", "utf-8")
    assert ways(telling(tmp_path / "config.yaml", ENV, first.config)) == BOTH
    env = {name: value for name, value in ENV.items() if name != "SMTP"}
    assert ways(telling(tmp_path / "config.yaml", env, first.config)) == (CHAT,)


def test_in_the_sandbox_it_is_told_there(tmp_path: Path) -> None:
    """Without any secret."""
    found = told(tmp_path, changed(KEY), without="SMTP", sandbox=SANDBOX)
    assert ways(found) == BOTH
    assert isinstance(found, Loaded)
    assert "2525" in found.config.channels["learners"].smtp.get_secret_value()  # type: ignore[attr-defined]
