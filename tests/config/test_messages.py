"""What people are told about a broken configuration: one file per mistake, the exact text beside it."""

from pathlib import Path

import pytest

from bridge.config.load import Broken, load
from tests.config.expected import is_as_expected

BROKEN = Path(__file__).parent / "broken"
CASES = sorted(BROKEN.glob("*.yaml"))
ENV = {
    "EDUZZ_SECRET": "edz_geheim_0123456789",
    "SMTP_URL": "smtp://bridge:geheim%40smtp@mail.escola.test:587",
    "SLACK_BOT_TOKEN": "xoxb-geheim",
    "CRM_SECRET": "whsec_Z2VoZWltZ2VoZWltZ2VoZWltZ2VoZWlt",
    "EMPTY": "",
    "SHORT": "geheim",
    "UNSEEN": "edz_geheim_0123456789\u00a0",
    "EXAMPLE_SMTP": "smtp://user:geheim@mail.example:587",
    "TIMEZONE": "geheim/zone",
    "LOCALE": "geheim_locale",
    "LISTEN": "geheim:99999",
}


def told(path: Path) -> str:
    """Return everything that is printed for a configuration, with its folder cut out."""
    result = load(path, ENV)
    problems = result.problems if isinstance(result, Broken) else result.warnings
    return "".join(f"{problem}\n" for problem in problems).replace(f"{path.parent}/", "")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_every_problem_is_told_in_these_words(case: Path) -> None:
    """All problems at once, in the order of the file, each with its place and what to do."""
    text = told(case)
    assert is_as_expected(case.with_suffix(".txt"), text)
    assert "geheim" not in text, "a secret is shown"
    assert isinstance(load(case, ENV), Broken)


def test_each_case_has_its_text_and_each_text_its_case() -> None:
    """No expectation is left behind when a case goes."""
    assert {text.stem for text in BROKEN.glob("*.txt")} == {case.stem for case in CASES}
