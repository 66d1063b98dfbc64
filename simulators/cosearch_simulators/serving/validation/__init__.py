"""The serving simulator against recorded runs and against queueing theory."""
