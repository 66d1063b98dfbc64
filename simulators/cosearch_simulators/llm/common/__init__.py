"""What all engines stand on: columns, operators, calibrated constants."""
