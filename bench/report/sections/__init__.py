"""Sections of a report: each module computes the numbers of one subject and writes its tables and sentences."""
