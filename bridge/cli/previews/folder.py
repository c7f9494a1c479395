"""What `bridge preview` writes into folders: messages as their bytes, a page of all, pictures."""

from __future__ import annotations

import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import Path

from bridge.cli.asked import Looking
from bridge.cli.exits import Failure
from bridge.cli.previews.chromium import Browser
from bridge.cli.previews.made import Preview
from bridge.cli.previews.page import Trouble, overview
from bridge.cli.previews.pictures import write_pictures
from bridge.cli.program import say
from bridge.core.messages import Payload
from bridge.core.readable import enclosed, read_mail

PAGE = "preview.html"
REFRESH_S = 2


def write_messages(previews: Sequence[Preview], folder: Path) -> None:
    """Write each message as its bytes, an e-mail also as HTML, and the files that it holds."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each in previews:
            if isinstance(each.made, Payload):
                for name, content in _files(each, each.made):
                    (folder / name).write_bytes(content)
    except OSError as error:
        raise Failure(f"cannot write {error.filename or folder}: {error.strerror}") from None
    say(f"the messages are in {folder}")


def write_page(
    looking: Looking, folder: Path, previews: Sequence[Preview], trouble: Trouble | None, *, opened: bool
) -> None:
    """Write a page of all messages, or of what is wrong; in the browser, if it is to be `opened`."""
    page = folder / PAGE
    text = overview(looking.event, previews, trouble, refresh_s=REFRESH_S if looking.watch else 0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page.write_text(text, "utf-8", "replace")
    except OSError as error:
        raise Failure(f"cannot write {page}: {error.strerror}") from None
    if opened:
        shown = webbrowser.open(page.resolve().as_uri())
        say(f"{'opened' if shown else 'no browser could be opened; open'} {page}")


def take_pictures(previews: Sequence[Preview], folder: Path, eyes: Browser) -> None:
    """Write pictures of the messages that have one."""
    written = write_pictures(previews, folder, eyes)
    if written:
        say(f"{len(written)} pictures are in {folder}", *(f"  {path.name}" for path in written))
    else:
        say("there is no picture to take: only e-mails and Slack messages have one")


def _files(each: Preview, payload: Payload) -> Iterator[tuple[str, bytes]]:
    if each.kind != "email":
        yield f"{each.file_name}.json", payload.body
        return
    yield f"{each.file_name}.eml", payload.body
    html = read_mail(payload.body).html
    if html:
        yield f"{each.file_name}.html", html.encode("utf-8", "replace")
    for place, (file, content) in enumerate(enclosed(payload.body), 1):
        yield f"{each.file_name}-{place}{_ending(file.name)}", content


def _ending(name: str) -> str:
    """Return the ending of a file's name, if it is one that cannot do harm in a file's name."""
    ending = Path(name).suffix.lower()
    return ending if ending[1:].isascii() and ending[1:].isalnum() else ".bin"
