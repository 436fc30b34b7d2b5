"""From training rows to a LoRA adapter with a card; knows nothing of the held-out set."""
