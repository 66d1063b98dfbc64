"""Memory traces: as columns, as files, streamed from a file, and made by a generator."""
