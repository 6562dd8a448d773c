"""Reports everything that is wrong with an OpenAPI document, with the place and advice for each finding."""
