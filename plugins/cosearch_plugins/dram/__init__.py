"""Problems on memory controllers: two controllers on any memory, and ArchGym's space."""
