"""Problems in which the network, its precision and its hardware are one design."""
