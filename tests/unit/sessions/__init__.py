"""Tests of the noxfile and of the commands of its sessions."""
