"""The running bridge: what receives stays as long as it runs, the rest goes with each configuration."""
