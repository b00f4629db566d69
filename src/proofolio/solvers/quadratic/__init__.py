"""quadratic."""
