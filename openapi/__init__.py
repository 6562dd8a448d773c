"""The contract, `openapi.yaml`, and the operators', `admin.yaml`, shipped as package data so that an installed server finds it."""
