"""Networks whose architecture is searched: their spaces, and how good a network of them is."""
