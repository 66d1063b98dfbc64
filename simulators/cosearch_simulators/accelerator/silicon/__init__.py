"""What parts cost: energy of an access and an operation, area, leakage, each number with its source."""
