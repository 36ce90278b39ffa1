"""The synthetic support desk that the embedded model is trained on."""
