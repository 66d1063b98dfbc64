"""Pure simulators: arrays in, arrays out. They import numpy and numba, and know of no problem, agent or plugin.

`cosearch_simulators.dram` is the cycle-level DRAM simulator; `cosearch_simulators.errors` holds the exceptions.
"""
