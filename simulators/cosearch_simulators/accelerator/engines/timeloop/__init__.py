"""Timeloop's rules (Parashar et al., ISPASS 2019): any mapping of a nest on a hierarchy of levels."""
