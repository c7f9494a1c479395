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
    found = parse_dotenv(f"# head\n\n{line}\r\n".encode(), ".env")
    assert (found.values, found.lines, found.problems) == ({"A": value}, {"A": 3}, [])


@pytest.mark.parametrize("line", ["geheim", "1A=b", "A-B=c", "=x", "A='geheim", 'A="geheim', "A: geheim"])
def test_a_bad_line_is_named_and_not_shown(line: str) -> None:
    """A line nobody understands may hold a password."""
    found = parse_dotenv(f"OK=1\n{line}\n".encode(), ".env")
    assert found.values == {"OK": "1"}
    assert [(problem.line, "geheim" in str(problem)) for problem in found.problems] == [(2, False)]


@pytest.mark.parametrize("line", ["A_B: c", "A-B=c", 'A_B="c', "export A_B c=d", "A_B = 'c"])
def test_it_is_known_which_variable_a_bad_line_is_about(line: str) -> None:
    """So that nobody is told about it twice."""
    assert any(name.startswith("A_B") for name in parse_dotenv(line.encode(), ".env").unread)


def test_the_last_of_a_repeated_name_counts_and_a_warning_names_both_lines() -> None:
    """As in a shell, which says nothing."""
    found = parse_dotenv(b"A=1\n\nA=2", ".env")
    assert found.values == {"A": "2"}
    assert [str(each) for each in found.problems] == [
        ".env:3: warning: A is set in line 1 too; this line counts, delete one of them"
    ]


def test_bytes_that_are_no_text_are_a_problem() -> None:
    """It says the line, and the others are read all the same."""
    found = parse_dotenv(b"A=1\nB=\xff\nC=3", ".env")
    assert [str(each) for each in found.problems] == [
        ".env:2: this line is not UTF-8; save the file as UTF-8"
    ]
    assert (found.values, found.unread) == ({"A": "1", "C": "3"}, {"B"})


@given(st.binary(max_size=100))
@settings(deadline=None)
def test_no_bytes_make_the_parser_raise(content: bytes) -> None:
    """Whatever the file holds."""
    parse_dotenv(content, ".env")
