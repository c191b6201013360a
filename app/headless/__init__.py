"""The engine without a screen: scripts and single prompts, results on stdout, exit codes to rely on."""
