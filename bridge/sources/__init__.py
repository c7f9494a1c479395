"""Platforms that call us: one file each, and one line in `registry.py`."""
