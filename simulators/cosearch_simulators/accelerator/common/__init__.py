"""The ground of several engines: an architecture and mappings as arrays, and what a box of a tensor holds."""
