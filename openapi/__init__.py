"""The contract, `openapi.yaml`, shipped as package data so that an installed server finds it."""
