"""From a suite to its runs: suite files, methods, configurations, keys, and the plan."""
