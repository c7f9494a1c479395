"""`bridge channels` on a real store."""

from __future__ import annotations

import json

import pytest

from bridge.cli.exits import ExitCode
from bridge.core.outcomes import Reason, Rejected
from tests.cli.conftest import Bridge
from tests.cli.school import live
from tests.support.pipeline import completion

LIST = """\
CHANNEL   TYPE   STATE    WAITING  RATE  UNTIL  WHY
learners  email  stopped  1                     auth 535: the mail server refuses the login
wins      slack  working  0        1/s
"""


@pytest.fixture
def stopped(school: Bridge) -> Bridge:
    """A school whose mail server has refused the login."""
    refused = Rejected(Reason.AUTH, 535, "the mail server refuses the login", gone=True)
    live(school.folder / "config.yaml", completion("e1"), scripts={"learners": [refused]})
    return school


def test_channels_are_listed(stopped: Bridge) -> None:
    """With how each does, what waits, and why."""
    said = stopped("channels", "list")
    assert (said.code, said.out, said.err) == (ExitCode.OK, LIST, "")


def test_one_is_shown_with_what_to_do(stopped: Bridge) -> None:
    """The command that lets it go on can be copied."""
    said = stopped("channels", "show", "learners")
    assert said.code == ExitCode.OK
    assert "channel learners, stopped" in said.out
    assert "`bridge channels resume learners`" in " ".join(said.out.split())
    assert "channel_stopped since 2026-05-04 09:00:00 -03" in " ".join(said.out.split())


def test_resume_and_pause(stopped: Bridge) -> None:
    """What is done is said, what makes no sense is exit 1."""
    assert stopped("channels", "resume", "learners").out == "channel learners sends again\n"
    assert stopped("channels", "resume", "learners").code == ExitCode.PROBLEMS
    said = stopped("channels", "pause", "wins", "--why", "reforma")
    assert (said.code, said.out) == (ExitCode.OK, "channel wins is paused; its deliveries wait\n")
    found = json.loads(stopped("channels", "list", "--json").out)
    assert [(each["state"], each["why"]) for each in found] == [("working", None), ("stopped", "reforma")]


def test_json_has_the_troubles(stopped: Bridge) -> None:
    """A program sees what a person sees."""
    found = json.loads(stopped("channels", "show", "learners", "--json").out)
    assert (found["state"], found["waiting"]) == ("stopped", 1)
    assert [each["trouble"] for each in found["troubles"]] == ["channel_stopped"]


def test_a_channel_that_is_not_there_is_not_found(school: Bridge) -> None:
    """With the name that was probably meant."""
    said = school("channels", "show", "learnes")
    assert said.code == ExitCode.NOT_FOUND
    assert "did you mean 'learners'?" in said.err


def test_a_delivery_says_that_its_channel_is_stopped(stopped: Bridge) -> None:
    """Its own next time would mislead: nothing goes before the channel does."""
    (row,) = [
        each for each in json.loads(stopped("deliveries", "list", "--json").out) if each["state"] == "pending"
    ]
    said = stopped("deliveries", "show", row["id"])
    assert "The channel learners is stopped; `bridge channels show learners` says why." in said.out
