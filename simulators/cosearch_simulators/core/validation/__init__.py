"""An engine against reference measurements: the cases of a folder, and the table of errors."""
