"""Configuration: one subcommand per file; the only package that reads the environment."""
