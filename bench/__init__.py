"""Side-by-side benchmarks: Parley against the cheapest relay that there can be, and against other ways to serve.

``python -m bench`` runs all parts in under ten minutes, ``python -m bench NAME ...`` some. CPU time is that of a
server's whole process tree. Machines differ and so do minutes: rounds of the servers alternate, medians count, and of
two numbers of one run only the ratio says something.

A part is a module in `bench.parts` with a function ``run(table)`` and its ``TARGETS`` by measure, and has a line in
``PARTS`` of `bench.__main__`. `bench.servers` starts servers, `bench.compare` measures them side by side, and
`bench.table` takes the numbers: ``table.hold`` one with a target, ``table.grid`` a table with a place of its own in
docs/performance.md. `bench.parts.workers` is a short example.
"""
