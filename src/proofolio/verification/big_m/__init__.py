"""The builder as users get it: where each M comes from, and whether a given one is enough."""
