"""Training: SFT, preferences, rewards and pretraining, on TRL and PEFT; it never decides."""
