"""A rule as one sentence that a person might have written, in several languages; begin with `rule.py`."""
