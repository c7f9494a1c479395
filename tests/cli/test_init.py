"""`bridge init`: a folder that works at once, and nothing of a person's ever overwritten by accident."""

from __future__ import annotations

import stat

import pytest

from bridge.cli.exits import ExitCode
from bridge.cli.init import env_file
from bridge.cli.shipped import shipped, shipped_files
from tests.cli.conftest import Bridge


def test_a_new_folder_passes_every_check(bridge: Bridge) -> None:
    """What init writes is a configuration the bridge takes, with every template it names."""
    said = bridge("init", "escola")
    assert (said.code, said.err) == (ExitCode.OK, "")
    assert "cd escola" in said.out
    assert "bridge run --sandbox" in said.out
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
    assert set(written) == {*expected, ".env"}
    assert all(written[name].read_bytes() == content for name, content in expected.items())


def test_secrets_are_for_the_owner_alone(bridge: Bridge) -> None:
    """The .env has room for every secret, holds none, and only its owner can read it."""
    bridge.write(".env", "OLD=1\n").chmod(0o644)
    assert bridge("init", "--force").code == ExitCode.OK
    path = bridge.folder / ".env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = path.read_text("utf-8").splitlines()
    assert "EDUZZ_SECRET=" in lines
    assert [line for line in lines if line and not line.startswith("#") and not line.endswith("=")] == []


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


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("a: ${EDUZZ_SECRET}", ["# The access key", "EDUZZ_SECRET="]),
        ("\nb: ${OWN_KEY}", ["# Used in line 2 of config.yaml.", "OWN_KEY="]),
        ("c: ${X:-}", ["# Used in line 1 of config.yaml. Optional: without it, it stays empty.", "#X="]),
        ("c: ${X:-8080}", ["# Used in line 1 of config.yaml. Optional: without it, '8080' is used.", "#X="]),
        ("# ${NOT_USED}\na: 1 # ${NOR_THIS}", []),
        ("a: ${file:/run/secrets/x}", []),
        ("a: ${A}${A}", ["# Used in line 1 of config.yaml.", "A="]),
    ],
)
def test_every_variable_has_a_line(config: str, expected: list[str]) -> None:
    """The .env names what the configuration takes from the environment, once, with what it is for."""
    lines = [line for line in env_file(config).splitlines()[1:] if line]
    assert len(lines) == len(expected)
    assert all(line.startswith(start) for line, start in zip(lines, expected, strict=True))


def test_the_shipped_files_are_those_of_the_repository() -> None:
    """In a working copy nothing is copied anywhere, so an edit is what init writes."""
    assert (shipped() / "config.yaml").is_file()
    assert (shipped() / "bridge").is_dir()
