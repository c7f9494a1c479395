"""The tables by subject; `bridge.store.schema` is where to import them from."""
