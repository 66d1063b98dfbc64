"""Cycle-level DRAM simulation."""
