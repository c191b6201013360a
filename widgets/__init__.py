"""What screens are made of: each widget knows events and view models, never a service's insides."""
