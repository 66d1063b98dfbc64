"""Ways to answer what a fleet does with a stream of requests."""
