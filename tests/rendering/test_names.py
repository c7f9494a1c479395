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
    ("ACME TREINAMENTOS S.A.", "", "Acme Treinamentos S.A."),
    ("aurora cursos ltda", "", "Aurora Cursos Ltda"),
    ("AURORA CURSOS LTDA.", "", "Aurora Cursos Ltda."),
    ("AURORA CURSOS LTDA - ME", "", "Aurora Cursos Ltda - ME"),
    ("Aurora Cursos, Inc.", "", "Aurora Cursos, Inc."),
    ("SOUZA E LIMA COMÉRCIO S/A", "", "Souza e Lima Comércio S/A"),
    ("PADARIA PÃO QUENTE ME", "", "Padaria Pão Quente ME"),
    ("LIMA SERVIÇOS EIRELI", "", "Lima Serviços EIRELI"),
    ("MARIA DA SILVA 12345678909", "Maria", "Maria da Silva"),
    ("12.345.678 MARIA DA SILVA", "Maria", "Maria da Silva"),
    ("MARIA DA SILVA MEI", "Maria", "Maria da Silva MEI"),
    ("JOSE DE SA", "Jose", "Jose de Sa"),
    ("Mei Lin", "Mei", "Mei Lin"),
    ("Ltda", "Ltda", "Ltda"),
    ("Maria Lima <maria@aluna.example>", "Maria", "Maria Lima"),
    ("maria@aluna.example Maria Lima", "Maria", "Maria Lima"),
    ("PROFª ANA PAULA", "Ana", "Profª Ana Paula"),
    ("Prof.ª Ana Paula", "Ana", "Prof.ª Ana Paula"),
    ("Dr.ª. Ana", "Ana", "Dr.ª. Ana"),
    ("Sr. D'Ávila", "D'Ávila", "Sr. D'Ávila"),
    ("ana d'ávila", "Ana", "Ana D'Ávila"),
    ("KARL VON DER HEIDE", "Karl", "Karl von der Heide"),
    ("Sofía de los Ángeles", "Sofía", "Sofía de los Ángeles"),
    ('"Maria" Souza', "Maria", '"Maria" Souza'),
    ("\u200fمريم الحسن", "مريم", "\u200fمريم الحسن"),
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


GIVEN = st.sampled_from(
    [
        "maria",
        "ana",
        "joão",
        "josé",
        "ângela",
        "íris",
        "óscar",
        "anne-marie",
        "d'ávila",
        "zoë",
        "søren",
        "łucja",
        "nuñez",
    ]
)
SURNAMES = st.sampled_from(
    ["silva", "souza", "araújo", "o'connor", "d'ávila", "sá", "muñoz", "sainte-marie", "beethoven", "çelik"]
)
PARTICLES = st.sampled_from(["da", "das", "de", "do", "dos", "e", "de la", "del", "van", "von", "di", "y"])
TITLES = st.sampled_from(["dr.", "dra.", "prof.", "profª", "prof.ª", "sr.", "sra", "prof. dr.", "dona"])
STYLES = st.sampled_from([str.upper, str.lower])
AROUND = st.sampled_from(["", "🌸", "✨ ", " 🎓", "  ", "\t", "\u200b", "⭐⭐"])


@st.composite
def people(draw: st.DrawFn) -> tuple[str, str, list[str]]:
    """Return a name as someone types it, the word to greet by in small letters, and its particles."""
    first, style = draw(GIVEN), draw(STYLES)
    particles: list[str] = []
    words = [draw(TITLES)] if draw(st.booleans()) else []
    words.append(first)
    for _ in range(draw(st.integers(0, 3))):
        if draw(st.booleans()):
            particles.append(draw(PARTICLES))
            words.append(particles[-1])
        words.append(draw(SURNAMES))
    gap = draw(st.sampled_from([" ", "  ", " \u00a0"]))
    return draw(AROUND) + style(gap.join(words)) + draw(AROUND), first, particles


@given(people())
def test_however_a_name_is_typed_the_person_is_greeted_by_their_own(
    person: tuple[str, str, list[str]],
) -> None:
    """Capitals, titles, double spaces and emoji around it change nothing."""
    typed, first, _ = person
    greeted = first_name(typed)
    assert greeted.lower() == first
    assert greeted[0] == greeted[0].upper()
    assert not any(c.isdigit() or c in "@🌸✨🎓⭐" for c in greeted)


@given(people())
def test_a_whole_name_keeps_its_words_and_its_particles_small(person: tuple[str, str, list[str]]) -> None:
    """No word is lost or added, no two spaces are left, and particles between names stay small."""
    typed, _, particles = person
    said = proper_name(typed)
    assert said.lower().split() == typed.replace("\u200b", " ").lower().split() or "\u200b" in typed
    assert "  " not in said
    for particle in particles:
        assert f" {particle} " in f" {said} "
    assert proper_name(typed.upper()) == proper_name(typed.lower())


@given(people(), st.sampled_from(["Ltda", "LTDA.", "S.A.", "S/A", "Eireli", "LTDA ME", "Inc."]))
def test_a_company_is_not_greeted_as_a_person(person: tuple[str, str, list[str]], form: str) -> None:
    """Its first word is no name; the whole is said, and a template's default greets."""
    company = f"{person[0]} cursos {form}"
    assert first_name(company) == ""
    assert proper_name(company)


@given(people(), st.sampled_from(["12345678909", "123.456.789-09", "12.345.678/0001-95"]), st.booleans())
def test_a_tax_number_in_a_name_is_never_said(
    person: tuple[str, str, list[str]], number: str, before: bool
) -> None:
    """Sole traders' registered names carry one; a message repeats it to nobody."""
    typed = f"{number} {person[0]}" if before else f"{person[0]} {number}"
    assert proper_name(typed) == proper_name(person[0])
    assert first_name(typed) == first_name(person[0])


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
