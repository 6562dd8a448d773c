"""Applications that nobody here wrote, unmodified and pinned, in front of Parley: ``make apps``."""
