"""The configuration around the recipes of a new folder: only the channels that they use, in one language."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import yaml

from bridge.cli.gallery.recipes import Recipe, Words
from bridge.cli.shipped import CONFIG, EXAMPLE, TEMPLATES, shipped_files

_PUBLIC_URL = "public_url: https://{}   # where the world reaches the bridge: in links to unsubscribe\n"
_COLUMN = 31
"""How wide `locale` is, so that the comment behind it stands below the others."""
LAYOUTS = Path(TEMPLATES, "layouts")


def starting_files(recipes: Sequence[Recipe], language: str) -> dict[Path, bytes]:
    """Return every file of a new folder with these recipes, but for what `bridge init` makes itself."""
    slack = any(each.uses_slack for each in recipes)
    words = yaml.safe_load(_text("words.yaml"))[language]
    room = Words(_text("slack.yaml")).substitute(words) if slack else ""
    address = _PUBLIC_URL.format(words["host"]) if any(each.lets_people_leave for each in recipes) else ""
    made = {
        Path(CONFIG): Words(_text("config.yaml")).substitute(
            words, padded=words["locale"].ljust(_COLUMN), slack=room, public_url=address
        ),
        Path(EXAMPLE): Words(_text("env")).substitute(slack=_text("slack.env") if slack else ""),
    }
    layouts = {name: content for name, content in shipped_files().items() if name.is_relative_to(LAYOUTS)}
    parts = [each.files(language) for each in recipes]
    return {
        **{path: text.encode() for path, text in made.items()},
        **layouts,
        **{path: content for part in parts for path, content in part.items()},
    }


def _text(name: str) -> str:
    return (files("bridge.cli.gallery") / "base" / name).read_text("utf-8")
