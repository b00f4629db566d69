"""The regime-switching program."""
