"""Running a search: trials, the backends on which they run, the scheduler that keeps them going, the study."""
