"""What happened: immutable events, the bus that carries them and the log that keeps them."""
