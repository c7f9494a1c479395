"""The words of notices by language, and the commands that go with them, which are the same in all."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.notice_words.english import ENGLISH
from bridge.core.notice_words.portuguese import PORTUGUESE
from bridge.core.notice_words.said import Said
from bridge.core.notice_words.spanish import SPANISH
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
WORDS: Mapping[str, Said] = {"en": ENGLISH, "pt": PORTUGUESE, "es": SPANISH}
