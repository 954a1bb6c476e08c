"""An evaluation's way: designed, sealed, assigned, acted on, analysed, decided on.

plan: the seal. design: what can be told, before it. assign: who is served by lot. actions: what was
done. outcomes: what was measured. measure: the effect, as each design takes it. analyse: what it
changed. decide: what the city does with that.
"""
