"""Trackers: logs the metrics of a training to TensorBoard, W&B, MLflow or Trackio."""
