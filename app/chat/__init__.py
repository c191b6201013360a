"""One turn: a person's message, the prompt, the model's reply, and every step told and kept."""
