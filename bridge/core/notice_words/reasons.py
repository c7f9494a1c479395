"""Why an attempt did not deliver, in words for people; a cause begins with its reason: `client 400: …`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bridge.core.outcomes import Reason

REASONS: Mapping[str, Mapping[Reason, str]] = {
    "en": {
        Reason.AUTH: "access was refused",
        Reason.RATE_LIMITED: "the destination asked for a slower pace",
        Reason.CLIENT: "the destination refused the message",
        Reason.SERVER: "the destination could not take the message",
        Reason.TIMEOUT: "the destination did not answer in time",
        Reason.CONNECTION: "there was no connection with the destination",
        Reason.BLOCKED: "the destination's address is not allowed",
        Reason.INVALID: "the message cannot be sent as it is",
        Reason.CANCELLED: "the attempt was given up",
    },
    "pt": {
        Reason.AUTH: "o acesso foi recusado",
        Reason.RATE_LIMITED: "o destino pediu um ritmo menor",
        Reason.CLIENT: "o destino recusou a mensagem",
        Reason.SERVER: "o destino não conseguiu receber a mensagem",
        Reason.TIMEOUT: "o destino não respondeu a tempo",
        Reason.CONNECTION: "não houve conexão com o destino",
        Reason.BLOCKED: "o endereço do destino não é permitido",
        Reason.INVALID: "a mensagem não pode ser enviada como está",
        Reason.CANCELLED: "a tentativa foi interrompida",
    },
    "es": {
        Reason.AUTH: "se rechazó el acceso",
        Reason.RATE_LIMITED: "el destino pidió un ritmo menor",
        Reason.CLIENT: "el destino rechazó el mensaje",
        Reason.SERVER: "el destino no pudo recibir el mensaje",
        Reason.TIMEOUT: "el destino no respondió a tiempo",
        Reason.CONNECTION: "no hubo conexión con el destino",
        Reason.BLOCKED: "la dirección del destino no está permitida",
        Reason.INVALID: "el mensaje no se puede enviar como está",
        Reason.CANCELLED: "se interrumpió el intento",
    },
}
_CAUSE = re.compile(rf"({'|'.join(Reason)})(?: ([0-9]{{3}}))?(?=$|[:,])")


def in_words(why: str, language: str) -> str:
    """Return a cause with its reason in words and its status, unless that is a success's, behind them."""
    found = _CAUSE.match(why)
    if found is None:
        return why
    words = REASONS.get(language, REASONS["en"])[Reason(found[1])]
    status = found[2]
    shown = f" ({status})" if status and not status.startswith("2") else ""
    return f"{words}{shown}{why[found.end() :]}"
