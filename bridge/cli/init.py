"""`bridge init`: a folder to start from, with every file explained and every secret left to fill in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bridge.cli.exits import Failure
from bridge.cli.shipped import CONFIG, shipped_files
from bridge.cli.tables import aligned, show

ENV = ".env"
HINTS: Mapping[str, str] = {
    "EDUZZ_SECRET": "The access key ('Chave de acesso') of your webhook: console.eduzz.com, Developer Hub.",
    "SMTP_URL": "Your mail server: smtp://user:password@host:587, or smtps://user:password@host:465.",
    "SLACK_BOT_TOKEN": "The bot token of your Slack app, xoxb-…: api.slack.com/apps, OAuth & Permissions.",
    "CRM_URL": "Where the other system takes webhooks: https://….",
    "CRM_SECRET": "What signs them: whsec_ and base64, or at least 24 letters; the other system checks it.",
    "ADMIN_PASSWORD": "For the admin pages, when they are reachable from other machines.",
}
_REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


def init(folder: Path, *, force: bool) -> None:
    """Write the files and say what to do next; nothing is overwritten unless `force`."""
    files = shipped_files()
    files[Path(ENV)] = env_file(files[Path(CONFIG)].decode()).encode()
    there = [str(name) for name in files if (folder / name).exists()]
    if there and not force:
        raise Failure(
            f"{_shown(folder)} already has {', '.join(there)}",
            "nothing was written; --force overwrites, another folder is safer",
        )
    try:
        for name, content in files.items():
            _write(folder / name, content, secret=name.name == ENV)
    except OSError as error:
        raise Failure(f"cannot write {error.filename or folder}: {error.strerror}") from error
    _next_steps(folder, files)


def env_file(config: str) -> str:
    """Return a `.env` with every variable that the configuration takes from the environment, empty."""
    lines = [
        "# What config.yaml takes from the environment. Secrets: keep this file to yourself and out of git."
    ]
    seen: set[str] = set()
    for number, text in enumerate(config.splitlines(), 1):
        for found in _REFERENCE.finditer(
            text.partition(" #")[0] if not text.lstrip().startswith("#") else ""
        ):
            if found["name"] not in seen:
                seen.add(found["name"])
                lines += ["", *_variable(found["name"], found["default"], number)]
    return "\n".join(lines) + "\n"


def _variable(name: str, default: str | None, line: int) -> list[str]:
    said = HINTS.get(name, f"Used in line {line} of config.yaml.")
    if default is None:
        return [f"# {said}", f"{name}="]
    without = f"'{default}' is used" if default else "it stays empty"
    return [f"# {said} Optional: without it, {without}.", f"#{name}="]


def _write(path: Path, content: bytes, *, secret: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if secret:
        path.touch(mode=0o600)
        path.chmod(0o600)  # also when it was there with another mode
    path.write_bytes(content)


def _next_steps(folder: Path, files: Mapping[Path, bytes]) -> None:
    here = folder.resolve() == Path.cwd()
    variables = [
        line.partition("=")[0] for line in files[Path(ENV)].decode().splitlines() if line.endswith("=")
    ]
    needed = [name for name in variables if not name.startswith("#")]
    steps = [] if here else [(f"cd {folder}", "")]
    steps += [
        ("bridge run --sandbox", "try it with nothing set up; every message lands on the admin page"),
        (
            "bridge send nutror.module_completed",
            "in another terminal: a completed module, signed as Eduzz does",
        ),
        (f"edit {ENV} and {CONFIG}", f"set {', '.join(needed)}" if needed else "make it yours"),
        ("bridge check", "every problem at once"),
        ("bridge run", "for real; then enter https://YOUR-HOST/hooks/eduzz in Eduzz's console"),
    ]
    show(f"{_shown(folder)} now has {CONFIG}, {ENV} and {_count(files)} templates. Next:")
    show()
    show(aligned(steps, "  "))


def _count(files: Mapping[Path, bytes]) -> int:
    return sum(name.parts[0] == "templates" and len(name.parts) == 2 for name in files)


def _shown(folder: Path) -> str:
    return "this folder" if folder.resolve() == Path.cwd() else str(folder)
