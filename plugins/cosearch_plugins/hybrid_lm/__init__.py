"""The problem `hybrid-lm-cpu`: a small language model of mixed layers, trained and timed for real."""
