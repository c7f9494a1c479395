"""The use cases along an event's way; knows protocols, never a concrete source or channel."""
