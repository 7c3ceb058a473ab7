"""What is fitted: the baseline, the simple models and the network, its training, its metrics."""
