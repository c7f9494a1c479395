"""Every event of Eduzz by name: its neutral kind, what fires it, when it happened, whom and what it is about.

One table per product; nothing here reads a payload. Eduzz's own list: https://developers.eduzz.com/docs/webhook
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from bridge.sources.payload import Path

PING = "ping"


class Known(Struct, frozen=True):
    """One event of one product.

    `time` is where in `data` the moment of the event stands; without one, the time of sending counts.
    `undone` is a place in `data` whose null turns the event into its opposite, and that opposite's kind.
    """

    kind: str
    fires: str
    time: Path | None = None
    undone: tuple[Path, str] | None = None


class Product(Struct, frozen=True, kw_only=True):
    """One product of Eduzz: its events, and the places in `data`, best first, of each normalised part.

    Where a place holds a list, its first element counts. `course_id` and `producer_id` are places of
    a bare id. `time` is for events of this product that we do not know.
    """

    events: tuple[tuple[str, Known], ...] = ()
    learner: tuple[Path, ...] = ()
    producer: tuple[Path, ...] = ()
    course: tuple[Path, ...] = ()
    course_id: Path | None = None
    producer_id: Path | None = None
    time: Path | None = None


_CREATED: Path = ("createdAt",)
_CONTRACT: Path = ("contract", "updatedAt")
_ATTEMPT: Path = ("invoice", "attemptDate")
_DISPUTE: Path = ("chargeback", "createdAt")
_DOOR = (("participant", "checkInAt"), "attendance.check_in_undone")


def _table(*rows: tuple[str, str, str], time: Path | None = None) -> Iterator[tuple[str, Known]]:
    return ((action, Known(kind, fires, time)) for action, kind, fires in rows)


_NUTROR = Product(
    learner=(("learner",),),
    producer=(("producer",),),
    # An enrolment has no `course`: it lists the courses that the bought content opens.
    course=(("course",), ("courses",), ("content",)),
    time=_CREATED,
    events=(
        *_table(
            ("certificate_viewed", "certificate.viewed", "a learner opens a certificate"),
            ("comment_created", "comment.created", "a learner comments on a lesson"),
            ("comment_deleted", "comment.deleted", "a learner deletes a comment of theirs"),
            ("comment_replied", "comment.replied", "a learner answers a comment"),
            ("community_viewed", "community.viewed", "a learner follows the link to the community"),
            ("enrollment_created", "enrollment.created", "a learner gets access to a course"),
            ("file_downloaded", "file.downloaded", "a learner downloads a lesson's file"),
            ("inactive_student", "learner.inactive", "a learner has not studied a course for some days"),
            ("learner_help", "help.requested", "a learner asks the producer for help"),
            ("lesson_rated", "lesson.rated", "a learner gives a lesson stars"),
            ("lesson_saved", "lesson.saved", "a learner puts a lesson among the favourites"),
            ("lesson_started", "lesson.started", "a learner starts a lesson"),
            ("lesson_watched", "lesson.completed", "a learner finishes a lesson"),
            ("module_completed", "module.completed", "a learner finishes the last open lesson of a module"),
            ("notation_created", "note.created", "a learner writes a note in a lesson"),
            time=_CREATED,
        ),
    ),
)

_ALPACLASS = Product(
    learner=(("student",),),
    producer=(("team",),),
    course=(("course",),),
    events=(
        *_table(
            ("student_certificate_accessed", "certificate.viewed", "a learner opens a certificate"),
            ("student_comment_created", "comment.created", "a learner comments on a lesson"),
            ("student_course_finished", "course.completed", "a learner finishes a course"),
            ("student_course_last_seen", "course.viewed", "a learner opens a course"),
            ("student_course_unfinished", "course.uncompleted", "a finished course becomes unfinished again"),
            ("student_created", "learner.created", "a learner is registered in a school"),
            ("student_lesson_finished", "lesson.completed", "a learner marks a lesson as done"),
            ("student_lesson_last_seen", "lesson.viewed", "a learner opens a lesson"),
            ("student_lesson_marked_as_favorite", "lesson.saved", "a learner favours a lesson"),
            ("student_lesson_unfinished", "lesson.uncompleted", "a learner marks a lesson as not done"),
            ("student_lesson_unmarked_as_favorite", "lesson.unsaved", "a learner no longer favours a lesson"),
            ("student_module_finished", "module.completed", "a learner finishes a module"),
            ("student_module_unfinished", "module.uncompleted", "a finished module becomes unfinished again"),
        ),
    ),
)

_BLINKET = Product(
    learner=(("participant",), ("participants",)),
    producer=(("producer",),),
    time=_CREATED,
    events=(
        *_table(
            ("attendance_added", "attendance.added", "a ticket is bought, or made by hand"),
            ("attendance_assigned", "attendance.assigned", "a ticket gets the name of who will come"),
            ("attendance_canceled", "attendance.canceled", "a ticket is cancelled"),
            ("attendance_edited", "attendance.edited", "a participant's data changes"),
            ("attendance_tag_changed", "attendance.tag_changed", "a participant gets or loses a tag"),
            ("attendances_printed", "attendance.printed", "tickets are printed or downloaded"),
            ("ticket_edited", "ticket.edited", "a kind of ticket, or one of its batches, changes"),
            time=_CREATED,
        ),
        (
            "attendance_checkin",
            Known(
                "attendance.checked_in", "a participant is checked in, or is not after all", _CREATED, _DOOR
            ),
        ),
    ),
)

_MYEDUZZ = Product(
    # The student is there when somebody else pays.
    learner=(("student",), ("buyer",), ("customer",)),
    producer=(("producer",), ("commissions", "producer")),
    course=(("items",), ("products",)),
    events=(
        *_table(
            ("commission_processed", "commission.processed", "the shares of a paid invoice are computed"),
            ("invoice_opened", "invoice.opened", "an invoice is made and not paid yet"),
            time=_CREATED,
        ),
        *_table(
            (
                "contract_bankslip_attempted",
                "contract.bankslip_attempted",
                "a subscription's boleto is issued",
            ),
            (
                "contract_card_attempted",
                "contract.card_attempted",
                "a subscription's card is charged, or refuses",
            ),
            (
                "contract_eduzz_balance_attempted",
                "contract.balance_attempted",
                "a subscriber's Eduzz balance is charged, or does not suffice",
            ),
            ("contract_pix_attempted", "contract.pix_attempted", "a subscription's Pix code is issued"),
            time=_ATTEMPT,
        ),
        *_table(
            ("contract_created", "contract.created", "a subscription starts"),
            ("contract_updated", "contract.updated", "a subscription changes; `data.reason` says how"),
            time=_CONTRACT,
        ),
        *_table(
            ("invoice_canceled", "invoice.canceled", "an invoice is cancelled"),
            ("invoice_expired", "invoice.expired", "an invoice was not paid in time"),
            ("invoice_negotiated", "invoice.negotiated", "new terms are agreed for an invoice"),
            ("invoice_scheduled", "invoice.scheduled", "an invoice is planned for a later day"),
            ("invoice_waiting_payment", "invoice.waiting_payment", "an invoice waits for its payment"),
            ("invoice_waiting_refund", "invoice.waiting_refund", "somebody asks for their money back"),
        ),
        *_table(
            ("invoice_chargeback", "invoice.chargeback", "a payment is disputed, or its dispute moves on"),
            time=_DISPUTE,
        ),
        *_table(("invoice_paid", "invoice.paid", "an invoice is paid"), time=("paidAt",)),
        *_table(
            ("invoice_recovering", "invoice.recovering", "an unpaid invoice enters sales recovery"),
            time=("startRecoveringAt",),
        ),
        *_table(
            ("invoice_refunded", "invoice.refunded", "an invoice is paid back, in part or whole"),
            time=("refundedAt",),
        ),
    ),
)

_SAFEVIDEO = Product(
    events=(
        *_table(
            ("encoder_error", "encoding.failed", "a file cannot be encoded"),
            ("encoder_finished", "encoding.finished", "a file is encoded"),
            ("encoder_started", "encoding.started", "a file's encoding starts"),
            ("encoder_waiting", "encoding.waiting", "a file waits for its encoding"),
            ("upload_canceled", "upload.canceled", "an upload is cancelled"),
            ("upload_error", "upload.failed", "an upload fails"),
            ("upload_finished", "upload.finished", "an upload is complete"),
            ("upload_started", "upload.started", "an upload starts"),
        ),
    ),
)

_SUN = Product(
    learner=(("customer",),),
    course_id=("productId", 0),
    producer_id=("producerId",),
    time=("updatedAt",),
    events=(
        *_table(
            ("cart_abandonment", "cart.abandoned", "somebody leaves the checkout without paying"),
            time=("updatedAt",),
        ),
    ),
)

PRODUCTS: Mapping[str, Product] = {
    "nutror": _NUTROR,
    "alpaclass": _ALPACLASS,
    "blinket": _BLINKET,
    "myeduzz": _MYEDUZZ,
    "safevideo": _SAFEVIDEO,
    "sun": _SUN,
}
"""By the first part of an event's name."""

UNKNOWN = Product(
    learner=(("learner",), ("student",), ("participant",), ("customer",), ("buyer",)),
    producer=(("producer",), ("team",)),
    course=(("course",),),
)
"""Where to look in events of a product that Eduzz has added since."""

EVENTS: Mapping[str, Known] = {
    f"{name}.{action}": known for name, product in PRODUCTS.items() for action, known in product.events
}
"""All events by full name."""

ALIASES: Mapping[str, str] = {
    **{name.partition(".")[2]: name for name in EVENTS},
    "myeduzz.invoice_negotiatied": "myeduzz.invoice_negotiated",  # as the documentation of 2024 spells it
}
"""Other ways to write a name: Eduzz's own examples leave the product out of eleven of them."""


FREE = frozenset({"data.participant.customFields", "data.participants[].customFields"})
"""Objects whose keys the producer chooses, in a form for participants."""


def kinds() -> frozenset[str]:
    """Return every neutral kind that these events can have."""
    undone = (known.undone[1] for known in EVENTS.values() if known.undone)
    return frozenset((*(known.kind for known in EVENTS.values()), *undone))
