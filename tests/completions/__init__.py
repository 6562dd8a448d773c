"""The domain of completions, and what tests of it share."""
