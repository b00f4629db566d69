"""regime_switching."""
