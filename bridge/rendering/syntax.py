"""What Jinja's parser says of a mistake, in plain words."""

from __future__ import annotations

import re
from collections.abc import Mapping

PAGE = "docs/reference/templates.md"
"""Where everything that a template may say is listed."""
_SIGNS: Mapping[str, str] = {
    "end of print statement": "'}}'",
    "begin of print statement": "'{{'",
    "end of statement block": "'%}'",
    "begin of statement block": "'{%'",
    "begin of comment": "'{#'",
    "end of comment": "'#}'",
    "end of template": "the end of the text",
    "template data / text": "text",
    "integer": "a whole number",
    "float": "a number",
    "string": "a text in quotes",
    "name": "a name",
}
_SENTENCES: tuple[tuple[str, str], ...] = (
    (r"unexpected end of template, expected (?P<wanted>'.*')", "the text ends where {wanted} should stand"),
    (r"expected an expression, got (?P<got>'.*')", "a value is missing before {got}"),
    (r"expected token (?P<wanted>'.*'), got (?P<got>'.*')", "{got} stands where {wanted} should"),
    (r"unexpected (?P<got>'.*'), expected (?P<wanted>'.*')", "{got} stands where {wanted} should"),
    (
        r"unexpected end of template\. jinja was .* needs to be closed is '(?P<open>\w+)'",
        "'{{% {open} %}}' has no end; close it with '{{% end{open} %}}'",
    ),
    (
        r"encountered unknown tag '(?P<tag>\w+)'\. jinja was .* needs to be closed is '(?P<open>\w+)'",
        "'{{% {tag} %}}' stands where '{{% {open} %}}' must end first, with '{{% end{open} %}}'",
    ),
    (
        r"encountered unknown tag '(?P<tag>\w+)'.*",
        "there is no statement '{{% {tag} %}}'; " + PAGE + " lists them",
    ),
    (r"tag name expected", "a statement's name is missing after '{{%'"),
    (r"unexpected char (?P<char>'.*'|\".*\") at \d+", "the character {char} cannot stand in '{{{{ }}}}'"),
    (r"missing end of comment tag", "a comment has no end; close it with '#}}'"),
    (r"missing end of raw directive", "'{{% raw %}}' has no end; close it with '{{% endraw %}}'"),
    (r"unexpected '\}'", "a single '}}' closes nothing; an expression ends with '}}}}'"),
    (r"unexpected (?P<got>'.*')", "{got} stands where a value should"),
)


def plainly(message: str) -> str:
    """Return a message of Jinja's parser as a sentence without its jargon; one that is not known as it is."""
    said = message[:1].lower() + message[1:].rstrip(".")
    for pattern, sentence in _SENTENCES:
        found = re.fullmatch(pattern, said, re.IGNORECASE | re.DOTALL)
        if found:
            return sentence.format(**{key: _sign(text) for key, text in found.groupdict().items()})
    return said


def _sign(quoted: str) -> str:
    return _SIGNS.get(quoted.strip("'"), quoted)
