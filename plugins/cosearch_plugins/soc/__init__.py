"""Systems on a chip."""
