"""Tests of the workflows, the runner guide and the security rules of `.github`."""
