"""How a command ends: the exit codes, and the failure that carries one with its sentence."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class ExitCode(IntEnum):
    """What scripts go by; `MEANINGS` says what each stands for."""

    OK = 0
    PROBLEMS = 1
    USAGE = 2
    NOT_FOUND = 3
    UNAVAILABLE = 4
    INTERNAL = 70
    INTERRUPTED = 130


MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.OK: "Done.",
    ExitCode.PROBLEMS: "It found something wrong, or could not do what was asked: a broken configuration, "
    "an event that was refused, a delivery that cannot be retried, a question answered with no.",
    ExitCode.USAGE: "The command line does not make sense.",
    ExitCode.NOT_FOUND: "What it names does not exist: a file, a sample, a rule, an event, a delivery, "
    "or the store.",
    ExitCode.UNAVAILABLE: "The store or an address cannot be reached or used just now; "
    "the same command may work later.",
    ExitCode.INTERNAL: "A fault of the bridge itself (`EX_SOFTWARE` of `sysexits.h`).",
    ExitCode.INTERRUPTED: "Stopped by Ctrl-C (128 + `SIGINT`, as shells have it).",
}


class Failure(Exception):
    """A command that cannot go on: lines for standard error, and the exit code.

    The first line is the sentence; the others stand below it as they are (problems, what to do).
    """

    def __init__(self, *lines: str, code: ExitCode = ExitCode.PROBLEMS) -> None:
        super().__init__(*lines)
        self.lines = lines
        self.code = code


def not_found(*lines: str) -> Failure:
    """Return the failure for something that does not exist."""
    return Failure(*lines, code=ExitCode.NOT_FOUND)


def unavailable(*lines: str) -> Failure:
    """Return the failure for a store or a network that cannot be reached."""
    return Failure(*lines, code=ExitCode.UNAVAILABLE)


def misused(*lines: str) -> Failure:
    """Return the failure for options that do not make sense together."""
    return Failure(*lines, code=ExitCode.USAGE)
