"""The synthetic world: a small town of people and cameras, drawn on demand (see `datasets.synthetic`)."""
