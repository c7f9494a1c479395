"""What notices of trouble say in Portuguese."""

from __future__ import annotations

from bridge.core.notice_words.said import Said
from bridge.core.trouble import Trouble

PORTUGUESE: Said = {
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
        "Entre {since} e {ended} não funcionou, ou só de vez em quando.",
        "Mensagens que esperavam e saem agora, ou na próxima tentativa: {waiting}.",
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
