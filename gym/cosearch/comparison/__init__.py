"""Comparing agents fairly: known fronts to measure against, grids of studies, statistics over their seeds.

What a reader sees of it is in `report/`; the commands are `compare`, `lottery` and `report`.
"""
