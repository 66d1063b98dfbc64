"""Files of other accelerator models: what runs and the hardware, as our networks and architectures."""
