"""Pure simulators: arrays in, arrays out. They know of no problem, agent or plugin.

`cosearch_simulators.dram` is the cycle-level DRAM simulator; `cosearch_simulators.errors` has the exceptions.
"""
