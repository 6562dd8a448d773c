"""The contract, `openapi.yaml`, and the operators', `admin.yaml`, shipped as package data for installed servers."""
