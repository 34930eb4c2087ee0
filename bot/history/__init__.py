"""What became of the deliveries, for people: read, found, and made fit for their eyes."""
