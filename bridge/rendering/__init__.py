"""Templates to messages: sandboxed Jinja, Markdown, filters for people, layouts."""
