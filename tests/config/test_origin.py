"""The files of a configuration: when they have changed, which text runs, and what is kept of a good one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.config import last_good
from bridge.config.load import Broken, Loaded, load
from bridge.config.origin import Origin, Settling
from tests.config.test_receiving import ENV, GOOD


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Origin:
    school, work = tmp_path / "school", tmp_path / "work"
    (school / "templates" / "layouts").mkdir(parents=True)
    (school / "rules").mkdir()
    work.mkdir()
    monkeypatch.chdir(work)
    path = school / "config.yaml"
    path.write_text(GOOD.replace("rules: []", "include: rules/*.yaml"), "utf-8")
    return Origin(path, lambda: load(path, ENV), keeps=True)


@pytest.mark.parametrize(
    "name", ["config.yaml", ".env", "rules/a.yaml", "templates/a.md", "templates/layouts/b.html"]
)
def test_each_file_counts(origin: Origin, name: str) -> None:
    """Written, changed or removed: the configuration is another one."""
    first = origin.load().signature
    assert origin.signature() == first
    file = origin.path.parent / name
    before = file.read_bytes() if file.exists() else None
    file.write_bytes((before or b"") + b"# more\n")
    assert origin.signature() != first
    if before is None:
        file.unlink()
        assert origin.signature() == first


def test_what_waits_for_a_second_look_is_still(origin: Origin) -> None:
    """A file that is still being written is not loaded, and one that went back need not be."""
    first, second, third = (frozenset({(name, 1, 1, 1)}) for name in "abc")
    settling = Settling(first)
    seen = (first, second, third, third, third)
    assert [settling.has_settled(each) for each in seen] == [False, False, False, True, True]
    settling.loaded = third
    assert not settling.has_settled(third)
    assert not settling.has_settled(second)
    assert not settling.has_settled(third)


def test_the_digest_is_of_texts(origin: Origin) -> None:
    """Not of secrets, and not of when they were written."""
    first = origin.load().digest
    os.utime(origin.path, (1, 1))
    (origin.path.parent / ".env").write_text("OTHER=secret\n", "utf-8")
    assert origin.load().digest == first
    (origin.path.parent / "templates" / "a.md").write_text("a\n", "utf-8")
    assert origin.load().digest != first


def test_only_a_good_text_is_kept(origin: Origin) -> None:
    """Readable by its user alone, and as it was written."""
    good = origin.path.read_bytes()
    assert last_good.recall(origin.path) is None
    assert isinstance(origin.load().loaded, Loaded)
    origin.path.write_bytes(good + b"rulez: []\n")
    assert isinstance(origin.load().loaded, Broken)
    assert last_good.recall(origin.path) == good
    kept = origin.path.with_name(".config.yaml.good")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert list(origin.path.parent.glob(".config.yaml.good?*")) == []


def test_a_folder_that_may_not_be_written_has_another_one(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The working folder, where the store is by default."""
    origin.path.with_name(".config.yaml.good").mkdir()
    assert origin.load().not_kept is None
    assert Path(".config.yaml.good").is_file()
    assert last_good.recall(origin.path) == origin.path.read_bytes()
    monkeypatch.chdir(origin.path.parent)
    assert (origin.load().not_kept or "").startswith(str(origin.path.parent))


def test_the_text_of_another_file_is_not_taken(origin: Origin) -> None:
    origin.load()
    other = origin.path.parent / "copy" / "config.yaml"
    other.parent.mkdir()
    origin.path.with_name(".config.yaml.good").rename(other.with_name(".config.yaml.good"))
    assert last_good.recall(other) is None


def test_a_file_that_is_gone_is_broken(origin: Origin) -> None:
    origin.path.unlink()
    found = origin.load().loaded
    assert isinstance(found, Broken)
    assert "cannot be read" in str(found.problems[0])
