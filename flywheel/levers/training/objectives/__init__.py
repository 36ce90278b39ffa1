"""Objectives: SFT, DPO, KTO, RFT, reward models and pretraining, each with its trainer."""
