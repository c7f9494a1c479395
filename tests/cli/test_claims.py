"""`bridge claims` on a real store, and what `check` says of claims whose rule is gone."""

from __future__ import annotations

import json
import sqlite3

import pytest

from bridge.cli.exits import ExitCode
from bridge.core.identity import ID_SHOWN
from bridge.core.outcomes import Reason, Retry
from tests.cli.conftest import Bridge
from tests.cli.school import CONFIG, live, write_school
from tests.support.pipeline import completion

LIST = """\
DELIVERY          SINCE                    STATE      RULE      ACTION          ITS DELIVERY  CLAIM
019df2dcf460e79b  2026-05-04 09:02:00 -03  confirmed  parabens  slack:wins      delivered     learner.email=joao@aluno.example, module.id=3253
019df2dcf460f97b  2026-05-04 09:01:00 -03  released   parabens  email:learners  dead          learner.email=joao@aluno.example, module.id=3253
019df2dc0a001f4f  2026-05-04 09:01:00 -03  confirmed  parabens  slack:wins      delivered     learner.email=maria@aluna.example, module.id=3253
019df2dc0a00eb80  2026-05-04 09:00:00 -03  confirmed  parabens  email:learners  delivered     learner.email=maria@aluna.example, module.id=3253
"""  # noqa: E501 - as it is printed
DEAD, MARIAS = "019df2dcf460f97b", "019df2dc0a00eb80"
RENAMED = CONFIG.replace("name: parabens", "name: parabens-modulo")


def ids(bridge: Bridge, *words: str) -> list[str]:
    said = bridge("claims", "list", "--json", *words)
    assert (said.code, said.err) == (ExitCode.OK, "")
    return [row["delivery"][12:ID_SHOWN] for row in json.loads(said.out)]


@pytest.fixture
def waiting(school: Bridge) -> Bridge:
    """A school one of whose messages waits for its next attempt."""
    script = {"wins": [Retry(Reason.SERVER, 503, "busy")]}
    live(school.folder / "config.yaml", completion("e1"), scripts=script)
    with sqlite3.connect(school.folder / "bridge.db") as store:
        store.execute("UPDATE deliveries SET state = 'pending' WHERE action = 'slack:wins'")
        store.execute("UPDATE claims SET state = 'reserved' WHERE action = 'slack:wins'")
    return school


def test_they_are_listed(lived: Bridge) -> None:
    """The last changed first, with what is claimed, since when, and what became of the delivery."""
    said = lived("claims", "list")
    assert (said.code, said.out, said.err) == (ExitCode.OK, LIST, "")


def test_filters(lived: Bridge) -> None:
    """By person, rule, action, state and time, and page by page."""
    assert ids(lived, "--text", "MARIA@aluna.example") == ["1f4f", "eb80"]
    assert ids(lived, "--action", "email:learners", "--state", "confirmed") == ["eb80"]
    assert ids(lived, "--rule", "boas-vindas") == []
    assert ids(lived, "--until", "2026-05-04T09:00:30") == ["eb80"]
    assert ids(lived, "-n", "2", "--before", DEAD) == ["1f4f", "eb80"]
    more = lived("claims", "list", "-n", "1").out.splitlines()[-1]
    assert more.startswith("more: --before 019df2dcf460e79b")
    assert ids(lived, "-n", "1", *more.split()[1:]) == ["f97b"]
    assert lived("claims", "list", "--text", "nobody").out == "no claim matches\n"


def test_one_is_shown_with_what_to_do(lived: Bridge) -> None:
    said = lived("claims", "show", MARIAS)
    assert said.code == ExitCode.OK
    assert "learner.email=maria@aluna.example, module.id=3253" in said.out
    assert f"`bridge claims release {MARIAS}` lets it go" in " ".join(said.out.split())
    assert "It is free" in lived("claims", "show", DEAD).out
    assert lived("claims", "show", "ffff").code == ExitCode.NOT_FOUND


def test_a_release_says_what_it_does_asks_and_says_what_it_means(lived: Bridge) -> None:
    """No leaves all as it was."""
    said = lived("claims", "release", "--rule", "parabens", stdin="n\n")
    assert said.code == ExitCode.PROBLEMS
    assert "3 claims would be free; 1 are free already" in said.err
    assert MARIAS in said.out
    assert ids(lived, "--state", "released") == ["f97b"]
    said = lived("claims", "release", "--rule", "parabens", "--yes")
    assert (said.code, said.out) == (
        ExitCode.OK,
        "3 claims released: the next such event is sent again, and so is one that is replayed\n",
    )
    assert len(ids(lived, "--state", "released")) == 4


def test_what_it_means_is_true(lived: Bridge) -> None:
    """The next event of that learner and module is sent; the others still are not."""
    assert lived("claims", "release", "--text", "maria@", "--yes").code == ExitCode.OK
    live(
        lived.folder / "config.yaml",
        completion("e8"),
        completion("e9", learner={"name": "João Pedro", "email": "joao@aluno.example"}),
    )
    sent = json.loads(lived("deliveries", "list", "--json", "--state", "delivered").out)
    mailed = [row["learner"] for row in sent if row["action"] == "email:learners"]
    assert mailed.count("maria@aluna.example") == 2
    assert mailed.count("joao@aluno.example") == 1  # the claim of the one that died was free


def test_named_ones_are_let_go_one_by_one(lived: Bridge) -> None:
    """What cannot be done is said, with exit 1."""
    said = lived("claims", "release", MARIAS, DEAD, "--yes")
    assert said.code == ExitCode.PROBLEMS
    assert MARIAS in said.out
    assert "is free: the next such event is sent again" in said.out
    assert "is free already" in said.out


def test_what_is_under_way_keeps_its_claim(waiting: Bridge) -> None:
    """With the reason, and the command that gives both up."""
    (row,) = json.loads(waiting("claims", "list", "--json", "--state", "reserved").out)
    said = waiting("claims", "release", row["delivery"][:ID_SHOWN], "--yes", "--json")
    (told,) = json.loads(said.out)
    assert (said.code, told["done"]) == (ExitCode.PROBLEMS, False)
    assert "is pending and keeps its claim; `bridge deliveries discard" in told["sentence"]
    said = waiting("claims", "release", "--text", "maria", "--yes", "--json")
    assert json.loads(said.out)["released"] == 1
    assert json.loads(said.out)["kept"] == 1


def test_a_slip_releases_nothing(lived: Bridge) -> None:
    """Without filters, with both kinds of choice, in a state that is free, or where nobody can be asked."""
    for words in ([], [MARIAS, "--rule", "parabens"], ["--state", "released"]):
        assert lived("claims", "release", *words, "--yes").code == ExitCode.USAGE
    assert lived("claims", "release", "--rule", "parabens", stdin="").code == ExitCode.USAGE
    assert len(ids(lived, "--state", "confirmed")) == 3


def test_check_tells_of_claims_whose_rule_is_gone(lived: Bridge) -> None:
    """With the two ways out; it stays a good configuration."""
    assert lived("check").err == ""
    write_school(lived.folder, RENAMED)
    said = lived("check")
    assert said.code == ExitCode.OK
    assert (
        "bridge: 2 claims of slack:wins belong to the rule 'parabens', which is gone: write `was: parabens` "
        "on the rule 'parabens-modulo' so that it goes on under them, or forget them: "
        "`bridge claims release --rule parabens`\n"
    ) in said.err
    (first, _) = json.loads(lived("check", "--json").out)["claims"]
    assert (first["rule"], first["action"], first["claims"]) == ("parabens", "email:learners", 1)
    assert first["probably"] == "parabens-modulo"


def test_either_way_out_silences_it(lived: Bridge) -> None:
    """`was:` keeps the promise, a release forgets it."""
    write_school(lived.folder, RENAMED.replace("parabens-modulo", "parabens-modulo\n    was: parabens"))
    assert lived("check").err == ""
    assert "(now parabens-modulo)" in lived("claims", "list").out
    assert len(ids(lived, "--rule", "parabens-modulo")) == 4
    live(lived.folder / "config.yaml", completion("e8"))
    assert len(ids(lived, "--state", "confirmed")) == 3
    write_school(lived.folder, RENAMED)
    assert lived("claims", "release", "--rule", "parabens", "--yes").code == ExitCode.OK
    assert lived("check").err == ""


def test_check_needs_no_store(school: Bridge) -> None:
    """And makes none."""
    said = school("check", "--json")
    assert (said.code, json.loads(said.out)["claims"]) == (ExitCode.OK, [])
    assert not (school.folder / "bridge.db").exists()
