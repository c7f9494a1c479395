"""What the owner is told."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from bridge.core.notice_words.reasons import REASONS
from bridge.core.notices import Facts, notice
from bridge.core.outcomes import Reason
from bridge.core.trouble import ONCE, Trouble
from tests.support.clock import START

ZONE = ZoneInfo("America/Sao_Paulo")
LOCALES = ("pt_BR", "en", "es")
OF_ATTEMPTS = (Trouble.DEAD, Trouble.PAUSED, Trouble.STOPPED)


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
        reason = "server 503" if trouble not in OF_ATTEMPTS else f"{REASONS[locale[:2]][Reason.SERVER]} (503)"
        assert f"{reason}: busy." in told.text


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("trouble", OF_ATTEMPTS)
@pytest.mark.parametrize("reason", list(Reason))
def test_a_reason_is_told_in_words(locale: str, trouble: Trouble, reason: Reason) -> None:
    """Whoever sells courses need not know what "client 400" is; the status stays for whoever does."""
    words = REASONS[locale[:2]][reason]
    said = {
        f"{reason} 400": f": {words} (400).",
        f"{reason}": f": {words}.",
        f"{reason} 200: no_service": f": {words}: no_service.",
        f"{reason} 550, for some": f": {words} (550), for some.",
    }
    for why, text in said.items():
        assert text in notice(facts(trouble, why=why), locale, ZONE).text


@pytest.mark.parametrize("why", ["clients are away", "moving house", "", "server 5033", "a client 400"])
def test_other_causes_stay_as_they_are(why: str) -> None:
    """A person's words, for example."""
    assert f": {why or '?'}" in notice(facts(Trouble.STOPPED, why=why), "en", ZONE).text


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
