"""Try dead letters again, see ``python -m pipelines.replay``."""
