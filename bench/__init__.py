"""Side-by-side benchmarks: Parley against a stock Connexion application, a bare Starlette one and a bare relay.

``python -m bench`` runs all parts in some six minutes, ``python -m bench NAME ...`` some. CPU time is that of a
server's whole process tree. Machines differ and so do minutes: rounds of the servers alternate, medians count, and of
two numbers of one run only the ratio says something.
"""
