"""The documentation against the program: links, configurations, commands, files that are named."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from bridge import __version__
from bridge.channels.base import Endpoints
from bridge.cli.app import app
from bridge.config.load import Loaded, load
from bridge.config.model import Config
from bridge.sources.registry import known_events, sample_names
from bridge.store.schema import METADATA

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    if not any(part.startswith(".") for part in page.relative_to(ROOT).parts)
)
ENDPOINTS = Endpoints(
    smtp_url="smtp://127.0.0.1:1025",
    slack_api_url="http://127.0.0.1:1026/api/",
    webhook_url="http://127.0.0.1:1027",
)
FENCE = re.compile(r"^ *```(?P<kind>\w*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]\[]*\]\((?P<target>[^)\s]+)\)")
CODE = re.compile(r"`(?P<text>[^`\n]+)`")
HEADING = re.compile(r"^#{1,6} +(?P<text>.+?) *$", re.MULTILINE)

# What a part of a configuration is completed with: the names that the pages use.
SECTIONS = {
    "sources": 'sources:\n  eduzz: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] }\n',
    "channels": (
        "channels:\n"
        '  learners: { type: email, smtp: "${SMTP_URL}", from: "Escola <ola@escola.example>" }\n'
        '  wins: { type: slack, token: "${SLACK_BOT_TOKEN}", channel: "#conquistas" }\n'
        '  crm: { type: webhook, url: "https://crm.example/hooks", signing_secret: "${CRM_SECRET}" }\n'
    ),
}


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _prose(page: Path) -> str:
    return FENCE.sub("", page.read_text("utf-8"))


def _blocks(kind: str) -> Iterator[tuple[str, str]]:
    """Yield every fenced block of a kind, without the indent it may have in a list, with where it stands."""
    for page in PAGES:
        text = page.read_text("utf-8")
        for number, found in enumerate((f for f in FENCE.finditer(text) if f["kind"] == kind), 1):
            lines = found["text"].splitlines()
            indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
            yield f"{_name(page)}#{kind}{number}", "\n".join(line[indent:] for line in lines) + "\n"


def _commands(program: str) -> Iterator[tuple[str, str]]:
    """Yield every call of `program` in shell blocks and in code within sentences, with the page."""
    spoken = ((_name(page), found["text"]) for page in PAGES for found in CODE.finditer(_prose(page)))
    typed = ((place.partition("#")[0], line) for place, text in _blocks("sh") for line in _lines(text))
    for page, line in sorted({*spoken, *typed}):
        said = line.removeprefix("$ ").removeprefix("docker compose exec bridge ")
        if said.startswith(program + " "):
            yield page, said.removeprefix(program + " ")


def _lines(text: str) -> Iterator[str]:
    yield from (line.strip() for line in text.replace("\\\n", " ").splitlines())


def _words(command: str) -> list[str]:
    """Return the words of one shell command, up to a comment, a pipe or a redirection."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if set(word) <= set("|&;<>()"):
            break
        words.append(word)
    return [word for word in words if word != "…"]


def _anchors(page: Path) -> set[str]:
    headings = (found["text"] for found in HEADING.finditer(_prose(page)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _xpy() -> Any:
    spec = importlib.util.spec_from_file_location("xpy", ROOT / "x.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that exists, and a heading in it."""
    broken = []
    for found in LINK.finditer(_prose(page)):
        path, _, anchor = found["target"].partition("#")
        target = page.parent / path if path else page
        if ":" in path:
            continue
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(found["target"])
    assert broken == []


def test_every_page_is_reachable() -> None:
    """From the index, by links, a reader gets to every page of the documentation."""
    reached, waiting = set[Path](), [ROOT / "docs/index.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or not page.is_file():
            continue
        reached.add(page)
        if page.suffix == ".md":
            targets = {found["target"].partition("#")[0] for found in LINK.finditer(_prose(page))}
            waiting += [(page.parent / target).resolve() for target in targets if ":" not in target]
    pages = [page for page in PAGES if page.is_relative_to(ROOT / "docs")]
    assert [_name(page) for page in pages if page not in reached] == []


def _is_config(text: str) -> bool:
    return any(re.search(rf"^{name}:", text, re.MULTILINE) for name in Config.model_fields)


BLOCKS = dict(_blocks("yaml"))
CONFIGS = {place: text for place, text in BLOCKS.items() if _is_config(text)}


@pytest.mark.parametrize("place", CONFIGS)
def test_configurations_load(place: str, tmp_path: Path) -> None:
    """The program takes every configuration that is shown, a part of one with what it leaves out."""
    text = CONFIGS[place]
    for name, section in SECTIONS.items():
        text += "" if re.search(rf"^{name}:", text, re.MULTILINE) else section
    (tmp_path / "config.yaml").write_text(text, "utf-8")
    shutil.copytree(ROOT / "templates", tmp_path / "templates")
    loaded = load(tmp_path / "config.yaml", {}, sandbox=ENDPOINTS)
    assert isinstance(loaded, Loaded), [str(problem) for problem in loaded.problems]


def test_no_configuration_is_overlooked() -> None:
    """A block of YAML that is no configuration says in a comment what it is."""
    assert CONFIGS
    assert [place for place in BLOCKS.keys() - CONFIGS.keys() if not BLOCKS[place].startswith("#")] == []


@pytest.mark.parametrize(("page", "command"), sorted(_commands("bridge")))
def test_commands_of_the_program_exist(page: str, command: str) -> None:
    """Every `bridge …` in the documentation is one the command line takes, with its options."""
    here: Any = typer.main.get_command(app)
    for word in _words(command):
        if word.startswith("-"):
            offered = {name for option in here.params for name in (*option.opts, *option.secondary_opts)}
            assert word.partition("=")[0] in offered | {"--help", "-h"}, f"{page} names `bridge {command}`"
        elif hasattr(here, "otherwise") and word not in here.commands:
            here = here.commands[here.otherwise]  # a word that stands for itself, as in `bridge catchup RULE`
        elif hasattr(here, "commands") and not word.isupper():
            assert word in here.commands, f"{page} names `bridge {command}`"
            here = here.commands[word]


@pytest.mark.parametrize(("page", "command"), sorted(_commands("python3 x.py")))
def test_commands_of_the_repository_exist(page: str, command: str) -> None:
    """Every `python3 x.py …` in the documentation is one that x.py knows."""
    assert _words(command)[0] in _xpy().COMMANDS, f"{page} names `python3 x.py {command}`"


def test_the_readme_shows_how_to_begin() -> None:
    """The two commands a newcomer needs stand on the first screen."""
    screen = (ROOT / "README.md").read_text("utf-8").splitlines()[:60]
    assert {"python3 x.py demo", "python3 x.py test"} <= {line.partition("#")[0].strip() for line in screen}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_files_that_are_named_exist(page: Path) -> None:
    """Code words that are paths into the repository, or into `bridge/`, lead to something."""
    tops = ("bridge/", "templates/", "tests/", "locks/", "docs/")
    words = {found["text"] for found in CODE.finditer(_prose(page))}
    paths = {
        word for word in words if re.fullmatch(r"[\w.-]+/[\w./-]*", word) and not re.search(r"[A-Z]{3}", word)
    }
    named = {path for path in paths if path.startswith(tops) or path.endswith(".py")}
    assert {
        path for path in named if not any((root / path).exists() for root in (ROOT, ROOT / "bridge"))
    } == set()


def test_every_table_of_the_store_is_described() -> None:
    """What each one holds, and no table that is gone."""
    page = (ROOT / "docs" / "explanation" / "store.md").read_text("utf-8")
    tables = page.partition("## What is in it")[2].partition("## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", tables, re.MULTILINE)) == set(METADATA.tables)


def test_the_layers_are_those_that_are_enforced() -> None:
    """Line for line, as the import contract has them."""
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text("utf-8")
    shown = page.partition("## The layers")[2].partition("```\n")[2].partition("```")[0]
    contract, *_ = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    assert shown.splitlines() == [layer.replace("(", "").replace(")", "") for layer in contract["layers"]]


def test_samples_that_are_named_exist() -> None:
    """Sample events in commands are among those that are shipped."""
    words = {word for _, line in _commands("bridge") for word in _words(line)}
    named = {word for word in words if re.match(r"(nutror|alpaclass)\.", word)}
    assert named
    assert named <= set(sample_names())


def test_the_events_to_choose_are_those_of_the_shipped_rules() -> None:
    """Who follows the page chooses every event in the console that a shipped rule waits for."""
    rules = yaml.load((ROOT / "config.yaml").read_text("utf-8"), yaml.BaseLoader)["rules"]
    names = {name for rule in rules for name in ([rule["on"]] if isinstance(rule["on"], str) else rule["on"])}
    wanted = {event for event, kind in known_events().items() if {event, kind} & names}
    page = (ROOT / "docs/how-to/connect-eduzz.md").read_text("utf-8")
    assert {event for event in wanted if f"`{event}`" not in page} == set()


def test_the_changelog_has_this_version() -> None:
    """What is released is written down first."""
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_image_gets_what_it_copies() -> None:
    """Every file that the Dockerfile copies exists, and .dockerignore lets it through."""
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    allowed = {line[1:].split("/")[0] for line in ignored if line.startswith("!")}
    for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines():
        if line.startswith("COPY ") and "--from=" not in line:
            names = [word for word in line.split()[1:-1] if not word.startswith("--")]
            assert [name for name in names if not (ROOT / name).exists()] == []
            assert [name for name in names if name.split("/")[0] not in allowed] == []


def test_compose_keeps_its_promises() -> None:
    """The container cannot write but to its data, and only the public port is open to the network."""
    services = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
    bridge = services["bridge"]
    assert bridge["read_only"] is True
    assert bridge["cap_drop"] == ["ALL"]
    public = [port for port in bridge["ports"] if not str(port).startswith("127.0.0.1:")]
    assert [str(port).rpartition(":")[2] for port in public] == ["8080"]
    assert "ports" not in services["postgres"]
    assert services["postgres"]["profiles"] == ["postgres"]
