"""Work on what came from outside, in a process of its own with limits of time and memory.

kernel: what the system is asked to refuse that process. child: the process, and how it is asked.
"""
