"""`config.yaml` to typed objects, or every problem at once with its place in the file."""
