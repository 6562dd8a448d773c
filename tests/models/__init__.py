"""Chat models of all kinds: real templates with real vocabularies over random weights, and one with real weights."""
