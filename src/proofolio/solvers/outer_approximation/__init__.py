"""Convex mixed-integer quadratic and conic programs, by cuts over linear programs."""
