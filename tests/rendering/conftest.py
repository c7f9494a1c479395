"""Renderers over a folder of a test's own, and invented events as both platforms send them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import css_inline  # noqa: F401 - imported late by the program; no example of a property may wait for that
import pytest
from msgspec.structs import asdict

import bridge.rendering.markdown  # noqa: F401 - the same
from bridge.core.events import Event, Person, Thing
from bridge.core.messages import Document, RenderFailure, Slot, Target
from bridge.core.problems import dotted
from bridge.rendering.renderer import Renderer

NOW = datetime(2026, 11, 23, 17, 5, tzinfo=UTC)
PLAIN_LAYOUT = "<html><head><title>{{ subject }}</title></head><body>{{ content }}</body></html>"


class Whole(Document, frozen=True):
    """A document whose parts are texts."""

    html: str = ""
    text: str = ""


@dataclass
class Bench:
    """A templates folder and what a renderer makes of it."""

    folder: Path
    locale: str = "pt_BR"
    monotonic: Callable[[], float] = lambda: 0.0

    @property
    def renderer(self) -> Renderer:
        zone = ZoneInfo("America/Sao_Paulo")
        return Renderer(
            self.folder, locale=self.locale, timezone=zone, monotonic=self.monotonic, now=lambda: NOW
        )

    def write(self, name: str, content: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")

    def say(self, source: object, facts: Mapping[str, object], target: Target = Target.PLAIN) -> object:
        """Render one slot; what it gives, or the failure."""
        inline = target in (Target.EMAIL, Target.SLACK) and " " in str(source)
        slots = {"it": Slot(target, source, ("it",), inline=inline), "subject": Slot(Target.HEADER, "x")}
        content, problems = self.renderer.content(slots)
        assert not problems, problems
        assert content is not None
        rendered = content.render(facts)
        return rendered if isinstance(rendered, RenderFailure) else rendered["it"]

    def document(self, source: str, facts: Mapping[str, object], target: Target = Target.EMAIL) -> Whole:
        """Render Markdown, or the template of that name."""
        said = self.say(source, facts, target)
        assert isinstance(said, Document), said
        whole = {"html": str(said.html), "text": str(said.text)}
        return Whole(**{**asdict(said), **whole})

    def complaints(self, source: object, target: Target = Target.PLAIN) -> list[str]:
        """Everything that is wrong with one slot, as people read it; the folder's own path left out."""
        content, problems = self.renderer.content({"it": Slot(target, source, ("send", 0, "it"))})
        assert (content is None) is bool(problems)
        return [
            f"{problem.file or dotted(problem.path)}:{problem.line or '-'}: {problem.sentence}".replace(
                self.folder.as_posix(), "templates"
            )
            for problem in problems
        ]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path / "templates")
    bench.write("layouts/default.html", PLAIN_LAYOUT)
    return bench


@pytest.fixture
def nutror() -> Event:
    """A module completed, as Nutror tells it."""
    return Event(
        type="nutror.module_completed",
        kind="module.completed",
        id="q8x0d2mzr5",
        source="eduzz",
        occurred_at=NOW,
        sent_at=NOW,
        learner=Person(name="MARIA APARECIDA DA SILVA", email="maria@aluna.example"),
        producer=Person(name="Escola Exemplo", email="ola@escola.example"),
        course=Thing(id="0f3c5a", title="Python Básico"),
        module=Thing(id="3251", title="Funções & módulos"),
        lesson=Thing(id="3866", title="Dicionários na prática"),
        data={
            "learner": {"name": "MARIA APARECIDA DA SILVA", "email": "maria@aluna.example"},
            "course": {"hash": "0f3c5a", "title": "Python Básico", "progress": 60},
            "lesson": {"id": "3866", "title": "Dicionários na prática", "rating": 2},
            "createdAt": "2026-11-23T17:05:00Z",
        },
    )


@pytest.fixture
def alpaclass() -> Event:
    """A module finished, as AlpaClass tells it: other names, fewer of them."""
    return Event(
        type="alpaclass.student_module_finished",
        kind="module.completed",
        id="9d1b7c",
        source="eduzz",
        occurred_at=NOW,
        learner=Person(id="45a1", name="joão pedro", email="joao@aluno.example"),
        producer=Person(id="16b9", name="Escola de Exemplo"),
        course=Thing(id="046d", title="Programação do Zero"),
        module=Thing(id="2288", title="Módulo 1"),
        data={
            "student": {"id": "45a1", "name": "joão pedro", "email": "joao@aluno.example"},
            "module": {"id": "2288", "name": "Módulo 1"},
            "course": {"id": "046d", "name": "Programação do Zero"},
            "team": {"id": "16b9", "name": "Escola de Exemplo"},
            "progress": 50,
        },
    )


@pytest.fixture
def nameless() -> Event:
    """An event that says as little as an event can."""
    return Event(type="x.y", kind="y", id="1", source="eduzz", occurred_at=NOW)
