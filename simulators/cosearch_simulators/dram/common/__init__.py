"""What both controllers stand on: devices, timing rules, addresses, queues, traces, energy and results."""
