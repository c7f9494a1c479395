"""People's names as messages should say them: `first_name` and `proper_name`."""

from __future__ import annotations

import re
import unicodedata

from bridge.rendering.words import words

PARTICLES = words("da das de do dos e")
"""Always small inside a Portuguese name, also where someone typed `Da`."""
FOREIGN_PARTICLES = words("del della der di du el la las le los van von y")
"""Small unless someone typed a capital: `Robert Di Angelo`."""
TITLES = words("adv don dona doña dr dra eng enga frei miss mr mrs ms pe prof profa sr sra srta srto")
NUMERALS = words("ii iii iv vi vii viii ix")
MAX_FIRST_NAME = 40
MAX_NAME = 120
MAX_READ = 300
"""Characters that are looked at; the rest of such a name is no name."""
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_SEPARATORS = re.compile(r"([-'\u2019./])")


def first_name(name: str) -> str:
    """Return the name to greet a person by: `DRA. MARIA DA SILVA` gives `Maria`.

    Titles, emoji and digits around it are left out. Blank when there is no name to find, as in an e-mail
    address or where an initial stands in its place (`L. Silva`); `| default(...)` takes over there.
    """
    clean = _clean(name)
    if _ADDRESS.fullmatch(clean):
        return ""
    bare = filter(None, map(_bare, clean.split()))
    first = next(bare, "")
    while first.rstrip(".").casefold() in TITLES and (following := next(bare, "")):
        first = following
    if _is_initial(first):
        return ""
    return "-".join(_greeted(part) for part in _cased(first).split("-"))[:MAX_FIRST_NAME]


def proper_name(name: str) -> str:
    """Return the whole name in capitals and small letters: `MARIA DA SILVA` gives `Maria da Silva`.

    A word that mixes both is left as it is (`McDonald`). Blank for an e-mail address, which is no name and
    should not be shown as one; `| default(...)` takes over there.
    """
    clean = _clean(name)
    if _ADDRESS.fullmatch(clean):
        return ""
    parts = [word for word in clean.split() if not all(map(_is_mark, word))]
    return " ".join(_in_name(word, first=not place) for place, word in enumerate(parts))[:MAX_NAME].rstrip()


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
    return _cased(word)


def _cased(word: str) -> str:
    """Capitalise each part of `ANNE-MARIE` and `d'ávila`, unless the word mixes capitals and others."""
    if _mixed(word):
        return word
    return "".join(part[:1].title() + part[1:].lower() for part in _SEPARATORS.split(word))


def _mixed(word: str) -> bool:
    """Tell whether someone chose the capitals, as in `McDonald`; `Maria` is as well left alone."""
    return word != word.upper() and word != word.lower()
