"""outer_approximation."""
