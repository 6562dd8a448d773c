"""A corpus of OpenAPI documents, each served with mocks and asked with valid, invalid and unauthorised requests that
Schemathesis makes: ``make documents``. What is judged here is judged without a line of the application's code."""
