"""`bridge suppressions` on a real store."""

from __future__ import annotations

import json

import pytest

from bridge.cli.exits import ExitCode
from tests.cli.conftest import Bridge
from tests.cli.school import live
from tests.support.pipeline import completion

MARIA = "maria@aluna.example"


@pytest.fixture
def listing(school: Bridge) -> Bridge:
    """A school whose bridge has run once."""
    live(school.folder / "config.yaml")
    return school


def listed(bridge: Bridge, *words: str) -> list[tuple[str | None, str, str]]:
    found = json.loads(bridge("suppressions", "list", "--json", *words).out)
    return [(each["address"], each["scope"], each["why"]) for each in found]


def test_the_list_is_empty_at_first(listing: Bridge) -> None:
    """And says so."""
    said = listing("suppressions", "list")
    assert (said.code, said.out) == (ExitCode.OK, "nobody is on the list\n")


def test_addresses_are_added_listed_and_removed(listing: Bridge) -> None:
    """However they are typed; a reason that is not there is exit 1."""
    said = listing("suppressions", "add", "Maria@Aluna.example", "rui@aluno.example", "--why", "pediu")
    assert (said.code, said.out) == (
        ExitCode.OK,
        "Maria@Aluna.example gets nothing from now on\nrui@aluno.example gets nothing from now on\n",
    )
    table = listing("suppressions", "list", "aluna").out
    assert table.splitlines()[0].split() == ["ADDRESS", "GETS", "NO", "BY", "SINCE", "WHY"]
    assert table.splitlines()[1].startswith(f"{MARIA}  messages at all  operator")
    assert listed(listing, "--source", "operator") == [
        ("rui@aluno.example", "everything", "pediu"),
        (MARIA, "everything", "pediu"),
    ]
    assert listed(listing, "--source", "bounced") == []
    assert listed(listing, "-n", "1") == [("rui@aluno.example", "everything", "pediu")]
    assert (
        listing("suppressions", "remove", MARIA).out == f"{MARIA} is off the list, where it was as operator\n"
    )
    again = listing("suppressions", "remove", MARIA)
    assert (again.code, again.out) == (ExitCode.PROBLEMS, f"{MARIA} is not on the list\n")
    assert listing("suppressions", "list", "ana@").out == "no address matches\n"


def test_an_event_says_what_was_kept_from_whom(listing: Bridge) -> None:
    """In the explanation, and where deliveries are listed and shown, with what to do."""
    listing("suppressions", "add", MARIA, "--why", "pediu")
    live(listing.folder / "config.yaml", completion("e1"))
    told = "suppressed: an operator took the address off on"
    said = " ".join(listing("explain", "1").out.split())
    assert "email via learners: delivery" in said
    assert told in said
    assert told[:40] in listing("deliveries", "list", "--state", "suppressed").out
    (row,) = json.loads(listing("deliveries", "list", "--state", "suppressed", "--json").out)
    shown = " ".join(listing("deliveries", "show", row["id"]).out.split())
    assert "Once the address is off the list" in shown
    assert listing("deliveries", "retry", row["id"]).code == ExitCode.OK


@pytest.mark.parametrize("command", ["add", "remove"])
def test_what_is_no_address_is_refused(listing: Bridge, command: str) -> None:
    """The command line makes no sense, so nothing of it is done."""
    listing("suppressions", "add", MARIA)
    said = listing("suppressions", command, "maria", MARIA, "rui@aluno.example")
    assert (said.code, said.out) == (ExitCode.USAGE, "")
    assert said.err.endswith("'maria' is no e-mail address\nnothing was changed\n")
    assert listed(listing) == [(MARIA, "everything", "")]


def test_an_address_may_be_kept_from_some_messages_only(listing: Bridge) -> None:
    """Nudges and marketing."""
    assert listing("suppressions", "add", MARIA, "--scope", "optional").code == ExitCode.OK
    assert listed(listing) == [(MARIA, "optional", "")]


@pytest.mark.parametrize(
    "text",
    [
        "maria@aluna.example\n\n# saiu\nRui@aluno.example\nmaria@aluna.example\n",
        'name,email\nMaria,maria@aluna.example\n"Prado, Rui",rui@aluno.example\n',
        "E-mail;Nome\r\nmaria@aluna.example;Maria\r\nrui@aluno.example;Rui\r\n",
        "\ufeffmaria@aluna.example\nrui@aluno.example",
    ],
)
def test_a_file_is_imported(listing: Bridge, text: str) -> None:
    """Lines, or a table with a column of addresses; again it is the same."""
    file = listing.write("lista.csv", text)
    for _ in range(2):
        said = listing("suppressions", "import", str(file))
        assert (said.code, said.out) == (ExitCode.OK, "2 addresses are on the list\n")
    assert sorted(listed(listing)) == [
        (MARIA, "everything", "imported"),
        ("rui@aluno.example", "everything", "imported"),
    ]


def test_a_long_file_is_imported_in_parts(listing: Bridge) -> None:
    """From standard input too."""
    text = "".join(f"aluno{number}@aluno.example\n" for number in range(1_201))
    said = listing("suppressions", "import", "-", "--json", stdin=text)
    assert json.loads(said.out) == {"imported": 1_201}
    assert len(listed(listing, "-n", "5000")) == 1_201


def test_a_file_with_something_else_is_not_imported_at_all(listing: Bridge) -> None:
    """The lines are told, as far as a screen goes."""
    file = listing.write("lista.txt", f"{MARIA}\n" + "maria\n" * 12)
    said = listing("suppressions", "import", str(file))
    assert said.code == ExitCode.PROBLEMS
    assert "line 2: maria" in said.err
    assert "and 2 more" in said.err
    assert listed(listing) == []
    assert listing("suppressions", "import", "nowhere.txt").code == ExitCode.NOT_FOUND
    (listing.folder / "latin.txt").write_bytes(b"jos\xe9@aluno.example")
    assert "is not UTF-8" in listing("suppressions", "import", "latin.txt").err
