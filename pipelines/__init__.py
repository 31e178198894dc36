"""Wiring and flags: the commands people run."""
