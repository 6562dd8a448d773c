"""HTTP around an operation: keys, checks, bodies, errors, streams, mocks and pages. It knows nothing of chats."""
