"""Analytical models of deep-learning accelerators: what an operator costs on an array of processors."""
