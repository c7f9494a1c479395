"""The `.env` beside the configuration."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.config.dotenv import parse_dotenv


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("export A=b", "b"),
        ("  A = b  ", "b"),
        ("A=b c", "b c"),
        ("A=b # comment", "b"),
        ("A=b#c", "b#c"),
        ("A=", ""),
        ("A= # nothing", ""),
        ("A='b # c'", "b # c"),
        ('A="b \\"c\\"\\n" # comment', 'b "c"\n'),
        ("A='$B ${C}'", "$B ${C}"),
        ("A=smtp://u:p=x@host", "smtp://u:p=x@host"),
    ],
)
def test_lines_are_read_as_shells_and_docker_write_them(line: str, value: str) -> None:
    """Quotes, comments and `export` mean what they usually mean, and nothing is expanded."""
    assert parse_dotenv(f"# head\n\n{line}\r\n".encode(), ".env") == ({"A": value}, [])


@pytest.mark.parametrize("line", ["geheim", "1A=b", "A-B=c", "=x", "A='geheim", 'A="geheim', "A: geheim"])
def test_a_bad_line_is_named_and_not_shown(line: str) -> None:
    """A line nobody understands may hold a password."""
    variables, problems = parse_dotenv(f"OK=1\n{line}\n".encode(), ".env")
    assert variables == {"OK": "1"}
    assert [(problem.line, "geheim" in str(problem)) for problem in problems] == [(2, False)]


def test_the_last_of_a_repeated_name_counts() -> None:
    """As in a shell."""
    assert parse_dotenv(b"A=1\nA=2", ".env")[0] == {"A": "2"}


def test_bytes_that_are_no_text_are_a_problem() -> None:
    """It says the line."""
    _, problems = parse_dotenv(b"A=1\nB=\xff", ".env")
    assert [str(each) for each in problems] == [".env:2: this line is not UTF-8; save the file as UTF-8"]


@given(st.binary(max_size=100))
@settings(deadline=None)
def test_no_bytes_make_the_parser_raise(content: bytes) -> None:
    """Whatever the file holds."""
    parse_dotenv(content, ".env")
