"""What receiving needs is read from a broken file, and from the last good one where that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.config.receiving import Receiving, receiving

ENV = {"SECRET": "a-secret-for-tests", "PASSWORD": "open-sesame-please"}
GOOD = """\
store: sqlite:///good.db
listen: { public: "127.0.0.1:8000", admin: "127.0.0.1:8001" }
sources:
  eduzz: { type: eduzz, secrets: ["${SECRET}"] }
rules: []
"""


def read(tmp_path: Path, text: str, env: dict[str, str] | None = None, good: str = GOOD) -> Receiving | None:
    path = tmp_path / "config.yaml"
    path.write_text(text, "utf-8")
    return receiving(path, ENV if env is None else env, good.encode())


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param(GOOD, (), id="good"),
        pytest.param(GOOD.replace("rules: []", "rules: [{"), (), id="no YAML in rules"),
        pytest.param(GOOD.replace("rules: []", "rulez: []"), (), id="unknown key"),
        pytest.param(GOOD.replace("sqlite:///good.db", "sqlit:///good.db"), ("store",), id="wrong value"),
        pytest.param(GOOD.replace('"127.0.0.1:8000"', '"127.0.0.1:8000'), ("listen",), id="open quote"),
        pytest.param(GOOD.replace("${SECRET}", "${SECRIT}"), ("sources.eduzz",), id="variable not set"),
        pytest.param(GOOD.replace("type: eduzz", "type: eduz"), ("sources.eduzz",), id="unknown type"),
        pytest.param(GOOD + "store: sqlite:///other.db\n", (), id="twice, so the first counts"),
        pytest.param("", ("sources.eduzz", "store", "listen"), id="empty"),
        pytest.param("\x00", ("sources.eduzz", "store", "listen"), id="not even text"),
        pytest.param("- a\n- b\n", ("sources.eduzz", "store", "listen"), id="a list"),
        pytest.param("sources: nobody\n", ("sources.eduzz", "store", "listen"), id="no sources"),
        pytest.param(GOOD[:30], ("sources.eduzz", "listen"), id="cut off"),
    ],
)
def test_what_is_good_is_taken_from_the_file(tmp_path: Path, text: str, kept: tuple[str, ...]) -> None:
    """And only what is not from the last good one."""
    found = read(tmp_path, text)
    assert found is not None
    assert set(found.kept) == set(kept)
    assert found.config.sources.keys() == {"eduzz"}
    assert found.config.store.get_secret_value() == "sqlite:///good.db"
    assert found.config.listen.public.port == 8000


def test_a_setting_that_is_left_out_is_left_out(tmp_path: Path) -> None:
    """The last good one does not speak where the file can be read and is silent."""
    text = GOOD.replace('listen: { public: "127.0.0.1:8000", admin: "127.0.0.1:8001" }\n', "")
    found = read(tmp_path, text)
    assert found is not None
    assert found.config.listen.public.port == 8080
    assert found.kept == ()


def test_a_new_secret_counts_although_the_rest_is_broken(tmp_path: Path) -> None:
    env = {**ENV, "NEW": "another-secret-now"}
    found = read(tmp_path, GOOD.replace("${SECRET}", "${NEW}").replace("rules: []", "rules: [{"), env)
    assert found is not None
    assert "another-secret-now" in [
        each.get_secret_value()
        for each in getattr(found.config.sources["eduzz"], "secrets")  # noqa: B009
    ]


@pytest.mark.parametrize("end", ["  oth", "  other: { type: eduzz, sec", '  other: { type: "eduzz'])
def test_a_source_that_was_cut_off_receives(tmp_path: Path, end: str) -> None:
    """A file that ends in the middle says nothing about what stood below; one that is whole does."""
    good = GOOD.replace("rules: []", "") + '  other: { type: eduzz, secrets: ["${SECRET}"] }\n'
    found = read(tmp_path, GOOD.replace("rules: []\n", end), good=good)
    assert found is not None
    assert found.config.sources.keys() == {"eduzz", "other"}
    assert "sources.other" in found.kept
    found = read(tmp_path, GOOD.replace("rules: []", "rulez: []"), good=good)
    assert found is not None
    assert found.config.sources.keys() == {"eduzz"}


def test_one_source_does_not_stop_another(tmp_path: Path) -> None:
    """What nobody can say anything about is named, and the others receive."""
    text = GOOD.replace("rules: []", "") + '  other: { type: eduzz, secrets: ["${NOT_SET}"] }\n'
    found = read(tmp_path, text)
    assert found is not None
    assert found.config.sources.keys() == {"eduzz"}
    assert found.lost == ("other",)


def test_without_any_secret_nothing_can_be_received(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD.replace("rules: []", "rules: [{"), env={}) is None


def test_the_admin_pages_never_open_without_their_password(tmp_path: Path) -> None:
    """A password that is not there any more is no reason to do without."""
    good = GOOD.replace("127.0.0.1:8001", "0.0.0.0:8001") + "admin_password: ${PASSWORD}\n"
    found = read(tmp_path, good.replace("admin_password", "admin_pasword"), good=good)
    assert found is None
    found = read(tmp_path, good.replace("${PASSWORD}", "${PASSWERD}"), good=good)
    assert found is not None
    assert found.config.admin_password is not None


def test_the_env_file_counts(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SECRET=from-the-env-file\n", "utf-8")
    found = read(tmp_path, GOOD.replace("rules: []", "rules: [{"), env={})
    assert found is not None
