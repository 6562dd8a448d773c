"""HTTP around an operation: keys, checks, bodies, errors, streams, mocks and pages. It knows no chat."""
