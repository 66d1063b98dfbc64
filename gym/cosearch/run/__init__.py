"""Running a search: trials, the backends that run them, the scheduler that keeps them going, the study."""
