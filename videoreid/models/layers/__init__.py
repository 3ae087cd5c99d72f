"""Building blocks of the networks, one kind per file."""
