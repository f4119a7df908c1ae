"""What a run leaves behind: artifacts, log, report.json, the terminal's lines, the log table on the target."""
