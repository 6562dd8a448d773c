"""Finds out what a server that speaks chat completions does with each property of the contract, by asking it.

Off the serving path: only the command `certify` loads it. `running.certify` asks and judges, `report.Report` is what
came of it.
"""
