"""What the events that a rule names carry, and what is said of a path they lack."""

import pytest

from bridge.config.inventory import Carried, EventTypes
from bridge.core.paths import FactPath, parse_path
from bridge.core.problems import Problem
from bridge.sources.registry import kinds_of, known_events

TYPES = EventTypes({name: kinds_of(name) for name in known_events()}, open_ended=False)
OPEN = EventTypes(TYPES.kinds, open_ended=True)


def path(text: str) -> FactPath:
    parsed = parse_path(text)
    assert isinstance(parsed, FactPath)
    return parsed


def said(text: str, *types: str) -> str | None:
    """Return the problem of a path: its sentence, after `warning: ` if it is one."""
    problem = Carried.by(types, types).problem(path(text), ("rules", 0))
    return None if problem is None else _shown(problem)


def _shown(problem: Problem) -> str:
    assert problem.path == ("rules", 0)
    return ("warning: " if problem.warning else "") + problem.sentence


@pytest.mark.parametrize(
    ("on", "named"),
    [
        (["nutror.module_completed"], ["nutror.module_completed"]),
        (["module.completed"], ["nutror.module_completed", "alpaclass.student_module_finished"]),
        (["sun.*", "safevideo.encoder_error"], ["sun.cart_abandonment", "safevideo.encoder_error"]),
        (
            ["upload.[cf]*"],
            ["safevideo.upload_canceled", "safevideo.upload_error", "safevideo.upload_finished"],
        ),
    ],
)
def test_on_names_types(on: list[str], named: list[str]) -> None:
    """By type, kind or pattern."""
    assert sorted(TYPES.named(on) or ()) == sorted(named)


@pytest.mark.parametrize(
    "on", [["escola.prova_feita"], ["module.completed", "escola.prova_feita"], ["escola.*"]]
)
def test_an_unknown_name_may_mean_anything(on: list[str]) -> None:
    """Then nothing is claimed about any event of the rule."""
    assert TYPES.named(on) is None


def test_a_source_of_ones_own_may_share_kinds_but_not_types() -> None:
    """With such a source, only rules on a known type are checked."""
    assert OPEN.named(["module.completed"]) is None
    assert OPEN.named(["nutror.*"]) is None
    assert OPEN.named(["nutror.module_completed"]) == {"nutror.module_completed": ("module.completed",)}


def test_a_type_has_the_kinds_that_were_named() -> None:
    """A rule on one of two kinds does not get the other's events."""
    name = "blinket.attendance_checkin"
    assert TYPES.named(["attendance.checked_in"]) == {name: ("attendance.checked_in",)}
    assert TYPES.named(["attendance.checked_in", "attendance.check_in_undone"]) == {
        name: ("attendance.checked_in", "attendance.check_in_undone")
    }
    assert TYPES.named([name]) == {name: kinds_of(name)}


@pytest.mark.parametrize(
    "text",
    [
        "data.course.title",
        "data.courses[].hash",
        "data.courses[0].hash",
        "data.courses.title",
        "data",
        "course.id",
        "learner.email",
        "sent_at",
        "type",
        "raw.event",
    ],
)
def test_a_path_that_is_there_is_fine(text: str) -> None:
    """With or without brackets, in the platform's words or in ours; in any of the events."""
    assert said(text, "nutror.enrollment_created", "nutror.lesson_started") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("data.title", "there are data.course.title, data.lesson.title, data.module.title"),
        ("data.id", "there are data.lesson.id, data.module.id"),
    ],
)
def test_the_same_name_elsewhere_is_offered(text: str, sentence: str) -> None:
    """As long as there are not too many."""
    told = said(text, "nutror.module_completed")
    assert told is not None
    assert told.endswith(f"has '{text}'; {sentence}")


def test_the_nearest_of_several_names_was_meant() -> None:
    """Not the first."""
    told = said("data.curses[].hash", "nutror.enrollment_created", "nutror.lesson_started")
    assert told is not None
    assert told.endswith(", did you mean 'data.courses'?")
    told = said("data.coursse.title", "nutror.enrollment_created", "nutror.lesson_started")
    assert told is not None
    assert told.endswith(", did you mean 'data.course'?")


def test_a_name_that_differs_by_a_number_is_another_name() -> None:
    """The platform may well have added a fourth."""
    told = said("data.tracker.code4", "myeduzz.invoice_paid")
    assert told is not None
    assert told.startswith("warning: ")


def test_when_an_event_was_sent_is_never_asked_of_the_samples() -> None:
    """Live events have it where a sample has not."""
    assert said("sent_at", "sun.cart_abandonment") is None


@pytest.mark.parametrize("text", ["data.participant.customFields.tamanho", "data.participant.checkInAt.x"])
def test_below_what_has_no_known_shape_anything_may_stand(text: str) -> None:
    """Fields that a producer names, and what the sample has as null."""
    assert said(text, "blinket.attendance_edited") is None
    in_a_list = text.replace("participant.", "participants[].")
    assert said(in_a_list, "blinket.attendances_printed") is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("data.curse.title", "data.course"),
        ("data.course.titel", "data.course.title"),
        ("data.course.Hash", "data.course.hash"),
        ("data.course.hsah", "data.course.hash"),
        ("data.courses.hash", "data.course"),
        ("data.createAt", "data.createdAt"),
        ("data.learner.emoil", "data.learner.email"),
        ("data.lesso.title", "data.lesson"),
    ],
)
def test_a_slip_is_an_error(text: str, meant: str) -> None:
    """And the name that was meant is given."""
    sentence = said(text, "nutror.module_completed")
    assert sentence is not None
    assert sentence.startswith("no event of nutror.module_completed has 'data.")
    assert sentence.endswith(f", did you mean '{meant}'?")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "data.updatedAt",
            "'data.updatedAt'; there are data.course, data.createdAt, data.learner, data.lesson, ",
        ),
        ("data.learner.phone", "'data.learner.phone'; there are data.learner.email, data.learner.name"),
        ("data.learner.email2", "'data.learner.email2'; there are data.learner.email, data.learner.name"),
        ("data.progress", "'data.progress'; there is data.course.progress"),
        ("data.courseId", "'data.courseId'; there are data.course, "),
        ("data.course.hash.x", "'data.course.hash.x'; 'data.course.hash' is a plain value"),
        ("learner.id", "'learner.id'; there are learner.email, learner.name"),
        ("raw.data.curse", "'raw.data.curse', did you mean 'raw.data.course'?"),
        ("raw.events", "'raw.events', did you mean 'raw.event'?"),
        ("module.id", "'module'"),
    ],
)
def test_any_other_name_is_a_warning(text: str, sentence: str) -> None:
    """Platforms add fields without notice, and `raw` is the way to insist."""
    told = said(text, "nutror.lesson_watched")
    assert told is not None
    assert told.startswith(f"warning: no event of nutror.lesson_watched has {sentence}")


def test_names_of_many_events_are_not_all_told() -> None:
    """Three say enough."""
    on = ["sun.*", "nutror.*", "blinket.*", "myeduzz.*"]
    assert Carried.by(on, ["sun.cart_abandonment"]).names == "sun.* or nutror.* or blinket.* or …"
    assert Carried.by(on[:3], ["sun.cart_abandonment"]).names == "sun.* or nutror.* or blinket.*"


@pytest.mark.parametrize(
    ("text", "single"),
    [
        ("data.price.value", True),
        ("data.items.name", False),
        ("data.items", False),
        ("data.items[0].name", False),
        ("data.chargeback.status", False),
        ("data.nothing", False),
        ("data.price.nothing", False),
        ("learner.email", True),
        ("type", True),
    ],
)
def test_one_value_is_promised_only_where_no_list_is_met(text: str, single: bool) -> None:
    """Nor anything that the sample does not show."""
    assert Carried.by(["x"], ["myeduzz.invoice_paid"]).is_single(path(text)) is single


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("data.items.name", "data.items[0].name"),
        ("data.items[0].name", None),
        ("data.items[1].coupon.key", None),
        ("data.price.value", None),
        ("data.items", "data.items[0]"),
        ("data.tickets.batches.name", "data.tickets[0].batches[0].name"),
        ("data.tickets[1].batches.name", "data.tickets[1].batches[0].name"),
    ],
)
def test_a_path_can_be_led_to_the_first_of_each_list(text: str, better: str | None) -> None:
    """For keys, which need one value."""
    types = ["myeduzz.invoice_paid", "blinket.ticket_edited"]
    assert Carried.by(["x"], types).first_of_lists(path(text)) == better
