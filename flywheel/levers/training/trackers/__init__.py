"""Trackers: the metrics of a training in TensorBoard, MLflow and others."""
