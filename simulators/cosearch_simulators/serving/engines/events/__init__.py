"""Event by event: every request, every step of every instance."""
