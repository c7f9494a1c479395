"""How what is said of troubles is written down, the same for every language."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.trouble import Trouble

Said = Mapping[tuple[Trouble, bool], tuple[str, ...]]
"""For a trouble, and whether it is over: a title, what happened, and sentences of what follows."""
