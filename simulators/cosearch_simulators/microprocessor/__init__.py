"""A first-order model of an out-of-order core: cycles for each instruction, energy and area."""
