"""What the stores of a run lie on: in memory a flush costs nothing, and a figure of them would flatter."""

from __future__ import annotations

import tempfile
from pathlib import Path

IN_MEMORY = frozenset({"tmpfs", "ramfs"})
MOUNTS = Path("/proc/mounts")


def file_system(folder: Path | None = None) -> str:
    """Return the type of the file system that temporary folders lie on, as Linux names it, or ''."""
    wanted = (folder or Path(tempfile.gettempdir())).resolve()
    try:
        lines = [line.split() for line in MOUNTS.read_text("utf-8").splitlines()]
    except OSError:
        return ""
    above = [(len(place), kind) for _, place, kind, *_ in lines if wanted.is_relative_to(place)]
    return max(enumerate(above), key=lambda each: (each[1][0], each[0]))[1][1] if above else ""


def warning() -> str | None:
    """Return what to say before a run whose stores would lie in memory."""
    kind = file_system()
    if kind not in IN_MEMORY:
        return None
    where = tempfile.gettempdir()
    return f"{where} lies in memory ({kind}), where a flush costs nothing; give TMPDIR a folder on a disk"
