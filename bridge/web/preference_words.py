"""The words of the page on which people say what they want to get, in three languages."""

from __future__ import annotations

from collections.abc import Mapping

PORTUGUESE: Mapping[str, str] = {
    "lang": "pt-BR",
    "title": "Seus e-mails",
    "intro": "Você recebe e-mails sobre seus cursos. Escolha o que quer receber neste endereço.",
    "all": "Você recebe todas as mensagens.",
    "optional": "Você não recebe mais lembretes nem novidades. Confirmações e certificados ainda chegam.",
    "everything": "Você não recebe mais nenhuma mensagem.",
    "stop_optional": "Parar lembretes e novidades",
    "stop_everything": "Parar todas as mensagens",
    "start": "Voltar a receber tudo",
    "saved": "Pronto, está anotado.",
    "bad_title": "Este link não vale",
    "bad": "O endereço está incompleto ou não é nosso. Abra de novo o link do e-mail, ou responda ao e-mail.",
    "away_title": "Não deu certo agora",
    "away": "Nada foi mudado. Tente de novo em um minuto, por favor.",
}
ENGLISH: Mapping[str, str] = {
    "lang": "en",
    "title": "Your e-mails",
    "intro": "You get e-mails about your courses. Choose what to get at this address.",
    "all": "You get all messages.",
    "optional": "You get no more reminders and no news. Confirmations and certificates still come.",
    "everything": "You get no more messages at all.",
    "stop_optional": "Stop reminders and news",
    "stop_everything": "Stop all messages",
    "start": "Get everything again",
    "saved": "Done, we have noted it.",
    "bad_title": "This link does not work",
    "bad": "The address is incomplete or not ours. Open the link in the e-mail again, or answer the e-mail.",
    "away_title": "That did not work just now",
    "away": "Nothing was changed. Please try again in a minute.",
}
SPANISH: Mapping[str, str] = {
    "lang": "es",
    "title": "Tus correos",
    "intro": "Recibes correos sobre tus cursos. Elige qué quieres recibir en esta dirección.",
    "all": "Recibes todos los mensajes.",
    "optional": "Ya no recibes recordatorios ni novedades. Confirmaciones y certificados siguen llegando.",
    "everything": "Ya no recibes ningún mensaje.",
    "stop_optional": "Dejar de recibir recordatorios y novedades",
    "stop_everything": "Dejar de recibir todo",
    "start": "Volver a recibir todo",
    "saved": "Listo, ha quedado anotado.",
    "bad_title": "Este enlace no funciona",
    "bad": "La dirección está incompleta o no es nuestra. Abre de nuevo el enlace del correo, o respóndelo.",
    "away_title": "Ahora no ha funcionado",
    "away": "No se ha cambiado nada. Inténtalo de nuevo en un minuto, por favor.",
}
_BY_LANGUAGE = {"pt": PORTUGUESE, "en": ENGLISH, "es": SPANISH}


def words_for(accepted: str, locale: str) -> Mapping[str, str]:
    """Return the words in the first language of ours in an `Accept-Language`, else in that of `locale`.

    Browsers name languages in the order of preference, so their weights are not read.
    """
    for each in accepted[:200].split(","):
        words = _BY_LANGUAGE.get(each.strip()[:2].lower())
        if words is not None:
            return words
    return _BY_LANGUAGE.get(locale[:2], ENGLISH)
