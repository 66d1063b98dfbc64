"""What several domains need, each once: columns, results, names, numbers, validation, conformance."""
