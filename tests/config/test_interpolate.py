"""`${…}` in values: what is replaced, what is a problem, and what is remembered as secret."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.config.interpolate import MAX_FILE_BYTES, Interpolator

ENV = {"A": "alpha", "EMPTY": "", "TRICK": "x: [${A}]\ny: 1", "EDUZZ_SECRET": "s"}


@pytest.fixture
def fill(tmp_path: Path) -> Interpolator:
    (tmp_path / "secret").write_bytes(b"from a file\n")
    (tmp_path / "windows").write_bytes(b"from a file\r\n")
    (tmp_path / "two").write_bytes(b"line\n\n")
    (tmp_path / "nothing").write_bytes(b"\n")
    (tmp_path / "binary").write_bytes(b"\xff")
    (tmp_path / "huge").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    return Interpolator(ENV, tmp_path)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain $A {{ x }}", "plain $A {{ x }}"),
        ("${A}", "alpha"),
        ("x${A}y${A}", "xalphayalpha"),
        ("${A:-other}", "alpha"),
        ("${B:-other}", "other"),
        ("${B:-}", ""),
        ("${EMPTY:-other}", "other"),
        ("${B:-a:-b}", "a:-b"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("${TRICK}", "x: [${A}]\ny: 1"),
        ("${file:secret}", "from a file"),
        ("${file:windows}", "from a file"),
        ("${file:two}", "line\n"),
    ],
)
def test_references_are_replaced_once(fill: Interpolator, text: str, filled: str) -> None:
    """What a variable holds is never looked at again."""
    result = fill.fill(text)
    assert (result.text, result.problems) == (filled, ())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("${A", "'${' is not closed with '}'"),
        ("${}", "'${}' is not a reference"),
        ("${A-b}", "'${A-b}' is not a reference"),
        ("${1}", "'${1}' is not a reference"),
        ("${B:-${A}}", "'${B:-${A}' is not a reference"),
        ("${file:missing}", "the file missing cannot be used: no such file or directory"),
        ("${file:nothing}", "the file nothing cannot be used: it is empty"),
        ("${file:binary}", "the file binary cannot be used: it is not UTF-8"),
        ("${file:huge}", f"the file huge cannot be used: it has more than {MAX_FILE_BYTES} bytes"),
        ("${file:.}", "the file . cannot be used: is a directory"),
        ("${file:}", "the file  cannot be used: the path is missing"),
        ("${file:a\0b}", "the file a\0b cannot be used: its name is not a path"),
    ],
)
def test_what_cannot_be_replaced_is_said(fill: Interpolator, text: str, problem: str) -> None:
    """The sentence names the variable or file and what to do."""
    problems = fill.fill(text).problems
    assert len(problems) == 1
    assert problems[0].startswith(problem)


@pytest.mark.parametrize(
    ("text", "name", "sentence"),
    [
        ("${B}", "B", "not set; set it in the environment or in .env beside the configuration"),
        ("${EDUZZ_SECRT}", "EDUZZ_SECRT", "not set, did you mean 'EDUZZ_SECRET'?"),
        (
            "${EDUZZ_KEY}",
            "EDUZZ_KEY",
            "not set; set it in the environment or in .env beside the configuration",
        ),
        ("${EMPTY}", "EMPTY", "set but empty; give it a value"),
    ],
)
def test_a_variable_without_a_value_is_named(fill: Interpolator, text: str, name: str, sentence: str) -> None:
    """With what to do about it; only a slip of the keyboard is taken for another name."""
    assert fill.fill(text).missing == (name,)
    assert fill.unset(name) == f"the variable {name} is {sentence}"


def test_a_variable_that_is_used_elsewhere_is_not_the_one_that_was_meant(fill: Interpolator) -> None:
    """The key to replace an old one is often called almost like it."""
    fill.fill("${EDUZZ_SECRET} ${EDUZZ_SECRET2}")
    assert "did you mean" not in fill.unset("EDUZZ_SECRET2")


def test_values_from_outside_are_remembered_and_defaults_are_not(fill: Interpolator) -> None:
    """Messages hide the former; the latter stand in the file anyway."""
    fill.fill("${A} ${B:-default} ${file:secret}")
    assert fill.values == {"alpha", "from a file"}


def test_a_placeholder_stands_in_for_what_is_missing(tmp_path: Path) -> None:
    """With one, nothing needs to be set; what is set is used all the same."""
    fill = Interpolator(ENV, tmp_path, lambda name: f"<{name}>")
    assert fill.fill("${A} ${B} ${EMPTY} ${file:x} ${B:-c}").text == "alpha <B> <EMPTY> <x> c"


@pytest.mark.parametrize(
    ("text", "literal"),
    [("a${A}b", "a\0b"), ("${A:-default}", "default"), ("${B:-}", "\0"), ("$${A}", "${A}"), ("a", "a")],
)
def test_the_literal_part_is_what_the_person_typed(fill: Interpolator, text: str, literal: str) -> None:
    """A default is typed, whether or not it is used."""
    assert fill.fill(text).literal == literal


@given(st.text(alphabet="ab${}:-file/", max_size=40))
@settings(deadline=None)
def test_no_text_makes_it_raise(text: str) -> None:
    """And text without a reference stays as it is."""
    result = Interpolator({}, Path("/nonexistent")).fill(text)
    assert "${" in text or result.text == text
