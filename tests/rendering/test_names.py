"""Names as people write them, and as messages should say them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rendering.names import MAX_FIRST_NAME, MAX_NAME, first_name, proper_name

NAMES = [
    # as it arrives, to greet by, in full
    ("MARIA DA SILVA", "Maria", "Maria da Silva"),
    ("maria da silva", "Maria", "Maria da Silva"),
    ("Maria Da Silva", "Maria", "Maria da Silva"),
    ("Maria", "Maria", "Maria"),
    ("  José   E  ANA ", "José", "José e Ana"),
    ("joão pedro dos SANTOS e souza", "João", "João Pedro dos Santos e Souza"),
    ("ANNE-MARIE D'ÁVILA", "Anne-Marie", "Anne-Marie D'Ávila"),
    ("Shaun O\u2019CONNOR", "Shaun", "Shaun O\u2019Connor"),
    ("Ronald McDonald", "Ronald", "Ronald McDonald"),
    ("DRA. ANA LÚCIA", "Ana", "Dra. Ana Lúcia"),
    ("Prof. Dr. Caio Prado", "Caio", "Prof. Dr. Caio Prado"),
    ("Dr.", "Dr.", "Dr."),
    ("João Paulo II", "João", "João Paulo II"),
    ("joão paulo ii", "João", "João Paulo II"),
    ("LUDWIG VAN BEETHOVEN", "Ludwig", "Ludwig van Beethoven"),
    ("Juan de la Cruz y Ortega", "Juan", "Juan de la Cruz y Ortega"),
    ("De Lourdes", "De", "De Lourdes"),
    ("J. K. Rowling", "", "J. K. Rowling"),
    ("L. Silva", "", "L. Silva"),
    ("l silva", "", "L Silva"),
    ("J.R. Souza", "", "J.R. Souza"),
    ("Dra. L. Silva", "", "Dra. L. Silva"),
    ("Jo Silva", "Jo", "Jo Silva"),
    ("Maria-clara Lima", "Maria-Clara", "Maria-clara Lima"),
    ("maria-clara lima", "Maria-Clara", "Maria-Clara Lima"),
    ("ACME TREINAMENTOS S.A.", "Acme", "Acme Treinamentos S.A."),
    ("🌸 Maria 🌸", "Maria", "🌸 Maria 🌸"),
    ("Maria🌸", "Maria", "Maria🌸"),
    ("👩‍👩‍👧 Família Lima", "Família", "👩‍👩‍👧 Família Lima"),
    ("🌸", "", "🌸"),
    ("maria.silva@aluna.example", "", ""),
    ("~*~ LULU ~*~", "Lulu", "~*~ Lulu ~*~"),
    ("Maria123", "Maria", "Maria123"),
    ("12345", "", "12345"),
    ("محمد علي", "محمد", "محمد علي"),
    ("שרה כהן", "שרה", "שרה כהן"),
    ("李 小龍", "李", "李 小龍"),
    ("МАРИЯ ИВАНОВА", "Мария", "Мария Иванова"),
    ("\u0301", "", ""),
    ("Jose\u0301 Silva", "José", "José Silva"),
    ("Maria\u202e\u0007Silva", "Maria", "Maria Silva"),
    ("", "", ""),
    (" \n ", "", ""),
    ("<b>Maria</b>", "b>Maria</b", "<b>Maria</b>"),
]


@pytest.mark.parametrize(("name", "first", "proper"), NAMES)
def test_names_are_said_as_their_owners_would(name: str, first: str, proper: str) -> None:
    """One word, capitals, particles, companies, other scripts, emoji, addresses: each comes out sensibly."""
    assert first_name(name) == first
    assert proper_name(name) == proper


@given(st.text())
def test_no_name_breaks_the_filters(name: str) -> None:
    """Any text gives one short line, and a first name is one word."""
    assert len(first_name(name).split()) <= 1
    assert len(first_name(name)) <= MAX_FIRST_NAME
    assert len(proper_name(name)) <= MAX_NAME
    assert len(proper_name(name).splitlines()) <= 1


@given(st.text())
def test_saying_a_name_twice_changes_nothing(name: str) -> None:
    """A proper name is a fixed point: it can be filtered again."""
    once = proper_name(name)
    assert proper_name(once) == once


@pytest.mark.parametrize(
    "name", ["a" * 1_000_000, "a@" + "." * 1_000_000 + "@", "\u0301" * 1_000_000, "É " * 500_000]
)
def test_a_very_long_name_costs_no_time(name: str) -> None:
    """Names of a megabyte are cut before they are looked at."""
    assert len(first_name(name)) <= MAX_FIRST_NAME
    assert len(proper_name(name)) <= MAX_NAME
