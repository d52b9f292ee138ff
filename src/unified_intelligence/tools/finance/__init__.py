"""Finance tools: pure functions from figures to an `Outcome`. What they are called is listed in `registry`."""
