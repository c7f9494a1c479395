"""The words under a message that people may do without, by the language of the message."""

from __future__ import annotations

from collections.abc import Mapping

UNSUBSCRIBE_TEXT = "unsubscribe_text"
"""The name by which a layout prints these words."""
_WORDS: Mapping[str, str] = {
    "pt": "Não quer mais receber estes e-mails? Cancele aqui",
    "en": "Rather not get these e-mails? Unsubscribe here",
    "es": "¿Ya no quieres recibir estos correos? Date de baja aquí",
}


def leaving(lang: str) -> str:
    """Return what stands before the address at which one unsubscribes; `lang` as in BCP 47."""
    return _WORDS.get(lang.partition("-")[0], _WORDS["en"])
