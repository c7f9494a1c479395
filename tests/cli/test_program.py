"""The frame of every command: help that is instant, exit codes, errors in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bridge import __version__
from bridge.cli.app import app
from bridge.cli.exits import ExitCode, Failure, misused, not_found, unavailable
from bridge.cli.program import Program
from tests.cli.conftest import Bridge

HEAVY = {
    "aiohttp", "aiosmtplib", "alembic", "asyncio", "babel", "jinja2", "orjson", "pydantic", "rich",
    "slack_sdk", "sqlalchemy", "structlog", "yaml",
}  # fmt: skip
TYPERS_OWN = {"pydantic"}
"""What typer itself imports as soon as it reads an option that is not a flag."""


def loaded_by(*words: str) -> set[str]:
    """Return the top-level modules that a fresh process has after a command."""
    script = (
        "import json, sys\n"
        "from bridge.cli.app import app\n"
        "try:\n"
        "    app(json.loads(sys.argv[1]), prog_name='bridge')\n"
        "except SystemExit:\n"
        "    pass\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(words)], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("words", [("--help",), ("--version",)])
def test_help_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    """Help and the version are instant, because no library of the services is imported."""
    assert loaded_by(*words) & HEAVY == set()


@pytest.mark.parametrize("words", [("check", "--help"), ("deliveries", "retry", "--help"), ("chekc",)])
def test_help_of_a_command_imports_none_of_its_work(words: tuple[str, ...]) -> None:
    """Reading about a command does not load what it needs to run."""
    assert loaded_by(*words) & HEAVY - TYPERS_OWN == set()


def test_a_running_bridge_has_imported_nothing_that_it_may_never_need() -> None:
    """The port is open sooner, and memory is not spent on other databases, channels and pages."""
    script = (
        "import importlib, json, sys\n"
        "import bridge.cli.run\n"
        "from bridge.running.start import LATER, OF_CHANNELS\n"
        "for name in (*LATER, *OF_CHANNELS['webhook']):\n"
        "    importlib.import_module(name)\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    unwanted = {"aiosmtpd", "aiosmtplib", "alembic", "css_inline", "email_validator", "markdown_it"}
    unwanted |= {
        "prometheus_client",
        "psycopg",
        "rich",
        "slack_sdk",
        "sqlalchemy.dialects.postgresql",
        "structlog",
    }
    assert set(json.loads(done.stdout)) & unwanted == set()


def test_health_imports_nothing_heavy() -> None:
    """A container's health check costs a fraction of a second, whatever the answer."""
    assert loaded_by("health", "--url", "http://127.0.0.1:1/healthz") & HEAVY - TYPERS_OWN == set()


def test_the_installed_command_is_the_module() -> None:
    """`python -m bridge` runs the same program as `bridge`."""
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"bridge {__version__}\n"


def test_a_terminal_without_utf8_is_no_crash() -> None:
    """Characters that the terminal cannot show are spelled out."""
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "explain", "não-há"],
        capture_output=True,
        env={"PYTHONIOENCODING": "ascii:strict"},
        check=False,
    )
    assert b"Traceback" not in done.stderr


def failing(error: BaseException) -> typer.Typer:
    """Return a program of our kind whose one command raises."""
    made = typer.Typer(cls=Program, rich_markup_mode=None)

    @made.callback()
    def options(traceback: bool = False) -> None:
        pass

    @made.command()
    def work() -> None:
        raise error

    return made


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Failure("it is broken", "do this"), ExitCode.PROBLEMS, "bridge: it is broken\ndo this\n"),
        (misused("not so"), ExitCode.USAGE, "bridge: not so\n"),
        (not_found("no such thing"), ExitCode.NOT_FOUND, "bridge: no such thing\n"),
        (unavailable("away"), ExitCode.UNAVAILABLE, "bridge: away\n"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "bridge: interrupted\n"),
        (Failure("a \x1b[31mred\nname"), ExitCode.PROBLEMS, "bridge: a \\x1b[31mred\nname\n"),
    ],
)
def test_failures_are_lines_and_exit_codes(error: BaseException, code: ExitCode, said: str) -> None:
    """What ends a command early is told in words, and scripts can tell the cases apart."""
    result = CliRunner().invoke(failing(error), ["work"])
    assert (result.exit_code, result.stderr, result.stdout) == (code, said, "")


def test_an_unexpected_error_shows_no_traceback_unless_asked() -> None:
    """A fault of ours is one line and where to take it; the traceback is there for whoever wants it."""
    error = RuntimeError("the engine fell off")
    plain = CliRunner().invoke(failing(error), ["work"])
    assert plain.exit_code == ExitCode.INTERNAL
    assert plain.stderr.splitlines()[0] == "bridge: unexpected RuntimeError: the engine fell off"
    assert "--traceback" in plain.stderr
    assert "Traceback" not in plain.stderr
    asked = CliRunner().invoke(failing(error), ["--traceback", "work"])
    assert "Traceback (most recent call last)" in asked.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), ExitCode.USAGE, "Usage: bridge"),
        (("chekc",), ExitCode.USAGE, "Did you mean 'check'?"),
        (("check", "--jsn"), ExitCode.USAGE, "--json"),
        (("explain",), ExitCode.USAGE, "EVENT"),
        (("deliveries", "list", "--since", "3x"), ExitCode.USAGE, "expected a time ago such as 90m, 2h, 7d"),
        (("deliveries", "list", "--state", "gone"), ExitCode.USAGE, "withheld"),
        (("deliveries", "list", "--limit", "0"), ExitCode.USAGE, "greater than or equal to 1"),
        (("check",), ExitCode.NOT_FOUND, "there is no configuration file config.yaml"),
        (("-c", "other.yaml", "check"), ExitCode.NOT_FOUND, "there is no configuration file other.yaml"),
        (("check", "-c", "other.yaml"), ExitCode.NOT_FOUND, "there is no configuration file other.yaml"),
        (
            ("-c", "a.yaml", "check", "-c", "b.yaml"),
            ExitCode.NOT_FOUND,
            "there is no configuration file b.yaml",
        ),
    ],
)
def test_what_people_mistype_is_explained(
    bridge: Bridge, words: tuple[str, ...], code: ExitCode, said: str
) -> None:
    """Every mistake on the command line has its exit code and says what was expected."""
    result = bridge(*words)
    assert (result.code, result.out) == (code, "")
    assert said in result.err


def test_the_environment_names_the_configuration(bridge: Bridge) -> None:
    """BRIDGE_CONFIG is the default of --config."""
    assert (
        "there is no configuration file from-env.yaml"
        in bridge("check", env={"BRIDGE_CONFIG": "from-env.yaml"}).err
    )


def test_every_command_has_help(bridge: Bridge) -> None:
    """No command is without a line of explanation in the list."""
    lines = bridge("--help").out.partition("Commands:\n")[2].splitlines()
    assert len(lines) > 10
    assert [line for line in lines if len(line.split()) < 3 or "..." in line] == []


def test_a_word_that_is_no_state_is_told_with_those_that_there_are(bridge: Bridge) -> None:
    said = bridge("events", "list", "--state", "nwe")
    assert said.code == ExitCode.USAGE
    assert "Invalid value for '--state': 'nwe' is not one of 'new', 'done', 'parked'." in said.err


def test_the_reference_is_fresh() -> None:
    """docs/reference/cli.md says what the commands say; `python -m bridge.cli.reference PAGE` writes it."""
    from bridge.cli.reference import refresh

    page = Path(__file__).parents[2] / "docs/reference/cli.md"
    text = page.read_text("utf-8")
    assert refresh(text) == text


def test_the_app_is_the_one_that_is_installed() -> None:
    """The command in pyproject.toml leads to this app."""
    assert typer.main.get_command(app).name == "bridge"


def ran(*words: str, **streams: object) -> subprocess.CompletedProcess[bytes]:
    """Run the program as a process of its own, with these standard streams."""
    return subprocess.run([sys.executable, "-m", "bridge", *words], check=False, **streams)  # type: ignore[call-overload,no-any-return]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("words", [("schema",), ("samples",), ("samples", "--json")])
def test_a_full_disk_below_the_output_is_no_fault_of_the_bridge(words: tuple[str, ...]) -> None:
    """`bridge … > file` where the disk takes no more: told as that, and worth another try."""
    with Path("/dev/full").open("wb") as full:
        done = ran(*words, stdout=full, stderr=subprocess.PIPE)
    assert done.stderr.decode().splitlines() == [
        "bridge: what this command says cannot be written: No space left on device",
        "what was asked for may be done all the same; ask again where there is room",
    ]
    assert done.returncode == ExitCode.UNAVAILABLE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_the_exit_code_stands_where_nothing_can_be_said() -> None:
    """Scripts go by it, also where standard error is a log on a full disk."""
    with Path("/dev/full").open("wb") as full:
        assert ran("samples", "nope", stderr=full, stdout=subprocess.PIPE).returncode == ExitCode.NOT_FOUND


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_changes_nothing(closed: str) -> None:
    """Some starters of programs close what they do not need."""
    script = f'"$0" -m bridge samples nope {closed}'
    done = subprocess.run(["sh", "-c", script, sys.executable], capture_output=True, check=False)
    assert done.returncode == ExitCode.NOT_FOUND
    assert b"unexpected" not in done.stderr


def test_a_closed_output_is_written_to_nowhere() -> None:
    """A table asks its stream whether it is a terminal."""
    script = '"$0" -m bridge samples >&-'
    done = subprocess.run(["sh", "-c", script, sys.executable], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
