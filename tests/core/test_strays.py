"""Claims that no rule goes on with, and what is probably meant."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from bridge.core.rules import OWNER_RULE, Rule
from bridge.core.strays import Kept, Stray, paths_of, strays
from tests.support.pipeline import action, rule

LABEL = "learner.email=maria@aluna.example, module.id=3253"
ONCE = ("learner.email", "module.id")


def promising(name: str, *channels: str, once_per: Sequence[str] = ONCE) -> Rule:
    return rule(name, *(action(name, channel, once_per=once_per) for channel in channels or ("mail",)))


def found(kept: Kept, *rules: Rule) -> list[Stray]:
    return strays([kept], rules)


def test_what_is_configured_is_no_stray() -> None:
    """Under the name of now, or one of `was:`; the owner's notices claim nothing of anybody's."""
    now = replace(promising("parabens-modulo"), was=("parabens", "felicitacoes"))
    for name in ("parabens-modulo", "parabens", "felicitacoes", OWNER_RULE):
        assert found(Kept(name, "test:mail", LABEL), now) == []


@pytest.mark.parametrize(
    ("rules", "probably"),
    [
        ([promising("parabens-modulo"), promising("lembrete")], "parabens-modulo"),
        ([promising("felicitacoes")], "felicitacoes"),
        ([promising("felicitacoes"), promising("lembrete")], None),
        ([promising("felicitacoes"), promising("lembrete", "chat")], "felicitacoes"),
        ([promising("parabens-curso", once_per=("learner.email",))], "parabens-curso"),
        ([promising("felicitacoes", once_per=("learner.email",))], None),
        ([promising("parabens-curso", once_per=())], None),
        ([], None),
    ],
    ids=[
        "alike",
        "the only one that promises the same",
        "two that promise the same",
        "only one through that channel",
        "alike, of another promise",
        "nothing in common",
        "no promise at all",
        "no rules",
    ],
)
def test_the_probable_new_name_of_a_rule(rules: list[Rule], probably: str | None) -> None:
    """By what it promises and how it is called; none rather than a wild guess."""
    kept = Kept("parabens", "test:mail", LABEL)
    assert found(kept, *rules) == [Stray("parabens", "test:mail", None, probably)]


def test_the_probable_new_name_of_an_action() -> None:
    """One of its own rule, for the same type of channel."""
    now = promising("parabens", "alunas")
    kept = Kept("parabens", "test:alunos", LABEL)
    assert found(kept, now) == [Stray("parabens", "test:alunos", "parabens", "test:alunas")]
    renamed = replace(now.actions[0], was=("test:alunos",))
    assert found(kept, rule("parabens", renamed)) == []


def test_the_paths_of_a_label() -> None:
    assert paths_of(LABEL) == ONCE
    assert paths_of("") == ()
