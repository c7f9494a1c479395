"""The registry: every type has options and actions, and a sandbox that fits whatever was configured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from bridge.channels.base import ActionModel, Endpoints
from bridge.channels.http import Shared
from bridge.channels.options import RetryOptions
from bridge.channels.registry import ACTIONS, OPTIONS, SANDBOX, build
from bridge.core.messages import Slot
from tests.support.channels import SOFTWARE, mail, slack, slack_webhook, webhook
from tests.support.clock import FakeClock

HERE = Endpoints("smtp://127.0.0.1:2525", "http://127.0.0.1:9000/api/", "http://127.0.0.1:9000/hooks")
CONFIGURED: list[tuple[str, dict[str, object]]] = [
    ("email", mail("smtp://user:segredo@mail.example", tls="starttls", allow_private=False)),
    ("email", mail("smtps://user:segredo@mail.example", allow_private=["mail.example"])),
    ("slack", slack("https://slack.example", allow_private=False)),
    ("slack", slack_webhook("https://hooks.slack.example", allow_private=False)),
    ("webhook", webhook("https://crm.example", allow_private=False)),
    ("apprise", {"url": "ntfy://ntfy.example/escola"}),
]


def test_every_type_is_complete() -> None:
    """Options with a `type` of that name, actions, a sandbox."""
    assert OPTIONS.keys() == ACTIONS.keys() == SANDBOX.keys() == {"apprise", "email", "slack", "webhook"}
    for kind, model in OPTIONS.items():
        assert model.model_json_schema()["properties"]["type"]["const"] == kind


@pytest.mark.parametrize("model", [*OPTIONS.values(), *ACTIONS.values()], ids=lambda model: model.__name__)
def test_every_key_is_explained_in_the_schema(model: type[BaseModel]) -> None:
    """Editors show a sentence for each."""
    explained = {name for name, field in model.model_fields.items() if field.description or name == "type"}
    assert explained == set(model.model_fields)
    assert model.__doc__


@pytest.mark.parametrize(("kind", "raw"), CONFIGURED)
def test_a_configured_channel_can_be_built(kind: str, raw: dict[str, object]) -> None:
    """By the name that it has in the configuration."""
    channel = build(
        "wins", OPTIONS[kind].model_validate({"type": kind, **raw}), Shared(FakeClock(), SOFTWARE)
    )
    assert channel.name == "wins"
    assert channel.policy.concurrency == 4


@pytest.mark.parametrize(("kind", "raw"), CONFIGURED)
def test_the_sandbox_replaces_what_leads_outside(kind: str, raw: dict[str, object]) -> None:
    """Whatever was configured, the options stay valid and name only this machine."""
    redirected = {"type": kind, **raw, **SANDBOX[kind]("wins", HERE)}
    options = OPTIONS[kind].model_validate(redirected)
    shown = str(
        {name: getattr(value, "get_secret_value", lambda value=value: value)() for name, value in options}
    )
    assert "127.0.0.1" in shown
    assert "mail.example" not in shown
    assert "crm.example" not in shown
    assert "slack.example" not in shown
    build("wins", options, Shared(FakeClock(), SOFTWARE))


def test_other_options_are_a_mistake_of_ours() -> None:
    """Not of a person's, so it raises."""
    with pytest.raises(TypeError, match="RetryOptions"):
        build("x", RetryOptions(), Shared(FakeClock(), SOFTWARE))


TRAPS = ["smtp://[", "smtp://a:b@c:1", "http://a:b@[::1]:1", "https://a%00", "whsec_", "10s", "{{", "\0"]
GOOD: dict[str, dict[str, object]] = {
    "email": {"to": "a@b.example", "template": "x"},
    "slack": {"text": "x"},
    "webhook": {},
    "apprise": {"text": "x"},
}
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(TRAPS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_no_value_raises_anything_but_a_sentence(data: st.DataObject) -> None:
    """Whatever stands at a key, options and actions are good or refused; good ones can be built."""
    kind, configured = data.draw(st.sampled_from(CONFIGURED))
    model = data.draw(st.sampled_from([OPTIONS[kind], ACTIONS[kind]]))
    key = data.draw(st.sampled_from([field.alias or name for name, field in model.model_fields.items()]))
    raw = {"type": kind, **configured} if model is OPTIONS[kind] else GOOD[kind]
    try:
        made = model.model_validate({**raw, key: data.draw(anything)})
    except ValidationError:
        return
    if isinstance(made, ActionModel):
        assert made.slots()
    else:
        assert build("wins", made, Shared(FakeClock(), SOFTWARE)).policy.timeout


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("email", {"to": "{{ learner.email }}", "subject": "s", "text": "t"}),
        ("email", {"to": ["{{ learner.email }}"], "template": "x"}),
        ("slack", {"text": "t", "unfurl": True}),
        ("slack", {"template": "x", "channel": "C1"}),
        ("webhook", {"json": {"a": "{{ id }}"}}),
        ("webhook", {"body": "{{ id }}"}),
        ("webhook", {}),
    ],
)
def test_every_action_has_something_to_render(kind: str, raw: dict[str, object]) -> None:
    """Slots lead to where they stand in the configuration."""
    action: ActionModel = ACTIONS[kind].model_validate(raw)
    slots = action.slots()
    assert slots
    for slot in slots.values():
        assert isinstance(slot, Slot)
        assert not slot.path or slot.path[0] in raw or raw == {}
    assert isinstance(action.settings(), dict)
