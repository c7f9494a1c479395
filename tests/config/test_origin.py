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
    (school / "attachments").mkdir()
    work.mkdir()
    monkeypatch.chdir(work)
    path = school / "config.yaml"
    (school / "secret").write_text("another-secret-in-a-file\n", "utf-8")
    text = GOOD.replace("rules: []", "include: rules/*.yaml")
    path.write_text(text.replace('"${SECRET}"', '"${SECRET}", "${file:secret}"'), "utf-8")
    return Origin(path, lambda: load(path, ENV), keeps=True)


@pytest.mark.parametrize(
    "name",
    [
        "config.yaml",
        ".env",
        "rules/a.yaml",
        "templates/a.md",
        "templates/layouts/b.html",
        "attachments/guia.pdf",
        "secret",
    ],
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


@pytest.mark.parametrize("name", ["templates/.a.md.swp", "templates/a.md~", "templates/.git/index"])
def test_what_editors_keep_beside_is_no_change(origin: Origin, name: str) -> None:
    first = origin.load()
    file = origin.path.parent / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("whatever", "utf-8")
    assert origin.signature() == first.signature
    assert origin.load().digest == first.digest


@pytest.mark.parametrize("before", [GOOD, "rulez: []\n"])
def test_files_that_a_broken_configuration_reads_are_looked_at(origin: Origin, before: str) -> None:
    """What is wrong may be in a file that it has only just included: mending that one mends it."""
    text = origin.path.read_text("utf-8")
    origin.path.write_text(before, "utf-8")
    origin.load()
    origin.path.write_text(text, "utf-8")
    rules = origin.path.parent / "rules" / "new.yaml"
    rules.write_text("rules: [}\n", "utf-8")
    found = origin.load()
    assert isinstance(found.loaded, Broken)
    assert origin.signature() == found.signature
    rules.write_text("rules: []\n", "utf-8")
    assert origin.signature() != found.signature
    assert isinstance(origin.load().loaded, Loaded)


def test_files_that_are_not_read_any_more_are_no_change(origin: Origin) -> None:
    (origin.path.parent / "rules" / "a.yaml").write_text("rules: []\n", "utf-8")
    origin.load()
    origin.path.write_text(GOOD, "utf-8")
    assert origin.load().signature == origin.signature()


@pytest.mark.parametrize("place", ["config.yaml", "templates/a.md", ".env", "secret"])
@pytest.mark.parametrize("pipe", [True, False])
def test_what_has_no_end_is_not_read(origin: Origin, place: str, pipe: bool) -> None:
    """A file that is a device or a pipe fills no memory and keeps nobody waiting."""
    first = origin.load()
    file = origin.path.parent / place
    file.unlink(missing_ok=True)
    if pipe:
        os.mkfifo(file)
    else:
        file.symlink_to("/dev/zero")
    found = origin.load()
    assert origin.signature() == found.signature
    assert isinstance(found.loaded, Broken) == (place in {"config.yaml", "secret"})
    assert (found.digest == first.digest) == (place != "config.yaml")


def test_no_more_is_read_than_a_configuration_may_have(origin: Origin) -> None:
    """Of a file as large as a disk, too."""
    with origin.path.open("r+b") as file:
        file.truncate(1 << 40)
    found = origin.load().loaded
    assert isinstance(found, Broken)
    assert "at most 1048576" in str(found.problems[0])


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


@pytest.mark.parametrize(
    ("text", "is_good"),
    [
        pytest.param(f"{GOOD}# more\n", True, id="whole"),
        pytest.param(GOOD[: GOOD.index("rules:")], False, id="cut off before the rules"),
        pytest.param(GOOD[: GOOD.index("rules:")] + "rules: []\n", True, id="without rules on purpose"),
        pytest.param(GOOD[: GOOD.index("rules:")] + "include: rules/*.yaml\n", True, id="rules elsewhere"),
        pytest.param(f"{GOOD}# mo", False, id="cut off in a line"),
        pytest.param(f"{GOOD}# another", True, id="no line break at the end"),
    ],
)
def test_what_is_left_of_a_good_text_is_not_taken(origin: Origin, text: str, is_good: bool) -> None:
    """Good YAML or not: a disk that is full, or an editor that is killed, changes no rule."""
    origin.path.write_text(f"{GOOD}# more\n", "utf-8")
    assert isinstance(origin.load().loaded, Loaded)
    origin.path.write_text(text, "utf-8")
    assert isinstance(origin.load().loaded, Loaded) == is_good
    assert last_good.recall(origin.path) == (text if is_good else f"{GOOD}# more\n").encode()


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


def test_what_a_dead_process_left_is_tidied_up(origin: Origin) -> None:
    """A file that was being written when the power went; one that is being written now is let be."""
    kept = origin.path.with_name(".config.yaml.good")
    old, new = kept.with_name(f"{kept.name}old12345"), kept.with_name(f"{kept.name}new12345")
    old.write_text("half", "utf-8")
    new.write_text("half", "utf-8")
    os.utime(old, (1, 1))
    origin.load()
    assert (kept.exists(), old.exists(), new.exists()) == (True, False, True)


def test_a_text_that_counts_again_is_the_newest(origin: Origin) -> None:
    """One beside the file, one in the working folder, and the first again: the second is forgotten."""
    first, kept = origin.path.read_bytes(), origin.path.with_name(".config.yaml.good")
    origin.load()
    text, here = kept.read_bytes(), Path(kept.name)
    kept.unlink()
    kept.mkdir()
    origin.path.write_bytes(first + b"# more\n")
    origin.load()
    assert here.is_file()
    kept.rmdir()
    kept.write_bytes(text)
    os.utime(kept, (1, 1))
    origin.path.write_bytes(first)
    origin.load()
    assert not here.exists()
    assert last_good.recall(origin.path) == first


def test_a_text_that_somebody_else_put_there_is_not_taken(origin: Origin) -> None:
    """Who may write into the working folder need not be one who may configure."""
    origin.load()
    here = Path(".config.yaml.good")
    origin.path.with_name(here.name).rename(here)
    assert last_good.recall(origin.path) is not None
    if os.geteuid() == 0:
        os.chown(here, 12345, 12345)
        assert last_good.recall(origin.path) is None
    here.unlink()
    os.mkfifo(here)
    assert last_good.recall(origin.path) is None


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
