"""pyomo."""
