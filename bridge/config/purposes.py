"""Rules whose messages people may do without: what must be there so that they can unsubscribe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bridge.core.problems import Path, Problem
from bridge.core.rules import EMAIL, Action, kind_of


def unleavable(actions: Sequence[Action], sends: object, path: Path, public_url: object) -> Iterator[Problem]:
    """Yield what keeps people from unsubscribing from a rule's messages; `sends` are its entries as typed."""
    sent = [each for action in actions for each in (action, *action.otherwise)]
    if not any(kind_of(action.name) == EMAIL for action in sent):
        sentence = "is about unsubscribing from e-mails, and this rule sends none; leave it out"
        yield Problem((*path, "purpose"), sentence)
        return
    if not isinstance(public_url, str) or not public_url:
        sentence = (
            "needs `public_url: https://…`, the address of the public listener: it is in the link by which "
            "people unsubscribe, as mail programs demand of such messages"
        )
        yield Problem((*path, "purpose"), sentence)
    elif not public_url.startswith("https://"):
        sentence = "mail programs offer to unsubscribe only by https://, and `public_url` is http://"
        yield Problem((*path, "purpose"), sentence, warning=True)
    for place, entry in enumerate(sends if isinstance(sends, list) else ()):
        yield from _of_several(entry, (*path, "send", place))


def _of_several(entry: object, path: Path) -> Iterator[Problem]:
    """Yield where an e-mail is for several people, and the same of what is sent in its place."""
    if not isinstance(entry, Mapping):
        return
    instead = entry.get("else")
    if isinstance(instead, Mapping):
        yield from _of_several(instead, (*path, "else"))
    for place, each in enumerate(instead if isinstance(instead, list) else ()):
        yield from _of_several(each, (*path, "else", place))
    if EMAIL not in entry:
        return
    to = entry.get("to")
    several = [key for key in ("cc", "bcc") if entry.get(key)]
    several += ["to"] if isinstance(to, list) and len(to) > 1 else []
    for key in several:
        sentence = "a message that people can unsubscribe from is for one person, whose link it holds"
        yield Problem((*path, key), f"{sentence}; write an action for each")
