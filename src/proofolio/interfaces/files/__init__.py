"""Model files: MPS and LP, with names, to the last bit."""
