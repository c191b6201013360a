"""Model files: read and described here without loading them."""
