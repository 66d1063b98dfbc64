"""Memory controllers, each named after the tool whose rules it follows; none imports another."""
