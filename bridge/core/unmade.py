"""What the team reads in the place of a message that could not be made, in each language."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

WHY_LIMIT = 300
"""Characters of a reason that are shown."""
_WORDS: Mapping[str, str] = {
    "en": (
        "A message of the rule '{rule}' could not be made for event {event}: {why}.\n"
        "Nothing is lost: it waits. Mend the template and send it:\n"
        "bridge deliveries retry {delivery}"
    ),
    "pt": (
        "Uma mensagem da regra '{rule}' não pôde ser feita para o evento {event}: {why}.\n"
        "Nada se perdeu: ela espera. Corrija o modelo e envie:\n"
        "bridge deliveries retry {delivery}"
    ),
    "es": (
        "No se pudo hacer un mensaje de la regla '{rule}' para el evento {event}: {why}.\n"
        "Nada se ha perdido: espera. Corrija la plantilla y envíelo:\n"
        "bridge deliveries retry {delivery}"
    ),
}
# Slack and other chats read these as markup; no chat needs them to read a reason.
_PLAIN = str.maketrans({"<": "\u2039", ">": "\u203a", "&": "+", "`": "'", "*": "\u2217", "@": "(at)"})


class Unmade(Struct, frozen=True, kw_only=True):
    """A message that could not be made: its rule, the number of its event, why, and its delivery's id."""

    rule: str
    event: int
    why: str
    delivery: str


def unmade_name(action: str) -> str:
    """Return the name of what is sent in the place of a message that could not be made."""
    return f"{action} (notice)"


def unmade_text(unmade: Unmade, locale: str) -> str:
    """Return the text in the language of a locale such as `pt_BR`; no character in it means anything else."""
    words = _WORDS.get(locale.partition("_")[0], _WORDS["en"])
    why = unmade.why[:WHY_LIMIT].rstrip(". \n")
    values = {"rule": unmade.rule, "event": unmade.event, "why": why, "delivery": unmade.delivery}
    return words.format_map(values).translate(_PLAIN)
