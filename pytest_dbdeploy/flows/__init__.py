"""Flows: what the controller does between the phases, one file an action of the command line."""
