"""Poll feeds and publish what they have to a Pub/Sub topic: ``python -m pipelines.publish``."""
