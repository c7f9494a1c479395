"""Pictures of pages, taken by a Chromium of this machine, which may fetch nothing and run no script.

It is told what to do through a pipe (`--remote-debugging-pipe`), so no port is open and no library is needed:
messages are JSON that ends with a zero byte. https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import selectors
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field

from bridge.cli.exits import Failure, not_found

VARIABLE = "BRIDGE_CHROMIUM"
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
    "microsoft-edge",
    "brave-browser",
)
APPLICATIONS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--mute-audio",
    "--hide-scrollbars",
    "--font-render-hinting=none",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)
ROOT_FLAGS = ("--no-sandbox",)
"""For root only, for whom Chromium's own sandbox does not start; pages run no script here either way."""
START_S = 30.0
STEP_S = 30.0
MAX_HEIGHT = 6000
_LEAST_HEIGHT = 100
_FIRST_FREE_FD = 10
_MAX_ANSWER = 64 * 1024 * 1024

Scheme = Literal["light", "dark"]


class Shot(Struct, frozen=True):
    """How a page is looked at: so wide in CSS pixels, so many real pixels to each, light or dark."""

    name: str
    width: int
    scheme: Scheme
    phone: bool = False
    scale: float = 1


def find_chromium(named: Path | None, env: Mapping[str, str]) -> Path:
    """Return the browser that is named, or of `BRIDGE_CHROMIUM`, or on the path; fails with what to do."""
    wanted = str(named) if named else env.get(VARIABLE, "")
    if wanted:
        found = shutil.which(wanted)
        if found is None:
            raise not_found(f"there is no program {wanted}", f"--chromium and {VARIABLE} name a browser")
        return Path(found)
    for name in (*NAMES, *APPLICATIONS):
        found = shutil.which(name, path=env.get("PATH"))
        if found is not None:
            return Path(found)
    hint = f"install Chromium (Debian: apt install chromium), or name it: --chromium PATH, or {VARIABLE}"
    raise not_found("there is no Chromium on this machine, which takes the pictures", hint)


@contextmanager
def browser(program: Path, *, start_s: float = START_S) -> Iterator[Browser]:
    """Start the browser with a profile of its own, and end it whatever happens."""
    with tempfile.TemporaryDirectory(prefix="bridge-chromium-", ignore_cleanup_errors=True) as folder:
        started = _start(program, Path(folder))
        try:
            started.attach(start_s)
            yield started
        finally:
            started.end()


class Browser(Struct):
    """A browser that runs, with one page; every step has a time limit."""

    pid: int
    to: int
    answers: int
    log: Path
    _session: str = ""
    _last: int = 0
    _buffer: bytearray = field(default_factory=bytearray)

    def attach(self, limit_s: float) -> None:
        """Open the page, without scripts, and refuse whatever it asks for."""
        target = self._ask("Target.createTarget", {"url": "about:blank"}, limit_s=limit_s)["targetId"]
        attached = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True})
        self._session = attached["sessionId"]
        self._ask("Page.enable", {})
        self._ask("Emulation.setScriptExecutionDisabled", {"value": True})
        self._ask("Fetch.enable", {"patterns": [{"urlPattern": "*"}]})

    def take(self, page: str, shot: Shot) -> bytes:
        """Return a page of HTML as a PNG, its whole height up to a limit."""
        self._ask(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": shot.scheme}]},
        )
        self._size(shot, _LEAST_HEIGHT)
        frame = self._ask("Page.getFrameTree", {})["frameTree"]["frame"]["id"]
        self._ask("Page.setDocumentContent", {"frameId": frame, "html": page})
        height = self._ask("Page.getLayoutMetrics", {})["cssContentSize"]["height"]
        self._size(shot, min(int(height) or 1, MAX_HEIGHT))
        return base64.b64decode(self._ask("Page.captureScreenshot", {"format": "png"})["data"])

    def end(self) -> None:
        """End the browser and everything it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        os.close(self.to)
        os.close(self.answers)

    def _size(self, shot: Shot, height: int) -> None:
        size = {
            "width": shot.width,
            "height": height,
            "deviceScaleFactor": shot.scale,
            "mobile": shot.phone,
        }
        self._ask("Emulation.setDeviceMetricsOverride", size)

    def _ask(self, method: str, params: Mapping[str, object], *, limit_s: float = STEP_S) -> dict[str, Any]:
        """Send a command and return its result; fails when it is refused or takes too long."""
        number = self._send(method, params)
        until = time.monotonic() + limit_s
        while True:
            message = self._next(until, method)
            if message.get("method") == "Fetch.requestPaused":
                self._refuse(message["params"])
            if message.get("id") != number:
                continue
            if "error" in message:
                raise self._trouble(f"refuses {method}: {message['error'].get('message')}")
            result: dict[str, Any] = message.get("result", {})
            return result

    def _refuse(self, request: Mapping[str, Any]) -> None:
        """Let a request reach nobody; one for another page is answered with none, so that this one stays."""
        if request.get("resourceType") == "Document":
            nothing = {"requestId": request["requestId"], "responseCode": 204}
            self._send("Fetch.fulfillRequest", nothing)
        else:
            refused = {"requestId": request["requestId"], "errorReason": "BlockedByClient"}
            self._send("Fetch.failRequest", refused)

    def _send(self, method: str, params: Mapping[str, object]) -> int:
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        data = memoryview(json.dumps(message).encode() + b"\0")
        try:
            while data:
                data = data[os.write(self.to, data) :]
        except BrokenPipeError:
            raise self._trouble("ended by itself") from None
        return self._last

    def _next(self, until: float, method: str) -> dict[str, Any]:
        """Return the next message, be it an answer or an event."""
        while (end := self._buffer.find(0)) < 0:
            with selectors.DefaultSelector() as selector:
                selector.register(self.answers, selectors.EVENT_READ)
                if not selector.select(max(0.0, until - time.monotonic())):
                    raise self._trouble(f"does not answer {method} in time")
            data = os.read(self.answers, 1 << 20)
            if not data:
                raise self._trouble("ended by itself")
            self._buffer += data
            if len(self._buffer) > _MAX_ANSWER:
                raise self._trouble(f"answers {method} with too much")
        message: dict[str, Any] = json.loads(self._buffer[:end])
        del self._buffer[: end + 1]
        return message

    def _trouble(self, what: str) -> Failure:
        try:
            said = self.log.read_text("utf-8", "replace").strip().splitlines()
        except OSError:
            said = []
        return Failure(f"the browser {what}", *(f"  {line[:200]}" for line in said[-3:]))


def _start(program: Path, folder: Path) -> Browser:
    """Start the browser with its pipe at 3 and 4, in a process group of its own."""
    read_by_it, ours_to_write = map(_out_of_the_way, os.pipe())
    ours_to_read, written_by_it = map(_out_of_the_way, os.pipe())
    log = folder / "log"
    words = [str(program), *FLAGS, f"--user-data-dir={folder / 'profile'}"]
    words += ROOT_FLAGS if os.geteuid() == 0 else ()
    to_log = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        pid = os.posix_spawn(
            program,
            [*words, "about:blank"],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, read_by_it, 3),
                (os.POSIX_SPAWN_DUP2, written_by_it, 4),
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), to_log, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setpgroup=0,
        )
    except OSError as error:
        os.close(ours_to_write)
        os.close(ours_to_read)
        raise Failure(f"{program} cannot be started: {error.strerror}") from None
    finally:
        os.close(read_by_it)
        os.close(written_by_it)
    return Browser(pid, ours_to_write, ours_to_read, log)


def _out_of_the_way(descriptor: int) -> int:
    """Return the same end of a pipe under a number above those that the browser's ends get."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD)
    os.close(descriptor)
    return moved
