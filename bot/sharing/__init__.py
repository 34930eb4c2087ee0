"""What all processes share of GitHub through the database."""
