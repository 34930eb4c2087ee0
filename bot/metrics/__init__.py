"""What is measured: the table, the totals of all processes, and the page for Prometheus."""
