"""The pure middle: values in, values out; no I/O, clock, randomness, asyncio, logging or framework."""
