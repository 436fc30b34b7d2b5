"""What a model could do before it was tuned, measured by lm-eval tasks on the live model."""
