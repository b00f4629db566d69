"""What the decisions would have earned: simulator, strategies, costs, metrics, tuning."""
