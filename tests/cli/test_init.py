"""`bridge init`: a folder that works at once, and nothing of a person's ever overwritten by accident."""

from __future__ import annotations

import json
import stat

import pytest

from bridge.cli.exits import ExitCode
from bridge.cli.shipped import shipped, shipped_files
from bridge.config.schema import json_schema
from tests.cli.conftest import Bridge


def test_a_new_folder_passes_every_check(bridge: Bridge) -> None:
    """What init writes is a configuration the bridge takes, with every template it names."""
    said = bridge("init", "escola")
    assert (said.code, said.err) == (ExitCode.OK, "")
    assert "cd escola" in said.out
    assert "bridge run --sandbox" in said.out
    assert "bridge send nutror.module_completed --sandbox " in said.out
    checked = bridge("check", "--sandbox", "-c", "escola/config.yaml")
    assert (checked.code, checked.err) == (ExitCode.OK, "")


def test_every_shipped_file_is_written(bridge: Bridge) -> None:
    bridge("init", "a/b")
    written = {
        str(path.relative_to(bridge.folder / "a/b")): path
        for path in (bridge.folder / "a/b").rglob("*")
        if path.is_file()
    }
    expected = {str(name): content for name, content in shipped_files().items()}
    assert set(written) == {*expected, ".env", ".gitignore", "config.schema.json", "stories.schema.json"}
    assert all(written[name].read_bytes() == content for name, content in expected.items())


def test_secrets_are_for_the_owner_alone(bridge: Bridge) -> None:
    """The .env has room for every secret, holds none, only its owner can read it, and git does not see it."""
    assert bridge("init").code == ExitCode.OK
    path = bridge.folder / ".env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = path.read_text("utf-8").splitlines()
    assert {"EDUZZ_SECRET=", "SLACK_BOT_TOKEN=", "CRM_SECRET="} <= set(lines)
    assert (bridge.folder / ".gitignore").read_text("utf-8").splitlines() == [".env", "*.db*"]


@pytest.mark.parametrize("options", [(), ("--force",)])
def test_secrets_that_are_there_are_never_overwritten(bridge: Bridge, options: tuple[str, ...]) -> None:
    """An .env and a .gitignore stay to the byte, and the person is told."""
    bridge.write(".env", "EDUZZ_SECRET=real\n")
    bridge.write(".gitignore", "mine\n")
    said = bridge("init", *options)
    assert (said.code, said.err) == (ExitCode.OK, "")
    assert "`.env` was left as it is\n`.gitignore` was left as it is\n" in said.out
    assert (bridge.folder / ".env").read_text("utf-8") == "EDUZZ_SECRET=real\n"
    assert (bridge.folder / ".gitignore").read_text("utf-8") == "mine\n"


def test_what_force_replaces_is_listed(bridge: Bridge) -> None:
    """Only files that were another text are named."""
    assert "replaced" not in bridge("init").out
    bridge.write("config.yaml", "mine")
    said = bridge("init", "--force")
    assert said.out.startswith("replaced: config.yaml\n`.env` was left as it is\n")
    assert (bridge.folder / "config.yaml").read_bytes() == (shipped() / "config.yaml").read_bytes()


def test_editors_find_the_schema(bridge: Bridge) -> None:
    """The first line of config.yaml names a file that is there, and is this version's."""
    bridge("init")
    first = (bridge.folder / "config.yaml").read_text("utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=./config.schema.json"
    assert json.loads((bridge.folder / "config.schema.json").read_text("utf-8")) == json_schema()


def test_nothing_is_overwritten_without_force(bridge: Bridge) -> None:
    """One file that is there is enough to write none."""
    bridge.write("templates/parabens-modulo.md", "mine")
    said = bridge("init")
    assert said.code == ExitCode.PROBLEMS
    assert "this folder already has templates/parabens-modulo.md" in said.err
    assert "--force" in said.err
    assert [path.name for path in bridge.folder.iterdir()] == ["templates"]
    assert (bridge.folder / "templates/parabens-modulo.md").read_text("utf-8") == "mine"


def test_a_place_that_cannot_be_written_is_explained(bridge: Bridge) -> None:
    bridge.write("file", "")
    said = bridge("init", "file/below")
    assert said.code == ExitCode.PROBLEMS
    assert said.err == "bridge: cannot write file/below: Not a directory\n"


def test_the_shipped_files_are_those_of_the_repository() -> None:
    """In a working copy nothing is copied anywhere, so an edit is what init writes."""
    assert (shipped() / "config.yaml").is_file()
    assert (shipped() / "bridge").is_dir()
