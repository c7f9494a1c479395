"""Makes a configuration run in the sandbox: channels at local stand-ins, and nothing that must be set."""

from __future__ import annotations

import copy
import hashlib
import re
from typing import Any

from bridge.channels import registry as channels
from bridge.channels.base import Endpoints
from bridge.config.checks import SecretFields
from bridge.config.files import Material
from bridge.config.model import TYPED
from bridge.core.problems import Path


def stand_in(name: str) -> str:
    """Return what a missing variable or file stands for: always the same, so that signatures agree.

    It will do as a secret and as an e-mail address.
    """
    word = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[-30:]
    digest = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=12).hexdigest()
    return f"{word}-{digest}@sandbox.example".lstrip("-")


def use_stand_ins(material: Material, endpoints: Endpoints) -> None:
    """Point every channel at `endpoints`, and leave out settings that may be absent and whose variable is."""
    data: Any = copy.deepcopy(material.data)  # what an alias repeats is changed in one place only
    for setting in _absent(material):
        _leave_out(data, setting)
    for name, raw in data["channels"].items() if isinstance(data.get("channels"), dict) else ():
        override = channels.SANDBOX.get(str(raw.get("type"))) if isinstance(raw, dict) else None
        if override:
            data["channels"][name] = {**raw, **override(name, endpoints)}
    material.data = data


def _absent(material: Material) -> set[Path]:
    """Return the settings that a missing variable stands in and that the configuration can do without."""
    secret = SecretFields(material.data)
    return {
        setting
        for file, path, _, filled in material.scalars()
        if filled.stood_in and file is material.main and (setting := _setting(path))
        if _is_optional(material.data, setting)
        and not (secret.holds_literals(path) and _is_needed(material, path))
    }


def _is_needed(material: Material, path: Path) -> bool:
    """Return whether a secret has to be there; a password for pages that only this machine sees has not."""
    listen = material.data.get("listen")
    admin = str(listen.get("admin", "127.")) if isinstance(listen, dict) else "127."
    return path != ("admin_password",) or not admin.startswith(("127.", "localhost:", "[::1]:"))


def _setting(path: Path) -> Path | None:
    match path:
        case ("sources" | "channels", str(), str(), *_):
            return path[:3]
        case ("rules" | "sources" | "channels", *_) | ():
            return None
        case ("listen", str(), *_):
            return path[:2]
        case _:
            return path[:1]


def _is_optional(data: Any, setting: Path) -> bool:  # noqa: ANN401  # as YAML gave it
    if setting[0] not in TYPED:
        return True
    section, name, key = setting
    raw = data[section][name]
    model = TYPED[str(section)].get(str(raw.get("type"))) if isinstance(raw, dict) else None
    fields = model.model_fields if model else {}
    return any((field.alias or each) == key and not field.is_required() for each, field in fields.items())


def _leave_out(data: Any, path: Path) -> None:  # noqa: ANN401
    for part in path[:-1]:
        data = data[part]
    data.pop(path[-1], None)
