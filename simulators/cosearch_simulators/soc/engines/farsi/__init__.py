"""FARSI's rules: tasks share elements, buses and memories in phases of constant rates.

L. Boroujerdian et al.: "FARSI: An early-stage design space exploration framework to tame the domain-specific
system-on-chip complexity", ACM TECS 22 (2023); Project FARSI, mode `gables_inspired_exact`.
"""
