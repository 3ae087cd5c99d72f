"""Visual."""
