"""What can be said of a mail server to send through, and of an e-mail."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema, model_validator

from bridge.channels.base import ActionModel, Limit, Together
from bridge.channels.email_address import mailbox
from bridge.channels.email_dkim import DkimOptions
from bridge.channels.options import ChannelOptions, TextOrTexts
from bridge.channels.smtp_server import Server, Tls
from bridge.core.messages import Slot, Target

ADDRESSED = ("to", "cc", "bcc")
"""The keys of an action that say who gets its message."""
RECIPIENT_LIMIT = Limit("recipients", 100, "https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.8")
_PORTS = {"smtp": 587, "smtps": 465}
_HERE = ("localhost", "127.0.0.1", "::1")
_EXPECTED = (
    "expected an address such as smtp://user:password@mail.example:587, or smtps://… for TLS from the start; "
    "in user and password write @ as %40, : as %3A, / as %2F, # as %23, ? as %3F and % as %25"
)


def _server(address: str, tls: Tls = "auto") -> Server:
    """Return the server that an address names; raise ValueError with a sentence that hides it."""
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise ValueError(_EXPECTED) from None
    extra = parts.path.strip("/") or parts.query or parts.fragment
    if extra or not parts.hostname or address != "".join(address.split()):
        raise ValueError(_EXPECTED)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise ValueError(f"has a user without a password, or a password without a user; {_EXPECTED}")
    implicit = parts.scheme == "smtps"
    if implicit and tls in ("starttls", "none"):
        raise ValueError(f"smtps:// is encrypted from the start; remove `tls: {tls}`, or write smtp://")
    if user and tls == "none" and parts.hostname not in _HERE:
        raise ValueError("user and password are not sent without encryption; remove `tls: none`")
    return Server(parts.hostname, port, user, password, "implicit" if implicit else tls)


def _usable_server(address: SecretStr) -> SecretStr:
    _server(address.get_secret_value())
    return address


def _usable_mailbox(text: str) -> str:
    if mailbox(text) is None:
        raise ValueError('expected an address such as ola@escola.example or "Escola <ola@escola.example>"')
    return text


def _usable_unless_template(text: str) -> str:
    return text if "{" in text else _usable_mailbox(text)


def _usable_certificates(path: str | None) -> str | None:
    if path is not None:
        try:
            ssl.create_default_context(cafile=path)
        except (OSError, ValueError):
            raise ValueError("expected a file with certificates in PEM, and this is none") from None
    return path


def _usable_name(name: str | None) -> str | None:
    if name is not None and (not name.isascii() or not name or not name.isprintable() or " " in name):
        raise ValueError("expected the name of a host, such as bridge.escola.example")
    return name


def _one_or_more(value: object) -> object:
    return tuple(value) if isinstance(value, list) else (value,) if isinstance(value, str) else value


def _somebody(recipients: tuple[str, ...]) -> tuple[str, ...]:
    if not recipients:
        raise ValueError("expected at least one recipient")
    return recipients


Recipients = Annotated[
    tuple[Annotated[str, AfterValidator(_usable_unless_template)], ...],
    BeforeValidator(_one_or_more),
    Field(max_length=RECIPIENT_LIMIT.value),
    WithJsonSchema(TextOrTexts),
]
"""One mailbox or a list of them, each a template that makes one mailbox, or none when it comes out empty."""


class EmailOptions(ChannelOptions):
    """A mail server to send through."""

    type: Literal["email"]
    smtp: Annotated[SecretStr, AfterValidator(_usable_server)] = Field(
        description="smtp://user:password@host:587 (STARTTLS) or smtps://… (TLS from the start); never shown."
    )
    from_: Annotated[str, AfterValidator(_usable_mailbox)] = Field(
        alias="from", description='Who writes: "Escola Aurora <ola@escola.example>".'
    )
    reply_to: Annotated[str, AfterValidator(_usable_mailbox)] | None = Field(
        default=None, description="Where answers go, if not to `from`."
    )
    tls: Tls = Field(
        default="auto",
        description=(
            "auto: STARTTLS where it is offered, and always with a password; starttls: always; "
            "implicit: from the start, as smtps://; none: never."
        ),
    )
    ca_file: Annotated[str | None, AfterValidator(_usable_certificates)] = Field(
        default=None,
        description="Certificates (PEM) to trust instead of the system's: for a server of one's own.",
    )
    hello: Annotated[str | None, AfterValidator(_usable_name)] = Field(
        default=None, description="How to greet the server (EHLO); the domain of `from` unless said."
    )

    dkim: DkimOptions | None = Field(
        default=None, description="Signs messages with DKIM, where the mail server does not; an extra."
    )
    track: Literal[False] = Field(
        default=False, description="There is no tracking: no counting picture, no changed links. Only false."
    )

    @model_validator(mode="after")
    def _server_and_tls_agree(self) -> EmailOptions:
        self.server()
        return self

    @model_validator(mode="after")
    def _signs_for_its_sender(self) -> EmailOptions:
        sender = mailbox(self.from_)
        if self.dkim is not None and sender is not None:
            own = sender.domain
            if own != self.dkim.domain and not own.endswith(f".{self.dkim.domain}"):
                raise ValueError(
                    f"dkim signs as {self.dkim.domain}, and `from` is of {own}; receivers go by a signature "
                    "of the sender's own domain, or of one above it (DMARC)"
                )
        return self

    def server(self) -> Server:
        """Return where to send and how."""
        found = mailbox(self.from_)
        hello = self.hello or (found.domain if found else "localhost")
        return replace(_server(self.smtp.get_secret_value(), self.tls), ca_file=self.ca_file, hello=hello)


class EmailAction(ActionModel):
    """An e-mail: `template:`, or `subject:` and `text:`."""

    to: Annotated[Recipients, AfterValidator(_somebody)] = Field(
        description='To whom: "{{ learner.email }}", or a list.'
    )
    cc: Recipients = Field(default=(), description="Who gets a copy; everybody sees it.")
    bcc: Recipients = Field(default=(), description="Who gets a copy that nobody sees.")
    reply_to: Annotated[str, AfterValidator(_usable_unless_template)] | None = Field(
        default=None, description="Where answers to this message go."
    )
    subject: str | None = Field(default=None, description="The subject; before the template's own.")
    template: str | None = Field(
        default=None, description="The name of a file in templates/, without its ending."
    )
    text: str | None = Field(
        default=None, description="A short message in Markdown, instead of a template file."
    )

    attach: Annotated[
        tuple[str, ...], BeforeValidator(_one_or_more), Field(max_length=10), WithJsonSchema(TextOrTexts)
    ] = Field(default=(), description="Files of the folder attachments/ that go with it, by name: guia.pdf.")
    certificate: str | None = Field(
        default=None,
        description="The name of a file in templates/ that becomes a PDF for each message; an extra.",
    )
    thread_by: Annotated[tuple[str, ...], Field(strict=False, max_length=10)] = Field(
        default=(),
        description="Messages with the same values at these paths are one conversation: [course.id].",
    )

    @model_validator(mode="after")
    def _one_text(self) -> EmailAction:
        if (self.text is None) == (self.template is None):
            raise ValueError("expected either `template`, or `subject` and `text`")
        if self.text is not None and self.subject is None:
            raise ValueError("the key 'subject' is missing; a message with `text` needs one")
        return self

    def together(self) -> Together | None:
        """Return what `thread_by` says: a message names its conversation by itself."""
        return Together(by=self.thread_by, stored=False) if self.thread_by else None

    def slots(self) -> dict[str, Slot]:
        """Return what must be rendered: `to.0`, `to.1`, …, `attach.0`, …, `subject`, and `body`."""
        slots = dict(self._addressed())
        for place, name in enumerate(self.attach):
            slots[f"attach.{place}"] = Slot(Target.FILE, name, ("attach", place))
        if self.certificate is not None:
            slots["certificate"] = Slot(Target.CERTIFICATE, self.certificate, ("certificate",))
        if self.subject is not None:
            slots["subject"] = Slot(Target.HEADER, self.subject, ("subject",))
        if self.reply_to is not None:
            slots["reply_to"] = Slot(Target.HEADER, self.reply_to, ("reply_to",))
        if self.template is not None:
            return {**slots, "body": Slot(Target.EMAIL, self.template, ("template",))}
        return {**slots, "body": Slot(Target.EMAIL, self.text, ("text",), inline=True)}

    def _addressed(self) -> Iterator[tuple[str, Slot]]:
        for name in ADDRESSED:
            sources = getattr(self, name)
            for place, source in enumerate(sources):
                path: tuple[str | int, ...] = (name,) if len(sources) == 1 else (name, place)
                yield f"{name}.{place}", Slot(Target.HEADER, source, path)
