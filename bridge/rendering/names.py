"""People's names as messages should say them: `first_name` and `proper_name`."""

from __future__ import annotations

import re
import unicodedata

from bridge.rendering.words import words

PARTICLES = words("da das de do dos e")
"""Always small inside a Portuguese name, also where someone typed `Da`."""
FOREIGN_PARTICLES = words("del della der di du el la las le los van von y")
"""Small unless someone typed a capital: `Robert Di Angelo`."""
TITLES = words("adv don dona doña dr dra eng enga frei lic miss mr mrs ms mx pe prof profa sr sra srta srto")
"""Without their dots, and with `ª` as `a`: `Dr.ª` and `Profª` are among them."""
COMPANIES = words("cia eireli epp gmbh inc llc ltd ltda s/a s.a s.l s.l.u s.r.l")
"""What stands at a company's end, without the last dot. `SA` alone may be the surname `Sá`."""
_IN_CAPITALS = words("eireli epp llc")
SMALL_COMPANY = "ME"
SOLE_TRADER = "MEI"
"""A person by law; their company is called by their name, with its number before it or theirs behind it."""
NUMERALS = words("ii iii iv vi vii viii ix")
MIN_WORDS_OF_COMPANY = 3
MIN_DIGITS_OF_NUMBER = 6
MAX_FIRST_NAME = 40
MAX_NAME = 120
MAX_READ = 300
"""Characters that are looked at; the rest of such a name is no name."""
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_SEPARATORS = re.compile(r"([-'\u2019./])")


def first_name(name: str) -> str:
    """Return the name to greet a person by: `DRA. MARIA DA SILVA` gives `Maria`.

    Titles, emoji and digits around it are left out. Blank when there is no name to find, as in an e-mail
    address, a company's name (`Aurora Cursos Ltda`), or where an initial stands in its place (`L. Silva`);
    `| default(...)` takes over there.
    """
    parts = _words_of(name)
    if _is_company(parts):
        return ""
    bare = filter(None, map(_bare, parts))
    first = next(bare, "")
    while _is_title(first) and (following := next(bare, "")):
        first = following
    if _is_initial(first):
        return ""
    return "-".join([_greeted(part) for part in _cased(first).split("-")])[:MAX_FIRST_NAME]


def proper_name(name: str) -> str:
    """Return the whole name in capitals and small letters: `MARIA DA SILVA` gives `Maria da Silva`.

    A word that mixes both is left as it is (`McDonald`). An e-mail address and a long number, as of a tax
    register, are no part of a name and are left out; `| default(...)` takes over where nothing is left.
    """
    parts = [word for word in _words_of(name) if not all(map(_is_mark, word))]
    made = [_in_name(word, first=not place) for place, word in enumerate(parts)]
    if len(parts) >= MIN_WORDS_OF_COMPANY and parts[-1] in (SMALL_COMPANY, SOLE_TRADER):
        made[-1] = parts[-1]
    return " ".join(made)[:MAX_NAME].rstrip()


def _words_of(name: str) -> list[str]:
    """Return the words of a name, without addresses and long numbers."""
    clean = _clean(name)
    parts = clean.split()
    if clean.isalpha() or not ("@" in clean or any(map(str.isdecimal, clean))):
        return parts
    return [word for word in parts if not (_is_number(word) or _ADDRESS.fullmatch(word.strip("<>(),;\"'")))]


def _is_number(word: str) -> bool:
    digits = sum(map(str.isdecimal, word))
    return digits >= MIN_DIGITS_OF_NUMBER and not any(map(str.isalpha, word))


def _is_company(parts: list[str]) -> bool:
    if len(parts) < 2:
        return False
    if parts[-1].strip("()-") == SMALL_COMPANY and len(parts) >= MIN_WORDS_OF_COMPANY:
        return True
    return not COMPANIES.isdisjoint([word.casefold().strip(",.()-") for word in parts[-2:]])


def _is_title(word: str) -> bool:
    plain = word.replace(".", "").replace("ª", "a").replace("º", "o")
    return plain.casefold() in TITLES


def _clean(name: str) -> str:
    """Compose accents, drop what is invisible, and make one space of several."""
    composed = unicodedata.normalize("NFC", name[:MAX_READ])
    if composed.isprintable():
        return composed.strip()
    return " ".join("".join(c if _visible(c) else " " for c in composed).split())


def _visible(character: str) -> bool:
    # Cf holds the joiners that family emoji and some scripts need; only direction overrides are dropped.
    return unicodedata.category(character) not in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp") and not (
        "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"
    )


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def _bare(word: str) -> str:
    """Return a word from its first letter to its last letter or mark, or nothing if it has no letter."""
    if word.isalpha():
        return word
    letters = [place for place, c in enumerate(word) if unicodedata.category(c).startswith("L")]
    if not letters:
        return ""
    end = letters[-1] + 1
    while end < len(word) and (_is_mark(word[end]) or word[end] == "."):
        end += 1
    return word[letters[0] : end]


def _is_initial(word: str) -> bool:
    """Tell `L`, `L.` and `J.R.` from a name; one letter of a script without capitals, as `李`, is a name."""
    if len(word) > 1 and "." not in word:
        return False
    return all(len(part) <= 1 and part.upper() != part.lower() for part in word.rstrip(".").split("."))


def _greeted(part: str) -> str:
    """Give each half of `Maria-clara` its capital."""
    return part if _mixed(part) else part[:1].title() + part[1:]


def _in_name(word: str, *, first: bool) -> str:
    folded = word.casefold()
    if not first and (folded in PARTICLES or (folded in FOREIGN_PARTICLES and not _mixed(word))):
        return folded
    if not first and folded in NUMERALS:
        return word.upper()
    if not first and folded in _IN_CAPITALS:
        return folded.upper()
    return _cased(word)


def _cased(word: str) -> str:
    """Capitalise each part of `ANNE-MARIE` and `d'ávila`, unless the word mixes capitals and others."""
    if _mixed(word):
        return word
    return "".join(part[:1].title() + part[1:].lower() for part in _SEPARATORS.split(word))


def _mixed(word: str) -> bool:
    """Tell whether someone chose the capitals, as in `McDonald`; `Maria` is as well left alone."""
    return word != word.upper() and word != word.lower()
