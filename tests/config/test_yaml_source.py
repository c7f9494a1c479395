"""One YAML file: what is read, what is refused, and that nothing makes the reader fall over."""

import math
from itertools import pairwise

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.config.yaml_nodes import ScalarNode, YamlFile, resolve, to_data
from bridge.config.yaml_source import FAST_LOADER, MAX_BYTES, MAX_DEPTH, Loader, parse

LOADERS: list[Loader] = [FAST_LOADER, yaml.SafeLoader]


def read(text: str | bytes, loader: Loader = FAST_LOADER) -> tuple[YamlFile | None, list[str]]:
    file, problems = parse(text if isinstance(text, bytes) else text.encode(), "c.yaml", loader)
    return file, [str(problem) for problem in problems]


def data(text: str, loader: Loader = FAST_LOADER) -> object:
    file, problems = read(text, loader)
    assert problems == []
    assert file is not None
    return to_data(file.root, scalar)


def scalar(node: ScalarNode) -> object:
    return resolve(node.text) if node.plain else node.text


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("off", "off"),
        ("12:30:00", "12:30:00"),
        ("2026-01-31", "2026-01-31"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("017", 17),
        ("-3", -3),
        ("0o17", 15),
        ("0xff", 255),
        ("1.10", 1.1),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-.inf", -math.inf),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("9" * 5000, "9" * 5000),
    ],
)
@pytest.mark.parametrize("loader", LOADERS)
def test_scalars_are_read_as_yaml_1_2_says(typed: str, value: object, loader: Loader) -> None:
    """The traps of YAML 1.1 are closed, whichever parser PyYAML was built with."""
    assert data(f"key: {typed}", loader) == {"key": value}


def test_not_a_number_is_a_number() -> None:
    """`.nan` is what the core schema says it is."""
    value = resolve(".nan")
    assert isinstance(value, float)
    assert math.isnan(value)


def test_keys_are_text_as_typed() -> None:
    """No key becomes a boolean, a number or null."""
    assert data("on: 1\n010: 2\nnull: 3\ntrue: 4") == {"on": 1, "010": 2, "null": 3, "true": 4}


def test_every_value_has_its_place() -> None:
    """Line and column count from 1 and point at the key, or at the item of a list."""
    file, _ = read("a:\n  é: [1, {b: c}]\n")
    assert file is not None
    assert file.place(("a", "é")) == (2, 3)
    assert file.place(("a", "é", 0)) == (2, 7)
    assert file.place(("a", "é", 1, "b")) == (2, 11)


def test_what_is_missing_has_the_place_of_the_nearest_above() -> None:
    """A problem about an absent value still leads to a line."""
    file, _ = read("a:\n  b: 1\n")
    assert file is not None
    assert file.place(("a", "nothing", 3)) == (1, 1)
    assert file.node(("a", "nothing")) is None


def test_aliases_repeat_and_merge_keys_fill_in() -> None:
    """`*name` is the same value again, and `<<` adds what the mapping does not say itself."""
    text = "d: &d {x: 1, y: 2}\ne: {<<: *d, x: 3}\nf: {<<: [*d, {z: 4}]}\ng: *d"
    assert data(text) == {
        "d": {"x": 1, "y": 2},
        "e": {"x": 3, "y": 2},
        "f": {"x": 1, "y": 2, "z": 4},
        "g": {"x": 1, "y": 2},
    }


def test_an_alias_bomb_is_refused_at_once() -> None:
    """Ten lines that stand for billions of values cost nothing and are named."""
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [f"{key}: &{key} [{','.join([f'*{before}'] * 9)}]" for before, key in pairwise("abcdefghij")]
    _, problems = read("\n".join(lines))
    assert problems == ["c.yaml:6:4: f: more than 100000 values when every alias (*name) is written out"]


def test_merge_keys_are_no_way_around_the_bound() -> None:
    """Neither are thousands of small mappings that each take in a large one."""
    base = "a: &a {" + ",".join(f"k{n}: 1" for n in range(1000)) + "}\n"
    _, problems = read(base + "b: [" + ",".join(["{<<: *a}"] * 1000) + "]")
    assert problems == ["c.yaml:2:906: b[100]: merge keys (<<) repeat more than 100000 values"]


def test_aliases_cannot_nest_deeper_than_brackets_may() -> None:
    """Depth is bounded after aliases are written out too, so nothing downstream recurses without end."""
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 200))]
    _, problems = read("\n".join(lines))
    assert len(problems) == 1
    assert f"more than {MAX_DEPTH} levels" in problems[0]


@pytest.mark.parametrize("text", ["[" * 60, "- " * 60 + "x", "[" * 200_000, "{" * 200_000])
def test_deep_nesting_is_refused(text: str) -> None:
    """However deep, the answer is one problem, at once."""
    file, problems = read(text)
    assert file is None
    assert len(problems) == 1


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3", "c.yaml:3:1: the key 'a' is written twice; it stands at c.yaml:1:1 too"),
        ("x: [{a: 1, a: 2}]", "c.yaml:1:12: x[0]: the key 'a' is written twice; it stands at c.yaml:1:6 too"),
        ("a: *b", "c.yaml:1:4: a: there is no '&b' for '*b' to repeat; put text that begins with * in"),
        ("a: &a [*a]", "c.yaml:1:8: a[0]: '*a' contains itself"),
        ("a: !x b", "c.yaml:1:4: a: the tag !x means nothing here; write the value without it"),
        ("a: !!int 3", "c.yaml:1:4: a: the tag !!int means nothing here; write the value without it"),
        ("a: 1\n---\nb: 2", "c.yaml:2:1: a second document begins here"),
        ("? [a]\n: b", "c.yaml:1:3: a key must be a single word, not a list or a mapping"),
        ("{'': b}", "c.yaml:1:2: a key is missing before ':'"),
        ("<<: 3", "c.yaml:1:1: <<: '<<' takes the alias of a mapping, such as <<: *defaults"),
        ("", "c.yaml: the file is empty"),
        ("# only a comment", "c.yaml: the file is empty"),
        ("a: {{ learner.name }}", "c.yaml:1:4: a: YAML reads {{ … }} as a mapping unless it is in quotes"),
        ("a: @x", "c.yaml:1:4: a value cannot begin with @; put the text in quotes"),
        ("a: `x`", "c.yaml:1:4: a value cannot begin with `; put the text in quotes"),
        ("a:\n\tb: 1", "c.yaml:2:1: a tab where spaces are expected"),
        ("a: :tada: x: y", "c.yaml:1:9: ': ' is not expected here"),
        ("a: 'x", "c.yaml:1:4: this quote is never closed"),
        ("a: [1, 2", "c.yaml:1:4: this '[' is never closed, or a comma is missing after it"),
        ('a: "\\q"', "c.yaml:1:"),
        ("a:\n  b: 1\n c: 2", "c.yaml:3:2: this line does not fit the lines above"),
        (
            'a:\n  b: "x\n  c: 1\n  d: "y"\n',
            (
                "c.yaml:4:7: this line does not fit the lines above; check the indentation, and that each "
                "key ends with ': '; or a quote opened at line 2 is not closed there"
            ),
        ),
        ("a:\n  b: 1\n \u00a0c: 2", "c.yaml:3:2: a no-break space (U+00A0) stands in the indentation"),
        ("a:\n\u200b  b: 1", "c.yaml:2:1: a zero width space (U+200B) stands in the indentation"),
        ("a: b\n- c", "c.yaml:2:1: this line does not fit the lines above"),
    ],
)
def test_what_is_refused_is_said_in_plain_words(text: str, problem: str, loader: Loader) -> None:
    """Both parsers of PyYAML lead to the same sentence at the same place."""
    _, problems = read(text, loader)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_several_problems_of_one_file_are_found_together() -> None:
    """Only a fault of syntax hides what comes after it."""
    _, problems = read("a: !x 1\na: 2\nb: *c\n")
    assert len(problems) == 3


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: \xff", "c.yaml:1:4: the byte 0xff is not UTF-8; save the file as UTF-8"),
        ("á: é\nb: \x07".encode(), "c.yaml:2:4: the control character U+0007 is not allowed; delete it"),
        ("a: b".encode("utf-16"), "c.yaml:1:1: the file is UTF-16; save it as UTF-8"),
        (b"a" * (MAX_BYTES + 1), f"c.yaml: the file has {MAX_BYTES + 1} bytes"),
    ],
)
def test_bytes_that_are_no_text_are_refused_with_their_place(content: bytes, problem: str) -> None:
    """Encoding faults say where they are and what to do."""
    _, problems = read(content)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    """Files saved by Windows editors work."""
    file, problems = read(b"\xef\xbb\xbfa: 1")
    assert problems == []
    assert file is not None
    assert to_data(file.root, scalar) == {"a": 1}


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
@settings(deadline=None)
def test_no_bytes_make_the_reader_raise(content: bytes) -> None:
    """There is a file, or a problem, or both."""
    file, problems = parse(content, "c.yaml")
    assert file is not None or problems


@given(st.text(alphabet="ab:-?&*!|>'\"%@`[]{},#~ \n\t$<", max_size=60))
@settings(deadline=None)
def test_no_punctuation_makes_the_reader_raise(text: str) -> None:
    """The same for texts made of YAML's own signs, with both parsers."""
    for loader in LOADERS:
        file, problems = parse(text.encode(), "c.yaml", loader)
        assert file is not None or problems
        if file is not None:
            to_data(file.root, scalar)
