"""Rewards: graders as the reward of reinforcement fine-tuning."""
