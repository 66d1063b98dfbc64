"""DOSA's idea (Hong et al., MICRO 2023): the nest's cost with real factors, for gradients."""
