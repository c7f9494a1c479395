"""Texts that are kept in files beside the tests, because the text itself is the promise.

`UPDATE_EXPECTED=1 python3 x.py test tests/config` writes them again; read the difference before a commit.
"""

import os
from pathlib import Path


def is_as_expected(path: Path, text: str) -> bool:
    """Compare a text with its file, or write the file when asked to."""
    if os.environ.get("UPDATE_EXPECTED"):
        path.write_text(text, "utf-8")
    return path.read_text("utf-8") == text
