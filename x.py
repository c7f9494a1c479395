#!/usr/bin/env python3
"""Runs, tests and checks the project on a machine that has Python 3.11 and nothing else.

It makes `.venv` from the hashed lock files, with uv where uv can be had and with pip where it cannot, and
hands over to the program inside.
A stamp in `.venv` makes the next start instant.
Standard library only, and older Pythons must be able to read the file, to be told that they are too old.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("x.py: this project needs Python 3.11 or newer, and this is %d.%d." % sys.version_info[:2])  # noqa: UP031
if sys.platform == "win32":
    sys.exit("x.py: this project runs on Linux and macOS; on Windows use WSL or Docker.")

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "x-stamp.json"
TOOLS = ROOT / ".tools"
# Not sys.executable: inside a virtual environment that one may be about to be replaced.
BASE_PYTHON = str(getattr(sys, "_base_executable", None) or sys.executable)

# What is installed, by profile. Running needs less than testing; an environment for testing also runs.
LOCKS = {"core": ("core.txt", "build.txt"), "dev": ("dev.txt",)}
GOOD_FOR = {"core": ("core", "dev"), "dev": ("dev",)}

# Set by other virtual environments or personal settings; each would lead packages or imports astray.
FOREIGN = {
    "CONDA_PREFIX",
    "PIP_PREFIX",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_TARGET",
    "PIP_USER",
    "PYTHONHOME",
    "PYTHONPATH",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "VIRTUAL_ENV",
    "__PYVENV_LAUNCHER__",
}


class Failed(Exception):
    """What went wrong and what to do about it, in words for the person at the terminal."""


# ---- commands: each takes the words after its name ----


def run(words: list[str]) -> NoReturn:
    """Start the service: the same as `bridge run ...`."""
    bridge(["run", *words])


def demo(words: list[str]) -> NoReturn:
    """Show the whole program at work on this machine, with nothing set up: `bridge demo ...`."""
    bridge(["demo", *words])


def bridge(words: list[str]) -> NoReturn:
    """Any command of the program, such as `bridge check`."""
    prepare("core")
    become("-m", "bridge", *words)


def test(words: list[str]) -> NoReturn:
    """Run the tests on all cores; words such as a path or `-k name` go to pytest, then on one core."""
    prepare("dev")
    os.chdir(ROOT)
    become("-m", "pytest", *(words or ["--numprocesses=auto", "--maxprocesses=8", "--dist=worksteal"]))


def check(words: list[str]) -> None:
    """Everything that must be right before a change is accepted: what CI runs."""
    refuse(words)
    prepare("dev")
    this = (sys.executable, str(ROOT / "x.py"))
    steps = {
        "format": (inside("ruff"), "format", "--check", "."),
        "lint": (inside("ruff"), "check", "."),
        "types": (inside("mypy"),),
        "layers": (inside("lint-imports"), "--no-logo"),
        "tests": (*this, "test"),
        "wheel": (*this, "wheel"),
    }
    began = time.monotonic()
    results = [step(f"{n}/{len(steps)} {name}", *steps[name]) for n, name in enumerate(steps, 1)]
    close(results, time.monotonic() - began)


def wheel(words: list[str]) -> None:
    """Build the wheel, install it away from the sources, and try what a new user tries first."""
    refuse(words)
    prepare("dev")
    with tempfile.TemporaryDirectory(prefix="bridge-wheel-") as name:
        folder = Path(name)
        call(PYTHON, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
        built = next(folder.glob("*.whl"))
        compare_with_sources(built)
        install(folder / "venv", ("core.txt",), str(built))
        empty = folder / "empty"
        empty.mkdir()
        for command in ("--version", "--help", "samples", "init", "check --sandbox", "test"):
            said = call(folder / "venv/bin/bridge", *command.split(), cwd=empty).splitlines()
            print(f"bridge {command}: {said[0] if said else 'ok'}", flush=True)
        script = folder / "import_everything.py"
        script.write_text(IMPORT_EVERYTHING, "utf-8")
        print(call(folder / "venv/bin/python", "-I", script, cwd=empty).strip())
    print(f"{built.name} works on its own")


def bench(words: list[str]) -> NoReturn:
    """Run the benchmarks; words go to them."""
    prepare("dev")
    os.chdir(ROOT)
    become("-m", "bench", *words)


def fmt(words: list[str]) -> None:
    """Format the code and repair what the linter can repair."""
    refuse(words)
    prepare("dev")
    linted = subprocess.call([inside("ruff"), "check", "--fix", "."], cwd=ROOT, env=environment())
    formatted = subprocess.call([inside("ruff"), "format", "."], cwd=ROOT, env=environment())
    sys.exit(linted or formatted)


def lock(words: list[str]) -> None:
    """Write the lock files again after a change in pyproject.toml; `--upgrade` also takes newer versions."""
    refuse(word for word in words if word != "--upgrade")
    groups = ("--group", "build", "--group", "test", "--group", "lint")
    compile_lock("uv.txt", words, "--group", "tools")
    compile_lock("core.txt", words, "pyproject.toml")
    compile_lock("postgres.txt", words, "pyproject.toml", "--extra", "postgres", "-c", "locks/core.txt")
    compile_lock("build.txt", words, "--group", "build", "-c", "locks/core.txt")
    # Tested is what runs: the same version of every package that is in both.
    same = ("-c", "locks/postgres.txt", "-c", "locks/build.txt")
    extras = ("--extra", "postgres", "--extra", "apprise", "--extra", "pdf")
    compile_lock("dev.txt", words, "pyproject.toml", *extras, *groups, *same)


def setup(words: list[str]) -> None:
    """Make the environment and stop; `setup core` leaves out what only tests and checks need."""
    profile = words[0] if words else "dev"
    if profile not in LOCKS or len(words) > 1:
        message = f"setup takes one of {', '.join(LOCKS)}, not {' '.join(words)}."
        raise Failed(message)
    prepare(profile)
    print(f"{VENV.name} is ready")


def help_(_words: list[str]) -> None:
    """Show this text."""
    print("python3 x.py COMMAND [words]\n")
    for name, command in COMMANDS.items():
        print(f"  {name:8}{(command.__doc__ or '').splitlines()[0]}")


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "demo": demo,
    "run": run,
    "bridge": bridge,
    "test": test,
    "check": check,
    "wheel": wheel,
    "bench": bench,
    "fmt": fmt,
    "lock": lock,
    "setup": setup,
    "help": help_,
}


# ---- the environment ----

PYTHON = VENV / "bin/python"


def prepare(profile: str) -> None:
    """Return at once if `.venv` is good for the profile; otherwise make it so."""
    if is_ready(profile):
        return
    with alone():
        if is_ready(profile):
            return
        stamp = read_stamp()
        if stamp.get("profile") in GOOD_FOR[profile]:
            profile = stamp["profile"]  # an environment for testing keeps its tools when it is refreshed
        say(f"preparing .venv for {profile}; seconds with uv, a minute or two with pip")
        if stamp.get("place") != place() or not PYTHON.exists():
            shutil.rmtree(VENV, ignore_errors=True)
        else:
            write_stamp(profile, key="unfinished")
        install(VENV, LOCKS[profile], "--editable", str(ROOT))
        write_stamp(profile, key_of(profile))


def is_ready(profile: str) -> bool:
    """Whether `.venv` holds what the lock files say for this profile or a larger one."""
    stamp = read_stamp()
    have = stamp.get("profile", "")
    return have in GOOD_FOR[profile] and stamp.get("key") == key_of(have) and PYTHON.exists()


def key_of(profile: str) -> str:
    """Changes whenever the environment would come out differently."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    parts = [project["project"], project["build-system"], project["tool"]["hatch"], place()]
    parts += [(ROOT / "locks" / name).read_text("utf-8") for name in LOCKS[profile]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def place() -> list[str]:
    """What a virtual environment cannot survive a change of: its folder and Python's minor version."""
    return [str(ROOT), f"{sys.version_info.major}.{sys.version_info.minor}"]


def read_stamp() -> dict[str, Any]:
    """What `write_stamp` wrote; empty if it did not."""
    try:
        stamp = json.loads(STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(profile: str, key: str) -> None:
    """Record what `.venv` holds."""
    STAMP.write_text(json.dumps({"profile": profile, "key": key, "place": place()}), "utf-8")


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let one x.py at a time change the environment."""
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def install(venv: Path, locks: tuple[str, ...], *project: str) -> None:
    """Fill a virtual environment with the locked packages and the project, in the first way that works."""
    files = [str(ROOT / "locks" / name) for name in locks]
    for way in (install_with_uv, install_with_pip):
        try:
            way(venv, files, project)
        except Failed as failed:
            say(f"{way.__name__.rpartition('_')[2]} could not install the packages\n{failed}")
        else:
            return
    message = (
        "nothing is left to try. Is there uv, or pip and venv for this Python (on Debian the packages "
        "python3-pip and python3-venv)? Does the network reach the package index that pip is set up for?"
    )
    raise Failed(message)


def install_with_uv(venv: Path, files: list[str], project: tuple[str, ...]) -> None:
    """Seconds, and packages that are no longer locked disappear."""
    python = venv / "bin/python"
    if not python.exists():
        uv("venv", "--no-project", "--python", BASE_PYTHON, venv)
    uv("pip", "sync", "--python", python, "--require-hashes", "--compile-bytecode", *files)
    uv("pip", "install", "--python", python, "--no-deps", "--no-build-isolation", *project)


def install_with_pip(venv: Path, files: list[str], project: tuple[str, ...]) -> None:
    """A minute or two; starts from nothing, because pip does not take away what is no longer locked."""
    shutil.rmtree(venv, ignore_errors=True)
    call(BASE_PYTHON, "-m", "venv", venv)
    pip = (venv / "bin/python", *PIP_INSTALL)
    call(*pip, "--require-hashes", *(word for file in files for word in ("-r", file)))
    call(*pip, "--no-index", "--no-build-isolation", *project)


PIP_INSTALL = ("-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--no-deps")


def uv(*words: str | Path) -> None:
    """Run uv."""
    call(find_uv(), *words, variables=uv_settings())


@functools.cache
def find_uv() -> str:
    """The uv on the PATH, or one of our own, fetched with pip into `.tools`."""
    installed = shutil.which("uv")
    if installed:
        with contextlib.suppress(Failed):  # a version manager's placeholder may stand there
            call(installed, "--version")
            return installed
    wanted = ROOT / "locks/uv.txt"
    folder = TOOLS / f"uv-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]}"
    if not (folder / "bin/uv").exists():
        TOOLS.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=TOOLS) as fresh:
            options = ("--retries", "5", "--require-hashes", "--target", f"{fresh}/uv")
            call(BASE_PYTHON, *PIP_INSTALL, *options, "-r", wanted)
            shutil.rmtree(folder, ignore_errors=True)
            Path(fresh, "uv").rename(folder)
    return str(folder / "bin/uv")


@functools.cache
def uv_settings() -> dict[str, str]:
    """Variables that let uv go where pip can: pip's package index, and the certificates the machine trusts.

    uv reads neither by itself, and many machines are set up only for pip.
    """
    settings: dict[str, str] = {}
    if ssl.create_default_context().get_ca_certs() or any(Path("/etc/ssl/certs").glob("*")):
        settings |= {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"}  # the new and the old name
    if not any(name in os.environ for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_CONFIG_FILE")):
        with contextlib.suppress(Failed):  # pip has no such setting, or there is no pip
            settings["UV_DEFAULT_INDEX"] = pip_index()
    if "UV_CACHE_DIR" not in os.environ and not os.access(Path.home(), os.W_OK):
        settings["UV_CACHE_DIR"] = str(TOOLS / "uv-cache")
    return settings


def pip_index() -> str:
    """The package index of pip, or Failed if it has none of its own."""
    chosen = os.environ.get("PIP_INDEX_URL")
    return chosen or call(BASE_PYTHON, "-m", "pip", "config", "get", "global.index-url").strip()


def compile_lock(name: str, words: list[str], *what: str) -> None:
    """Write one lock file for every platform, with hashes and without the address of any package index."""
    options = ("--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url")
    header = ("--custom-compile-command", "python3 x.py lock")
    uv("pip", "compile", *options, *header, *words, *what, "-o", f"locks/{name}")
    text = (ROOT / "locks" / name).read_text("utf-8")
    if "://" in text or "--index" in text:
        message = f"locks/{name} names a package index; it must not. Look at uv's settings on this machine."
        raise Failed(message)
    print(f"locks/{name}: {len(re.findall(r'^[^ #]+==', text, re.MULTILINE))} packages")


# ---- checking ----

IMPORT_EVERYTHING = """\
import importlib, pkgutil, sys
import bridge
assert bridge.__file__.startswith(sys.prefix), f"{bridge.__file__} is not the installed one"
names = [found.name for found in pkgutil.walk_packages(bridge.__path__, "bridge.")]
for name in names:
    if ".migrations." not in name:  # these run only inside alembic
        importlib.import_module(name)
print(f"{len(names)} modules import")
"""


class Result(NamedTuple):
    """How one check went."""

    title: str
    passed: bool
    seconds: float
    last_line: str


def step(title: str, *command: str) -> Result:
    """Run one check and show what it prints."""
    print(f"\n--- {title} ---", flush=True)
    began = time.monotonic()
    last = ""
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            last = line.strip() or last
    result = Result(title, process.returncode == 0, time.monotonic() - began, last)
    print(f"{title}: {'ok' if result.passed else 'FAILED'}, {result.seconds:.1f} s", flush=True)
    return result


def close(results: list[Result], seconds: float) -> NoReturn:
    """Say in a few lines how everything went; exit with 1 unless it went well."""
    print("\n--- summary ---")
    for result in results:
        mark = "ok" if result.passed else "FAILED"
        print(f"{mark:7} {result.title:12} {result.seconds:6.1f} s  {result.last_line}")
    failed = sum(not result.passed for result in results)
    print(
        f"{failed} of {len(results)} checks failed" if failed else "all checks passed", f"in {seconds:.0f} s"
    )
    sys.exit(1 if failed else 0)


def compare_with_sources(built: Path) -> None:
    """Refuse a wheel without one of the package's files, or without the files `bridge init` copies."""
    with zipfile.ZipFile(built) as archive:
        packed = set(archive.namelist())
    shipped = [ROOT / "config.yaml", *filter(is_source, (ROOT / "templates").rglob("*"))]
    shipped += [ROOT / ".env.example", ROOT / "tests/stories.yaml"]
    wanted = {str(file.relative_to(ROOT)) for file in (ROOT / "bridge").rglob("*") if is_source(file)}
    wanted |= {f"bridge/_shipped/{file.relative_to(ROOT)}" for file in shipped}
    missing = sorted(wanted - packed)
    if missing:
        message = (
            f"The wheel lacks {', '.join(missing)}. Look at [tool.hatch] in pyproject.toml and at .gitignore."
        )
        raise Failed(message)


def is_source(file: Path) -> bool:
    """Whether it is a file that people wrote, rather than Python's or an editor's."""
    return file.is_file() and "__pycache__" not in file.parts and not file.name.startswith(".")


# ---- processes ----


def call(*command: str | Path, cwd: Path = ROOT, variables: dict[str, str] | None = None) -> str:
    """Run a tool quietly and return what it printed; if it fails, tell what it said last."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env=environment() | (variables or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except OSError as error:
        message = f"{words[0]} could not be started: {error.strerror}."
        raise Failed(message) from error
    if done.returncode:
        said = "\n".join(f"    {line}" for line in without_addresses(done.stdout).strip().splitlines()[-10:])
        name = " ".join([Path(words[0]).name, *words[1:4]])
        message = f"`{name} ...` failed with exit code {done.returncode}:\n{said}"
        raise Failed(message)
    return done.stdout


def become(*words: str) -> NoReturn:
    """Replace this process by the Python of `.venv`."""
    sys.stdout.flush()
    os.execve(PYTHON, [str(PYTHON), *words], environment())  # noqa: S606


def environment() -> dict[str, str]:
    """Variables for the tools: ours, without those of other environments, our commands found first."""
    ours = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    ours["PATH"] = os.pathsep.join([str(VENV / "bin"), ours.get("PATH", os.defpath)])
    ours["PYTHONUNBUFFERED"] = "1"
    return ours


def inside(name: str) -> str:
    """The path of a command in `.venv`."""
    return str(VENV / "bin" / name)


def without_addresses(text: str) -> str:
    """Hide the hosts of package indexes, which may be private and carry a password."""
    text = re.sub(r"[a-z][a-z+.-]*://[^\s'\")>`]+", "<address>", text)
    return re.sub(r"host='[^']*'", "host=<address>", text)


def refuse(words: Iterable[str]) -> None:
    """Stop on words that a command has no use for."""
    rest = " ".join(words)
    if rest:
        message = f"this command does not take `{rest}`; see `python3 x.py help`."
        raise Failed(message)


def say(sentence: str) -> None:
    """Tell about progress without mixing it into a command's output."""
    print(f"x.py: {sentence}", file=sys.stderr, flush=True)


def main(words: list[str]) -> None:
    """Run one command."""
    name, *rest = words or ["help"]
    name = "help" if name in ("-h", "--help") else name
    if name not in COMMANDS:
        sys.exit(f"x.py: there is no command `{name}`. There are {', '.join(COMMANDS)}.")
    try:
        COMMANDS[name](rest)
    except Failed as failed:
        sys.exit(f"x.py: {failed}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main(sys.argv[1:])
