"""What one loop of all does from time to time, whatever the deliveries."""
