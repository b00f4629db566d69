"""Methods, each a class with `fits` and `solve`: separation, path, and the whole form given to a solver."""
