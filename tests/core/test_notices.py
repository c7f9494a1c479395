"""What the owner is told."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from bridge.core.notices import Facts, notice
from bridge.core.trouble import ONCE, Trouble
from tests.support.clock import START

ZONE = ZoneInfo("America/Sao_Paulo")
LOCALES = ("pt_BR", "en", "es")


def facts(
    trouble: Trouble, *, over: bool = False, subject: str = "learners", why: str = "server 503: busy."
) -> Facts:
    return Facts(
        trouble=trouble,
        subject=subject,
        since=START,
        ended=START + timedelta(hours=2) if over else None,
        count=7,
        waiting=12,
        why=why,
    )


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(
    ("trouble", "over"),
    [(each, over) for each in Trouble for over in (False, True) if not (over and each in ONCE)],
)
def test_every_trouble_has_its_words_in_every_language(locale: str, trouble: Trouble, *, over: bool) -> None:
    """Each says where and since when, in the configured zone, and leaves no hole."""
    told = notice(facts(trouble, over=over), locale, ZONE)
    assert told.title
    assert "09:00" in told.text
    assert "{" not in told.title + told.text
    if trouble is not Trouble.STORE:
        assert "learners" in told.title
        assert "learners" in told.text
    if not over:
        assert "server 503: busy." in told.text


def test_the_languages_differ() -> None:
    for trouble in Trouble:
        assert len({notice(facts(trouble), locale, ZONE).text for locale in LOCALES}) == 3


def test_an_unknown_language_is_answered_in_english() -> None:
    assert notice(facts(Trouble.PAUSED), "fr", ZONE) == notice(facts(Trouble.PAUSED), "en", ZONE)


def test_what_to_type_is_said() -> None:
    """The command names the channel, so that it can be copied."""
    assert notice(facts(Trouble.STOPPED), "pt_BR", ZONE).commands == ("bridge channels resume learners",)


def test_a_cause_with_braces_is_text() -> None:
    """An answer of a destination is shown and never filled in."""
    assert "{subject}" in notice(facts(Trouble.PAUSED, why="{subject} {0} {waiting!r}"), "en", ZONE).text


def test_a_cause_that_ends_in_a_question_ends_its_sentence() -> None:
    """As problems of a configuration do, which ask what was meant."""
    told = notice(facts(Trouble.WAITING, why="unknown key 'onn', did you mean 'on'?"), "en", ZONE).text
    assert "did you mean 'on'?\n" in told
