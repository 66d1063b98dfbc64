"""Schedules of a kernel on this machine's processor, compiled and measured."""
