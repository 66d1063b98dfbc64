"""Our own model: causal attention, last-token classifier, calibrated operators, closed-loop serving."""
