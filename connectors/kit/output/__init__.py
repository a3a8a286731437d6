"""What goes to Kafka: messages, dead letters, and commits with offsets."""
