"""The embedded world: a small town of people and cameras, drawn on demand (see `datasets.synthetic`)."""
