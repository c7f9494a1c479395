"""The `bridge` command.

`app.py` and its neighbours `app_*.py` declare the commands and import nothing heavy; each command imports the
module that does its work when it is called, so `bridge --help` and `bridge health` are instant.
"""
