"""Methods: separation, paths, and the whole program."""
