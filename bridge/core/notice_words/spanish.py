"""What notices of trouble say in Spanish."""

from __future__ import annotations

from bridge.core.notice_words.said import Said
from bridge.core.trouble import Trouble

SPANISH: Said = {
    (Trouble.PARKED, False): (
        "No se pueden componer mensajes de la regla {subject}",
        "Desde {since}, mensajes de la regla '{subject}' quedan apartados: {why}.",
        "Están guardados.",
        "Este aviso llega una sola vez, por muchos que sean.",
        "Vea cuáles son, corrija la causa y envíelos:",
    ),
    (Trouble.PARKED, True): (
        "Los mensajes de la regla {subject} ya no quedan apartados",
        "Desde hace una hora ningún mensaje de la regla '{subject}' queda apartado.",
        "Desde {since} fueron {count}.",
        "Los que no ha enviado ni descartado siguen guardados:",
    ),
    (Trouble.ENTRIES, False): (
        "No se pueden procesar eventos de {subject}",
        "Desde {since}, eventos de la fuente '{subject}' quedan apartados: {why}.",
        "Recibieron 200 y están guardados tal como llegaron.",
        "Este aviso llega una sola vez, por muchos que sean.",
        "Vea cuáles son, corrija la causa y páselos por las reglas:",
    ),
    (Trouble.ENTRIES, True): (
        "Los eventos de {subject} ya no quedan apartados",
        "Desde hace una hora ningún evento de la fuente '{subject}' queda apartado.",
        "Desde {since} fueron {count}.",
        "Los que no ha pasado de nuevo por las reglas siguen guardados:",
    ),
    (Trouble.DEAD, False): (
        "Hay mensajes por {subject} que no se pudieron entregar",
        "Desde {since}, el bridge ha desistido de entregar mensajes por el canal '{subject}': {why}.",
        "Están guardados.",
        "Este aviso llega una sola vez, por muchos que sean.",
        "Vea cuáles son, corrija la causa y envíelos de nuevo:",
    ),
    (Trouble.DEAD, True): (
        "Los mensajes por {subject} vuelven a entregarse",
        "Desde hace una hora ningún mensaje por el canal '{subject}' queda sin entregar.",
        "Desde {since} fueron {count}.",
        "Los que no ha enviado de nuevo ni descartado siguen guardados:",
    ),
    (Trouble.PAUSED, False): (
        "El canal {subject} está en pausa",
        "Desde {since}, el destino del canal '{subject}' no funciona: {why}.",
        "Mensajes en espera: {waiting}.",
        "Ninguno se pierde.",
        "El bridge sigue intentándolo y avisa cuando vuelva.",
    ),
    (Trouble.PAUSED, True): (
        "El canal {subject} vuelve a funcionar",
        "El canal '{subject}' vuelve a funcionar.",
        "Entre {since} y {ended} no funcionó, o solo de vez en cuando.",
        "Mensajes que esperaban y salen ahora, o en su próximo intento: {waiting}.",
    ),
    (Trouble.STOPPED, False): (
        "El canal {subject} se detuvo y lo necesita a usted",
        "Desde {since}, el destino del canal '{subject}' ya no acepta nada: {why}.",
        "Mensajes que lo esperan: {waiting}.",
        "Ninguno se pierde.",
        "Una vez corregida la causa, libere el canal:",
    ),
    (Trouble.STOPPED, True): (
        "El canal {subject} fue liberado",
        "El canal '{subject}' puede enviar de nuevo.",
        "Estuvo parado de {since} a {ended}.",
        "Mensajes que esperaban y salen ahora: {waiting}.",
    ),
    (Trouble.REFUSED, False): (
        "Se rechazan eventos de {subject}: la firma no coincide",
        "Desde {since}, llegan a la fuente '{subject}' pedidos con una firma que no coincide: {why}.",
        "Recibieron 401 y no se guardaron.",
        "Si los envió la plataforma, pronto puede dejar de enviar.",
        "Compare la clave en su consola con la de esta fuente.",
    ),
    (Trouble.REFUSED, True): (
        "Ya no se rechazan eventos de {subject}",
        "Desde hace una hora ningún pedido a la fuente '{subject}' tiene la firma equivocada.",
        "Desde {since} fueron {count}.",
    ),
    (Trouble.STORE, False): (
        "No se pueden guardar los datos",
        "Desde {since}, no se pueden guardar los datos: {why}.",
    ),
    (Trouble.STORE, True): (
        "No se pudieron guardar los datos",
        "De {since} a {ended} no se pudieron guardar los datos: {why}.",
        "Ya funciona de nuevo.",
        "Mientras tanto los pedidos recibieron 503, para que las plataformas los envíen otra vez.",
        "Vea si el disco está lleno.",
    ),
    (Trouble.CONFIGURATION, False): (
        "{subject} tiene un error",
        "Desde {since}, {subject} no se puede usar: {why}.",
        "La configuración anterior sigue en uso, y nada se pierde.",
        "En cuanto se corrija el archivo entra en uso, sin reiniciar; esto muestra todos los problemas:",
    ),
    (Trouble.CONFIGURATION, True): (
        "{subject} está bien de nuevo",
        "{subject} está en uso de nuevo desde {ended}.",
        "Tenía un error desde {since}: {why}.",
    ),
    (Trouble.WAITING, False): (
        "No se envía nada: {subject} tiene un error",
        "Desde {since}, el bridge está sin configuración, porque {subject} no se puede usar: {why}.",
        "Los eventos se aceptan y se guardan, y esperan; los mensajes que aún no salieron esperan también.",
        "Nada se pierde, pero nadie recibe nada.",
        "En cuanto se corrija el archivo todo continúa, sin reiniciar; esto muestra todos los problemas:",
    ),
    (Trouble.WAITING, True): (
        "{subject} está bien de nuevo, y se envía lo que esperaba",
        "{subject} está en uso de nuevo desde {ended}, y los mensajes que esperaban salen ahora.",
        "No se envió nada desde {since}: {why}.",
    ),
    (Trouble.RULE, False): (
        "La regla {subject} está en pausa: ¿deben salir sus mensajes?",
        "Desde {since}, la regla '{subject}' está en pausa, porque quiso enviar más de lo que puede: {why}.",
        "Mensajes guardados hasta ahora: {waiting}.",
        "Ni estos ni los siguientes se envían hasta que usted decida.",
        "Esta pregunta llega una sola vez.",
        "Vea cuáles son y envíelos todos o descártelos todos; después la regla vuelve a funcionar:",
    ),
    (Trouble.RULE, True): (
        "La regla {subject} vuelve a funcionar",
        "Alguien ha decidido sobre los mensajes de la regla '{subject}', y esta vuelve a funcionar.",
        "Estuvo en pausa desde {since} hasta {ended}.",
    ),
    (Trouble.UNLISTED, False): (
        "Un módulo no está en el catálogo: {subject}",
        "El {since}, un evento habló de un módulo que no está en `courses:`: {subject}.",
        "Mientras no esté allí, no cuenta en el progreso de ningún alumno.",
        "Si forma parte del curso, agréguelo en su lugar en config.yaml.",
        "Si es el último, queda así: {why}.",
    ),
}
