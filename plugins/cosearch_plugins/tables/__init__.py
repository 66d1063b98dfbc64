"""Problems that are given as tables: every design's numbers are known."""
