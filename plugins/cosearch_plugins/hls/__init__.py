"""High-level synthesis: pragmas of C kernels, as a table of real runs brings them."""
