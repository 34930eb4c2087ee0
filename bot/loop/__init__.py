"""The loop: evaluates deliveries, performs actions, and runs periodic tasks."""
