"""Files that go with messages: those of one folder, and no other."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from bridge.core.messages import Attachment
from bridge.rendering.attachments import MAX_BYTES, Attachments


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "attachments"
    folder.mkdir()
    (folder / "guia.pdf").write_bytes(bytes(range(256)) * 3)
    (tmp_path / "secret.txt").write_text("nothing for others")
    return folder


def test_a_file_is_read_once_with_its_type(folder: Path) -> None:
    """Lines of 76 characters that decode to the file."""
    attachments = Attachments(folder)
    found = attachments.get("guia.pdf")
    assert isinstance(found, Attachment)
    assert (found.name, found.type) == ("guia.pdf", "application/pdf")
    assert base64.b64decode(found.encoded) == (folder / "guia.pdf").read_bytes()
    assert {len(line) for line in found.encoded.split(b"\r\n")[:-2]} == {76}
    (folder / "guia.pdf").unlink()
    assert attachments.get("guia.pdf") is found


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("../secret.txt", "names no file"),
        ("/etc/passwd", "is a path"),
        ("more/guia.pdf", "is a path"),
        ("link.txt", "there is no file"),
        (".env", "names no file"),
        ("..", "names no file"),
        ("", "names no file"),
        ("a\\b.txt", "names no file"),
        ("a\nb.txt", "names no file"),
        ("gui.pdf", "did you mean 'guia.pdf'?"),
        ("big.bin", "has 2.5 MiB, and at most 2 are sent"),
    ],
)
def test_what_is_not_in_the_folder_is_not_sent(folder: Path, name: str, told: str) -> None:
    """Neither by a path nor by a link; the sentence says what to do."""
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "big.bin").write_bytes(bytes(MAX_BYTES + 512 * 1024))
    found = Attachments(folder).get(name)
    assert isinstance(found, str)
    assert told in found


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    """By the file that is not there."""
    assert "there is no file" in str(Attachments(tmp_path / "attachments").get("guia.pdf"))


def test_a_packed_file_is_not_taken_for_what_is_in_it(folder: Path) -> None:
    """notes.txt.gz is no text."""
    (folder / "notes.txt.gz").write_bytes(b"x")
    found = Attachments(folder).get("notes.txt.gz")
    assert isinstance(found, Attachment)
    assert found.type == "application/octet-stream"
