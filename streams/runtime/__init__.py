"""Faust in rounds on librdkafka, exactly once. The only place that imports Faust.

A round: consume → one batch per partition to the agents → the engine's tasks hold outputs and changed rows → one
place produces them → one place adds the offsets and commits, or aborts and goes back.
"""
