"""What is described: an accelerator as data, from a file, a preset or a design."""
