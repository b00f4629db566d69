"""SCIP: `loading` writes a program into it, `solver` runs it and reads the answer."""
