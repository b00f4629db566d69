"""The audit: which rows are Big-M rows, and whether each M is right."""
