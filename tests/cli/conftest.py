"""The command line in this process, in a folder of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.core.outcomes import Delivered, Reason, Rejected, Retry
from tests.cli.school import live, write_school
from tests.support.pipeline import completion


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said where."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Bridge:
    """Runs `bridge …` in `folder`."""

    folder: Path
    env: dict[str, str | None] = field(default_factory=dict)

    def __call__(
        self, *words: str, stdin: str | bytes | None = None, env: Mapping[str, str] | None = None
    ) -> Said:
        result = CliRunner().invoke(
            app, words, input=stdin, env={**self.env, **(env or {})}, prog_name="bridge"
        )
        return Said(result.exit_code, result.stdout, result.stderr)

    def write(self, name: str, text: str) -> Path:
        """Write a file below the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path


@pytest.fixture
def bridge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bridge:
    monkeypatch.chdir(tmp_path)
    unset = ("BRIDGE_CONFIG", "BRIDGE_TRACEBACK", "BRIDGE_HEALTH_URL", "EDUZZ_SECRET", "COLUMNS")
    return Bridge(tmp_path, dict.fromkeys(unset))


@pytest.fixture
def school(bridge: Bridge) -> Bridge:
    """The command line in the folder of a school whose configuration is good."""
    write_school(bridge.folder)
    return bridge


@pytest.fixture
def lived(school: Bridge) -> Bridge:
    """The same with a history: delivered, dead and parked, a claim that was taken, an event of no rule."""
    live(
        school.folder / "config.yaml",
        completion("e1"),
        completion("e2", learner={"name": "João Pedro", "email": "joao@aluno.example"}),
        completion("e3"),
        b"not json",
        completion("e4", course={"title": "Java"}),
        scripts={
            "learners": [Delivered(250), Rejected(Reason.INVALID, 550, "5.1.1 no such mailbox")],
            "wins": [Retry(Reason.SERVER, 503, "try later")],
        },
    )
    return school
