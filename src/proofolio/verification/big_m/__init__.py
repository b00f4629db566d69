"""big_m."""
