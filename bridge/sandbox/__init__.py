"""A local mailbox and Slack and webhook stand-ins, so that everything can be tried with no account."""
