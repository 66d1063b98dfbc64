"""Ramulator 2.1's controller: a read and a write queue for all banks of a channel."""
