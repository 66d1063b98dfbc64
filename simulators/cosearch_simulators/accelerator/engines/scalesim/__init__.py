"""SCALE-Sim's rules (Samajdar et al., ISPASS 2020): matrix products folded on a systolic array."""
