"""What a run that goes on shows while it does: a screen or lines, and counters for Prometheus."""
