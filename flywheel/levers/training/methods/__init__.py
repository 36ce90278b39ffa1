"""Methods: which weights are trained (full, LoRA, QLoRA), and how the base model is loaded."""
