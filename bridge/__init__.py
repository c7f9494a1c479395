"""Receives webhooks from course platforms and turns them into messages, by rules in a YAML file."""

__version__ = "0.1.0"
