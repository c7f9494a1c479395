"""`bridge preview` beyond text: reasons with what was at hand, the browser's page, pictures, watching."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cli.exits import ExitCode, Failure
from bridge.cli.previews.chromium import NAMES, Shot, browser, find_chromium
from bridge.cli.previews.hand import at_hand, excerpt
from bridge.cli.previews.mrkdwn_page import mrkdwn_html, slack_html
from bridge.cli.previews.page import POLICY, quiet
from bridge.cli.previews.watch import Watched, changed
from bridge.cli.text import one_line
from tests.cli.conftest import Bridge

EVENT = "nutror.module_completed"
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
FACTS = {
    "learner": {"name": "Maria da Silva", "email": "maria@aluna.example"},
    "data": {"courses": [{"hash": "c1"}], "price": "dez", "note": None},
}


# ---- reasons --------------------------------------------------------------------------------------------


@pytest.fixture
def shipped(bridge: Bridge) -> Bridge:
    assert bridge("init").code == ExitCode.OK
    return bridge


def _template(bridge: Bridge, text: str) -> None:
    bridge.write("templates/parabens-modulo.md", f"---\nsubject: Oi\n---\nBom dia.\n\n{text}\n\nFim.\n")


def test_a_value_that_is_absent_is_told_with_the_line_and_what_is_there(shipped: Bridge) -> None:
    """The person sees the line, the members that the group has, their values, and the likely name."""
    _template(shipped, "Olá {{ data.learner.nome }}!")
    said = shipped("preview", EVENT, "--rule", "parabens-modulo")
    assert said.code == ExitCode.PROBLEMS
    assert "templates/parabens-modulo.md:6: 'data.learner.nome' is absent in this event" in said.out
    assert "  → 6 │ Olá {{ data.learner.nome }}!" in said.out
    assert (
        "data.learner has: email (maria@aluna.example), name (Maria Aparecida da Silva); "
        "you wrote data.learner.nome, did you mean 'data.learner.name'?"
    ) in said.out


def test_a_name_that_no_event_has_is_told_the_same_way(shipped: Bridge) -> None:
    """What `check` refuses is shown with its line and this event's values as well."""
    _template(shipped, "Olá {{ learner.nome }}, {{ learner.name | firstname }}!")
    said = shipped("preview", EVENT)
    assert said.code == ExitCode.PROBLEMS
    assert "'learner' has no 'nome', did you mean 'name'?" in said.err
    assert "unknown filter 'firstname', did you mean 'first_name'?" in said.err
    assert "  → 6 │ Olá {{ learner.nome }}, {{ learner.name | firstname }}!" in said.err
    assert "learner has: name (Maria Aparecida da Silva), email (maria@aluna.example)" in said.err


def test_what_a_filter_was_given_is_shown(shipped: Bridge) -> None:
    _template(shipped, "Preço: {{ course.title | money }}")
    said = shipped("preview", EVENT)
    assert "a filter for numbers is given text that is no number" in said.out
    assert "    course.title is Python Básico" in said.out


def test_programs_get_the_reasons_too(shipped: Bridge) -> None:
    _template(shipped, "Olá {{ data.learner.nome }}!")
    mail = json.loads(shipped("preview", EVENT, "--json").out)[0]
    assert mail["error"].startswith("templates/parabens-modulo.md:6:")
    assert any("did you mean 'data.learner.name'?" in line for line in mail["at_hand"])


HANDS = [
    # a line, a reason, what is said
    (
        "{{ learner.nome }}",
        "",
        "learner has: name (Maria da Silva), email (maria@aluna.example); you wrote learner.nome, did you",
    ),
    ("{{ learner.name.title }}", "", "you wrote learner.name.title, but learner.name is Maria da Silva"),
    (
        "{{ progress.percent }}",
        "",
        "this event has: learner (a group: name, email), data (a group: courses, p",
    ),
    ("{{ data.price | money }}", "a filter is given no number", "data.price is dez"),
    ("{{ data.note }}", "'data.note' is null in this event", "data.note is null"),
    ("{{ data.courses[0].name }}", "", "data.courses[0] has: hash (c1); you wrote data.courses[0].name"),
    ("{{ data.kourses | default('') }}", "", ""),
    ("nothing asked for", "", ""),
]


@pytest.mark.parametrize(("line", "why", "said"), HANDS)
def test_the_values_at_hand_are_told(line: str, why: str, said: str) -> None:
    """Of what is absent, its group and the likely name; else the values that the line asks for."""
    told = at_hand(f"first\n{line}\n", 2, why, FACTS)
    assert told == [] if not said else told[0].startswith(said), told


def test_of_a_long_line_the_part_that_matters_is_shown() -> None:
    line = "a" * 300 + " {{ learner.nome }} " + "b" * 300
    shown = excerpt(line, 1, "'learner' has no 'nome'")
    assert len(shown) == 1
    assert "learner.nome" in shown[0]
    assert len(shown[0]) < 120


@given(st.text(), st.integers(-1, 9), st.text())
def test_no_source_and_no_reason_breaks_the_hints(source: str, line: int, why: str) -> None:
    """Whatever a template and a reason hold, the hints are short lines."""
    told = [*excerpt(source, line, why), *at_hand(source, line, why, FACTS)]
    assert all(len(each) < 1000 and one_line(each) == each for each in told)


# ---- Slack as HTML --------------------------------------------------------------------------------------

MRKDWN = [
    ("*bold* and _slanted_ and ~gone~", "<b>bold</b> and <i>slanted</i> and <s>gone</s>"),
    ("2*3*4 snake_case_name", "2*3*4 snake_case_name"),
    ("`*code*` and ```a\n*b*```", "<code>*code*</code> and <pre>a\n*b*</pre>"),
    ("&lt;b&gt; &amp;", "&lt;b&gt; &amp;"),
    ("<script>alert(1)</script>", '<span class="link" title="script">script</span>alert(1)'),
    (
        "<https://escola.example/a|aula *1*>",
        '<span class="link" title="https://escola.example/a">aula *1*</span>',
    ),
    ("<!channel> <@U123>", '<span class="mention">@channel</span> <span class="mention">@U123</span>'),
    (":tada: :nobody_knows:", "🎉 :nobody_knows:"),
    ("&gt; said\nnot said", "<blockquote>said</blockquote>not said"),
]


@pytest.mark.parametrize(("text", "expected"), MRKDWN)
def test_mrkdwn_looks_as_in_slack(text: str, expected: str) -> None:
    """Marks, code, links, mentions, emoji and quotes; nothing of a message becomes a tag of its own."""
    assert mrkdwn_html(text).startswith(expected)


@given(st.text(alphabet="<>&\"'=*_~`|@!#:ab \n\ue000\ue0010") | st.text())
def test_no_message_writes_html_of_its_own(text: str) -> None:
    """Only the tags of this module come out, and no attribute but theirs."""
    made = mrkdwn_html(text)
    for tag in ("b", "i", "s", "code", "pre", "blockquote"):
        made = made.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    made = made.replace("<br>", "").replace("</span>", "").replace('<span class="mention">', "")
    for part in made.split('<span class="link" title="')[1:]:
        assert part.index('">') == part.index('"')
    assert "<" not in made.replace('<span class="link" title="', "")


def test_blocks_are_shown() -> None:
    """Headings, sections with fields and buttons, context, dividers; what is unknown shows its words."""
    made = slack_html({
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "Hoje :tada:"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "*14* módulos"}, "fields": [
                {"type": "mrkdwn", "text": "_a_"}]},
            {"type": "divider"},
            {"type": "actions", "elements": [
                {"type": "button", "text": {"type": "plain_text", "text": "Ver"}, "url": "https://a.example"}]},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "fim"}]},
            {"type": "invented", "text": {"type": "mrkdwn", "text": "novo"}},
            "no block",
        ]
    })  # fmt: skip
    for part in ("Hoje 🎉", "<b>14</b> módulos", "<i>a</i>", "<hr>", ">Ver</span>", ">fim<", "novo"):
        assert part in made
    assert "https://a.example" not in made


# ---- the page -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [
        "<!doctype html><html><head><title>a</title></head>",
        "<!DOCTYPE html><p>a",
        "<p>a",
        "<HEAD class='a'>b",
    ],
)
def test_a_page_is_made_quiet_before_anything_in_it(page: str) -> None:
    """The policy stands before all that could ask for something, and the doctype before it."""
    made = quiet(page)
    assert POLICY in made
    assert (
        made.lower().index("content-security-policy")
        < min((made.index(part) for part in ("<title", "<p>", "b") if part in page), default=len(made))
        or "class" in page
    )
    assert not page.lower().startswith("<!doctype") or made.lower().startswith("<!doctype")


def _bridge(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bridge", *words],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_a_browser_is_opened_with_all_messages_on_one_page(shipped: Bridge) -> None:
    """The page has every message; frames run nothing, and the browser gets the page's address."""
    script = shipped.write("browser.sh", f'#!/bin/sh\necho "$1" > {shipped.folder}/opened\n')
    script.chmod(stat.S_IRWXU)
    done = _bridge(shipped.folder, "preview", EVENT, "--open", "--out", "out", BROWSER=f"{script} %s")
    assert done.returncode == ExitCode.OK, done.stderr
    page = shipped.folder / "out/preview.html"
    assert (shipped.folder / "opened").read_text("utf-8").strip() == page.resolve().as_uri()
    text = page.read_text("utf-8")
    assert text.count('sandbox=""') == text.count("<iframe") == 4
    assert "Maria, você concluiu" in text
    assert "opened" in done.stderr


def test_without_a_browser_the_path_is_told(shipped: Bridge) -> None:
    """On a server nothing opens; the page is written, and its path is said."""
    done = _bridge(
        shipped.folder, "preview", EVENT, "--open", "--out", "out", BROWSER="false", PATH="/nowhere"
    )
    assert done.returncode == ExitCode.OK, done.stderr
    assert "out/preview.html" in done.stderr
    assert (shipped.folder / "out/preview.html").is_file()


# ---- pictures -------------------------------------------------------------------------------------------


def _size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@needs_chromium
def test_pictures_are_taken_at_both_widths_light_and_dark(shipped: Bridge) -> None:
    """Four of each message that people see; dark ones differ, the whole height is on them."""
    said = shipped("preview", EVENT, "--png", "png")
    assert said.code == ExitCode.OK, said.err
    made = {path.name: path.read_bytes() for path in (shipped.folder / "png").iterdir()}
    shots = ("phone-light", "phone-dark", "desk-light", "desk-dark")
    mails = [made[f"parabens-modulo-email-learners-{shot}.png"] for shot in shots]
    assert set(made) == {
        f"parabens-modulo-{message}-{shot}.png"
        for shot in shots
        for message in ("email-learners", "slack-wins")
    }
    assert [_size(png)[0] for png in mails] == [750, 750, 1024, 1024]
    assert all(_size(png)[1] > 400 for png in mails)
    assert len(set(mails)) == 4
    assert "8 pictures are in png" in said.err


class _Heard(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.heard.append(self.path)  # type: ignore[attr-defined]
        self.send_response(404)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def _listening() -> Iterator[tuple[str, list[str]]]:
    server = HTTPServer(("127.0.0.1", 0), _Heard)
    server.heard = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.heard  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


HOSTILE = """<!doctype html><html><head><link rel="stylesheet" href="{at}/css"><meta http-equiv="refresh"
content="0;url={at}/refresh"><style>body {{ background: url({at}/background); }}
@font-face {{ font-family: X; src: url({at}/font); }} p {{ font-family: X; }} @import "{at}/import";</style>
<script src="{at}/script"></script></head><body background="{at}/old"><p>a</p>
<img src="{at}/img" srcset="{at}/set 2x">
<iframe src="{at}/frame"></iframe><object data="{at}/object"></object><embed src="{at}/embed">
<video src="{at}/video" poster="{at}/poster" autoplay></video><svg><image href="{at}/svg"/></svg>
<input type="image" src="{at}/input">
<script>fetch("{at}/fetch"); new Image().src="{at}/js";</script></body></html>"""


@needs_chromium
def test_a_page_in_the_browser_reaches_nobody() -> None:
    """Whatever a template's HTML asks for, nothing arrives at a server that listens; without policy too."""
    shot = Shot("x", 375, "light", phone=True)
    with _listening() as (at, heard), browser(find_chromium(None, os.environ)) as taking:
        page = HOSTILE.format(at=at)
        for each in (quiet(page), page):
            assert _size(taking.take(each, shot))[0] == 375
            assert len(taking.take(each, shot)) > len(taking.take("<p>", shot))  # it is still there
    assert heard == []


@needs_chromium
def test_a_browser_leaves_nothing_behind() -> None:
    """It has ended when the pictures are taken."""
    with browser(find_chromium(None, os.environ)) as taking:
        os.kill(taking.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(taking.pid, 0)


def test_where_there_is_no_chromium_the_person_is_told_what_to_do(shipped: Bridge) -> None:
    said = shipped("preview", EVENT, "--png", "png", env={"PATH": "/nowhere"})
    assert said.code == ExitCode.NOT_FOUND
    assert "there is no Chromium on this machine" in said.err
    assert "--chromium PATH" in said.err
    named = shipped("preview", EVENT, "--png", "png", "--chromium", "/nowhere/chromium")
    assert (named.code, "there is no program /nowhere/chromium" in named.err) == (ExitCode.NOT_FOUND, True)


def test_a_browser_that_ends_or_hangs_is_no_riddle(tmp_path: Path) -> None:
    """What it said last is told, and nobody waits for ever."""
    for script, start_s, why in (
        ("echo no usable sandbox >&2; exit 1", 50, "ended by itself"),
        ("exec sleep 60", 0.5, "does not answer Target.createTarget in time"),
    ):
        program = tmp_path / "chromium"
        program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        program.chmod(stat.S_IRWXU)
        with pytest.raises(Failure) as caught, browser(program, start_s=start_s):
            pass
        assert why in caught.value.lines[0]
        if "usable" in script:
            assert caught.value.lines[1:] == ("  no usable sandbox",)


# ---- watching -------------------------------------------------------------------------------------------


class _Watching:
    """`bridge preview --watch` as a process of its own, and all that it has said."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.said = ""
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "bridge", "preview", EVENT, "--watch", *words],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )

    def until(self, words: str, *, limit_s: float = 50) -> str:
        """Return what was said since the last time, until these words are there and it waits."""
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        while words not in self.said or not self.said.rstrip().endswith("Ctrl-C ends this"):
            assert select.select([self.process.stdout], [], [], limit_s)[0], self.said
            more = self.process.stdout.read()
            assert more, f"it ended: {self.said}"
            self.said += more.decode()
        said, self.said = self.said, ""
        return said

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(50)


@pytest.fixture
def watching(shipped: Bridge) -> Iterator[_Watching]:
    process = _Watching(shipped.folder, "--out", "out", "--open", "--rule", "parabens-modulo")
    try:
        yield process
    finally:
        process.process.kill()
        process.process.communicate()


def test_a_change_is_shown_at_once_and_a_mistake_in_its_place(shipped: Bridge, watching: _Watching) -> None:
    """Template and configuration, and mistakes in both; mended, the messages are back; Ctrl-C ends it."""
    page = shipped.folder / "out/preview.html"
    watching.until("Parabéns, Maria!")
    assert 'http-equiv="refresh"' in page.read_text("utf-8")
    _template(shipped, "Muito bem, {{ learner.name | first_name }}!")
    assert "Parabéns, Maria!" not in watching.until("Muito bem, Maria!")
    assert "Muito bem, Maria!" in page.read_text("utf-8")
    _template(shipped, "Muito bem, {{ learner.name | primeiro }}!")
    assert "  → 6 │ Muito bem, {{ learner.name | primeiro }}!" in watching.until("unknown filter 'primeiro'")
    assert "unknown filter &#x27;primeiro&#x27;" in page.read_text("utf-8")
    _template(shipped, "Boa, {{ learner.name | first_name }}!")
    watching.until("Boa, Maria!")
    config = shipped.folder / "config.yaml"
    text = config.read_text("utf-8")
    shipped.write("config.yaml", text.replace('channel: "#conquistas"', 'channel: "#turma"'))
    watching.until("#turma")
    shipped.write("config.yaml", "rules: [")
    watching.until("is never closed")
    shipped.write("config.yaml", text)
    watching.until("#conquistas")
    assert watching.end() == ExitCode.OK


def test_a_change_is_waited_for_until_it_is_whole(tmp_path: Path) -> None:
    """What an editor writes in several steps is one change; a rule file that is added counts."""
    config = tmp_path / "config.yaml"
    config.write_text("include: rules/*.yaml\n", "utf-8")
    watched = Watched(config, EVENT)
    before = watched.stamp()
    (tmp_path / "rules").mkdir()
    steps = ["", "rules:", "rules: []", ""]

    def wait(_: float) -> None:
        if text := steps.pop(0):
            (tmp_path / "rules/a.yaml").write_text(text, "utf-8")

    after = changed(before, watched.stamp, wait)
    assert after[str(tmp_path / "rules/a.yaml")][1] == len("rules: []")
    assert steps == []


def test_watching_is_for_people_and_files(shipped: Bridge) -> None:
    for words in (("--json",), ()):
        said = shipped("preview", "-" if not words else EVENT, "--watch", *words, stdin="{}")
        assert said.code == ExitCode.USAGE
        assert "--watch is for a person" in said.err
