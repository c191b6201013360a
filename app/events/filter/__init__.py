"""The filter language for events: parsed, printed, completed, and asked of single events or of the log."""
