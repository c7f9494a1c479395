"""The words of notices of trouble, in English, Portuguese and Spanish, and the commands that go with them."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.trouble import Trouble

_LISTED = "bridge deliveries list --state dead --channel {subject}"
COMMANDS: Mapping[tuple[Trouble, bool], tuple[str, ...]] = {
    (Trouble.DEAD, False): (_LISTED, "bridge deliveries retry --state dead --channel {subject}"),
    (Trouble.DEAD, True): (_LISTED,),
    (Trouble.PARKED, False): (
        "bridge deliveries list --state parked --rule {subject}",
        "bridge deliveries retry --state parked --rule {subject}",
    ),
    (Trouble.PARKED, True): ("bridge deliveries list --state parked --rule {subject}",),
    (Trouble.ENTRIES, False): (
        "bridge events list --state parked --source {subject}",
        "bridge events replay --state parked --source {subject}",
    ),
    (Trouble.ENTRIES, True): ("bridge events list --state parked --source {subject}",),
    (Trouble.PAUSED, False): ("bridge channels show {subject}",),
    (Trouble.STOPPED, False): ("bridge channels resume {subject}",),
    (Trouble.RULE, False): (
        "bridge deliveries list --state kept --rule {subject}",
        "bridge rules resume {subject}",
        "bridge rules discard {subject}",
    ),
    (Trouble.CONFIGURATION, False): ("bridge check",),
    (Trouble.WAITING, False): ("bridge check",),
}
Said = Mapping[tuple[Trouble, bool], tuple[str, ...]]
"""For a trouble, and whether it is over: a title, what happened, and sentences of what follows."""
_ENGLISH: Said = {
    (Trouble.PARKED, False): (
        "Messages of the rule {subject} cannot be made",
        "Since {since}, messages of the rule '{subject}' have been put aside: {why}.",
        "They are kept.",
        "You are told once, however many follow.",
        "See them, mend the cause, and send them:",
    ),
    (Trouble.PARKED, True): (
        "No more messages of the rule {subject} are put aside",
        "For an hour no message of the rule '{subject}' has been put aside.",
        "Since {since} there were {count}.",
        "Those that you have not sent or discarded are still kept:",
    ),
    (Trouble.ENTRIES, False): (
        "Events from {subject} cannot be processed",
        "Since {since}, events from the source '{subject}' have been put aside: {why}.",
        "They were answered 200, and are kept as they came.",
        "You are told once, however many follow.",
        "See them, mend the cause, and take them through the rules:",
    ),
    (Trouble.ENTRIES, True): (
        "No more events from {subject} are put aside",
        "For an hour no event from the source '{subject}' has been put aside.",
        "Since {since} there were {count}.",
        "Those that you have not replayed are still kept:",
    ),
    (Trouble.DEAD, False): (
        "Messages through {subject} are being given up",
        "Since {since}, messages through the channel '{subject}' have been given up: {why}.",
        "They are kept.",
        "You are told once, however many follow.",
        "See them, mend the cause, and send them again:",
    ),
    (Trouble.DEAD, True): (
        "No more messages through {subject} are given up",
        "For an hour no message through the channel '{subject}' has been given up.",
        "Since {since} there were {count}.",
        "Those that you have not sent again or discarded are still kept:",
    ),
    (Trouble.PAUSED, False): (
        "The channel {subject} is paused",
        "Since {since}, the destination of the channel '{subject}' has not been working: {why}.",
        "Messages that wait: {waiting}.",
        "None is lost.",
        "The bridge keeps trying, and tells you when it works again.",
    ),
    (Trouble.PAUSED, True): (
        "The channel {subject} works again",
        "The channel '{subject}' works again.",
        "It did not from {since} to {ended}.",
        "Messages that waited and go out now: {waiting}.",
    ),
    (Trouble.STOPPED, False): (
        "The channel {subject} is stopped and needs you",
        "Since {since}, the destination of the channel '{subject}' takes nothing at all: {why}.",
        "Messages that wait for you: {waiting}.",
        "None is lost.",
        "When the cause is mended, let the channel go on:",
    ),
    (Trouble.STOPPED, True): (
        "The channel {subject} works again",
        "The channel '{subject}' may send again.",
        "It was stopped from {since} to {ended}.",
        "Messages that waited and go out now: {waiting}.",
    ),
    (Trouble.REFUSED, False): (
        "Events for {subject} are refused: their signature is wrong",
        "Since {since}, requests to the source '{subject}' have had a signature that does not match: {why}.",
        "They were answered 401 and are not stored.",
        "If the platform sent them, it may soon stop sending.",
        "Compare the secret in its console with the one of this source.",
    ),
    (Trouble.REFUSED, True): (
        "No more events for {subject} are refused",
        "For an hour no request to the source '{subject}' has had a wrong signature.",
        "Since {since} there were {count}.",
    ),
    (Trouble.STORE, False): (
        "The store cannot be written",
        "Since {since}, the store cannot be written: {why}.",
    ),
    (Trouble.STORE, True): (
        "The store could not be written",
        "From {since} to {ended} the store could not be written: {why}.",
        "It works again.",
        "Requests were answered 503 meanwhile, so that platforms send them again.",
        "Look whether the disk is full.",
    ),
    (Trouble.CONFIGURATION, False): (
        "{subject} is broken",
        "Since {since}, {subject} cannot be used: {why}.",
        "The configuration from before goes on, and nothing is lost.",
        "As soon as the file is mended it is taken up, without a restart; this shows every problem:",
    ),
    (Trouble.CONFIGURATION, True): (
        "{subject} is good again",
        "{subject} has been used again since {ended}.",
        "It was broken since {since}: {why}.",
    ),
    (Trouble.WAITING, False): (
        "Nothing is sent: {subject} is broken",
        "Since {since}, the bridge runs without a configuration, because {subject} cannot be used: {why}.",
        "Events are accepted and stored, and wait; messages that were not sent yet wait, too.",
        "Nothing is lost, but nobody gets anything.",
        "As soon as the file is mended all of it goes on, without a restart; this shows every problem:",
    ),
    (Trouble.WAITING, True): (
        "{subject} is good again, and what waited is sent",
        "{subject} has been used again since {ended}, and the messages that waited go out now.",
        "Nothing was sent since {since}: {why}.",
    ),
    (Trouble.RULE, False): (
        "The rule {subject} is paused: shall its messages go out?",
        "Since {since}, the rule '{subject}' is paused, because it wanted to send more than it may: {why}.",
        "Messages that are kept so far: {waiting}.",
        "Neither these nor those that follow are sent until you decide.",
        "You are asked once.",
        "Look at them, then send all of them, or give all of them up; either way the rule works again:",
    ),
    (Trouble.RULE, True): (
        "The rule {subject} works again",
        "Somebody has decided about the messages of the rule '{subject}', and it works again.",
        "It was paused from {since} to {ended}.",
    ),
    (Trouble.UNLISTED, False): (
        "A module is not in the catalogue: {subject}",
        "On {since}, an event told of a module that `courses:` does not list: {subject}.",
        "Until it is listed it does not count in any learner's progress.",
        "If it belongs to the course, add it in its place to config.yaml.",
        "As the last one, it would be {why}.",
    ),
}
_PORTUGUESE: Said = {
    (Trouble.PARKED, False): (
        "Não é possível montar mensagens da regra {subject}",
        "Desde {since}, mensagens da regra '{subject}' ficam de lado: {why}.",
        "Elas estão guardadas.",
        "Este aviso vem uma vez só, por mais que sejam.",
        "Veja quais são, corrija a causa e mande:",
    ),
    (Trouble.PARKED, True): (
        "As mensagens da regra {subject} não ficam mais de lado",
        "Há uma hora nenhuma mensagem da regra '{subject}' fica de lado.",
        "Desde {since} foram {count}.",
        "As que você não mandou nem descartou continuam guardadas:",
    ),
    (Trouble.ENTRIES, False): (
        "Não é possível processar eventos de {subject}",
        "Desde {since}, eventos da fonte '{subject}' ficam de lado: {why}.",
        "Eles receberam 200 e estão guardados como chegaram.",
        "Este aviso vem uma vez só, por mais que sejam.",
        "Veja quais são, corrija a causa e passe-os pelas regras:",
    ),
    (Trouble.ENTRIES, True): (
        "Os eventos de {subject} não ficam mais de lado",
        "Há uma hora nenhum evento da fonte '{subject}' fica de lado.",
        "Desde {since} foram {count}.",
        "Os que você não passou de novo pelas regras continuam guardados:",
    ),
    (Trouble.DEAD, False): (
        "Há mensagens por {subject} que não puderam ser entregues",
        "Desde {since}, o bridge desistiu de entregar mensagens pelo canal '{subject}': {why}.",
        "Elas estão guardadas.",
        "Este aviso vem uma vez só, por mais que sejam.",
        "Veja quais são, corrija a causa e mande de novo:",
    ),
    (Trouble.DEAD, True): (
        "As mensagens por {subject} voltaram a ser entregues",
        "Há uma hora nenhuma mensagem pelo canal '{subject}' deixa de ser entregue.",
        "Desde {since} foram {count}.",
        "As que você não mandou de novo nem descartou continuam guardadas:",
    ),
    (Trouble.PAUSED, False): (
        "O canal {subject} está em pausa",
        "Desde {since}, o destino do canal '{subject}' não funciona: {why}.",
        "Mensagens à espera: {waiting}.",
        "Nenhuma se perde.",
        "O bridge continua tentando e avisa quando voltar.",
    ),
    (Trouble.PAUSED, True): (
        "O canal {subject} voltou a funcionar",
        "O canal '{subject}' voltou a funcionar.",
        "Ficou parado de {since} a {ended}.",
        "Mensagens que esperavam e saem agora: {waiting}.",
    ),
    (Trouble.STOPPED, False): (
        "O canal {subject} parou e precisa de você",
        "Desde {since}, o destino do canal '{subject}' não aceita mais nada: {why}.",
        "Mensagens à sua espera: {waiting}.",
        "Nenhuma se perde.",
        "Depois de corrigir a causa, libere o canal:",
    ),
    (Trouble.STOPPED, True): (
        "O canal {subject} foi liberado",
        "O canal '{subject}' pode enviar de novo.",
        "Ficou parado de {since} a {ended}.",
        "Mensagens que esperavam e saem agora: {waiting}.",
    ),
    (Trouble.REFUSED, False): (
        "Eventos de {subject} são recusados: a assinatura não confere",
        "Desde {since}, chegam à fonte '{subject}' pedidos com uma assinatura que não confere: {why}.",
        "Eles receberam 401 e não foram guardados.",
        "Se foi a plataforma que mandou, ela pode parar de mandar em breve.",
        "Compare a chave no console dela com a desta fonte.",
    ),
    (Trouble.REFUSED, True): (
        "Eventos de {subject} não são mais recusados",
        "Há uma hora nenhum pedido à fonte '{subject}' tem a assinatura errada.",
        "Desde {since} foram {count}.",
    ),
    (Trouble.STORE, False): (
        "Não é possível gravar os dados",
        "Desde {since}, não é possível gravar os dados: {why}.",
    ),
    (Trouble.STORE, True): (
        "Não foi possível gravar os dados",
        "De {since} a {ended} não foi possível gravar os dados: {why}.",
        "Já funciona de novo.",
        "Nesse tempo os pedidos receberam 503, para que as plataformas mandem de novo.",
        "Veja se o disco está cheio.",
    ),
    (Trouble.CONFIGURATION, False): (
        "{subject} tem um erro",
        "Desde {since}, {subject} não pode ser usado: {why}.",
        "A configuração anterior continua valendo, e nada se perde.",
        "Assim que o arquivo for corrigido ele passa a valer, sem reiniciar; isto mostra todos os problemas:",
    ),
    (Trouble.CONFIGURATION, True): (
        "{subject} está bom de novo",
        "{subject} vale de novo desde {ended}.",
        "Tinha um erro desde {since}: {why}.",
    ),
    (Trouble.WAITING, False): (
        "Nada é enviado: {subject} tem um erro",
        "Desde {since}, o bridge está sem configuração, porque {subject} não pode ser usado: {why}.",
        "Os eventos são aceitos e guardados, e esperam; as mensagens que ainda não saíram esperam também.",
        "Nada se perde, mas ninguém recebe nada.",
        "Assim que o arquivo for corrigido tudo continua, sem reiniciar; isto mostra todos os problemas:",
    ),
    (Trouble.WAITING, True): (
        "{subject} está bom de novo, e o que esperava é enviado",
        "{subject} vale de novo desde {ended}, e as mensagens que esperavam saem agora.",
        "Nada foi enviado desde {since}: {why}.",
    ),
    (Trouble.RULE, False): (
        "A regra {subject} está em pausa: as mensagens devem sair?",
        "Desde {since}, a regra '{subject}' está em pausa, porque quis mandar mais do que pode: {why}.",
        "Mensagens guardadas até agora: {waiting}.",
        "Nem elas nem as próximas são enviadas até você decidir.",
        "Esta pergunta vem uma vez só.",
        "Veja quais são e mande todas ou desista de todas; depois disso a regra volta a funcionar:",
    ),
    (Trouble.RULE, True): (
        "A regra {subject} voltou a funcionar",
        "Alguém decidiu sobre as mensagens da regra '{subject}', e ela voltou a funcionar.",
        "Ficou em pausa de {since} a {ended}.",
    ),
    (Trouble.UNLISTED, False): (
        "Um módulo não está no catálogo: {subject}",
        "Em {since}, um evento falou de um módulo que não está em `courses:`: {subject}.",
        "Enquanto não estiver lá, ele não conta no progresso de nenhum aluno.",
        "Se ele faz parte do curso, inclua-o no lugar dele no config.yaml.",
        "Se for o último, fica assim: {why}.",
    ),
}
_SPANISH: Said = {
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
        "Estuvo parado de {since} a {ended}.",
        "Mensajes que esperaban y salen ahora: {waiting}.",
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
WORDS: Mapping[str, Said] = {"en": _ENGLISH, "pt": _PORTUGUESE, "es": _SPANISH}
