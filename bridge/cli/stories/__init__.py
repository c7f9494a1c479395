"""Story tests: what is given, which events come when, and exactly which messages they lead to."""
