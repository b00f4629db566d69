"""The regime-switching problem: which regime to believe in each period, and what to hold.

Read in this order: `rules` (which regimes may hold) and `problem` (the data, and what they say of a point);
`solution` (the answer and its checks against the data); `form` (the mixed-integer program that says the same) and
`cut_off` (whether an M cuts off points that are meant); the methods `methods.separation`, `methods.path` (with
`methods.prices` and `methods.path_graph`) and `methods.whole` (with `methods.start`); and `model`, where users declare
a problem and a method is chosen. `instances` makes problems to try.
"""
