"""What tests are made with: examples, servers, faults."""
