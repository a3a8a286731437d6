"""What is measured of the connector kit: gateway, delivery, poller, and its memory in a storm."""
