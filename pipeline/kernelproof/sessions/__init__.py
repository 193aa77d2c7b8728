"""The commands that a user types, and the processes that a nox session starts."""
