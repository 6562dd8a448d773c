"""Determines how a server with a chat completions API handles each property of the contract, by sending it requests.

This is not on the serving path: only the command `certify` loads it. `running.certify` sends the requests and judges
the answers; `report.Report` is the result.
"""
