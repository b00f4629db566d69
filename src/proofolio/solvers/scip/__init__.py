"""scip."""
