"""Training: SFT, preferences, rewards and pretraining, with TRL and PEFT."""
