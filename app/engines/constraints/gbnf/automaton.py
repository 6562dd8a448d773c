"""Deterministic automata over characters, for regular expressions and for lengths.

In a grammar of such an automaton, each character leads to exactly one place. Several conditions on one text can be
combined into one automaton.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from .expressions import ANY, LAST, Anchor, Class, Node, Ranges, Repeat, Sequence, Unsayable, common, parse, united

MOST_STATES = 2_500
# The maximum cost of building an automaton of a pattern, and the cost of one state of an intersection. A step is a
# quarter of a microsecond.
_MOST_STEPS = 200_000
_PER_STATE = 20


@dataclass(frozen=True, slots=True)
class Automaton:
    """A deterministic automaton. It starts in state 0; characters lead to other states; ``ends`` marks the accepting
    states. The ``moves`` of one state have no characters in common. An accepting state is reachable from each state,
    except from state 0 if nothing fits. ``steps`` is the cost of building the automaton."""

    moves: tuple[tuple[tuple[Ranges, int], ...], ...]
    ends: tuple[bool, ...]
    steps: int

    @property
    def is_empty(self) -> bool:
        """Whether no text is accepted."""
        return not self.ends[0] and not self.moves[0]

    def longest(self) -> int | None:
        """Return the maximum number of characters of a text; None: there is no maximum."""
        lengths: dict[int, int] = {}
        left = [(0, False)]
        open_states = set()
        while left:
            state, is_done = left.pop()
            if is_done:
                open_states.discard(state)
                lengths[state] = max((1 + lengths[target] for _, target in self.moves[state]), default=0)
            elif state not in lengths:
                open_states.add(state)
                left.append((state, True))
                for _, target in self.moves[state]:
                    if target in open_states:
                        return None
                    left.append((target, False))
        return lengths[0]


@functools.lru_cache(maxsize=32)
def of_pattern(pattern: str) -> Automaton:
    """Return the automaton for texts in which a pattern is found.

    Raises:
        Unsayable: as `parse`; or the automaton is too large.
    """
    return _Subsets(parse(pattern)).automaton()


def of_length(least: int, most: int | None) -> Automaton:
    """Return the automaton for texts of ``least`` to ``most`` characters."""
    last = least if most is None else most
    if last >= MOST_STATES:
        raise Unsayable
    loop = ((ANY, last),) if most is None else ()
    moves = (*(((ANY, count + 1),) for count in range(last)), loop)
    return _trimmed(moves, [count >= least for count in range(last + 1)], last)


def both(one: Automaton, other: Automaton) -> Automaton:
    """Return the intersection of two automata.

    Raises:
        Unsayable: it has too many states.
    """
    known = {(0, 0): 0}
    left = [(0, 0)]
    moves: list[list[tuple[Ranges, int]]] = []
    steps = one.steps + other.steps
    for a, b in left:
        steps += _PER_STATE
        found: dict[int, list[tuple[int, int]]] = {}
        for ranges_a, next_a in one.moves[a]:
            for ranges_b, next_b in other.moves[b]:
                steps += 2
                shared = common(ranges_a, ranges_b)
                if shared:
                    pair = (next_a, next_b)
                    if pair not in known:
                        known[pair] = len(known)
                        left.append(pair)
                    found.setdefault(known[pair], []).extend(shared)
        if len(known) > MOST_STATES:
            raise Unsayable
        moves.append([(united(ranges), target) for target, ranges in found.items()])
    return _trimmed(moves, [one.ends[a] and other.ends[b] for a, b in left], steps)


def _trimmed(moves: Iterable[Iterable[tuple[Ranges, int]]], ends: list[bool], steps: int) -> Automaton:
    """Return the automaton without the states from which no accepting state is reachable."""
    moves = [list(of_state) for of_state in moves]
    before: list[list[int]] = [[] for _ in moves]
    for state, of_state in enumerate(moves):
        for _, target in of_state:
            before[target].append(state)
    alive = {state for state, is_end in enumerate(ends) if is_end}
    left = list(alive)
    while left:
        for state in before[left.pop()]:
            if state not in alive:
                alive.add(state)
                left.append(state)
    names = {state: index for index, state in enumerate(sorted(alive | {0}))}
    return Automaton(
        tuple(tuple((ranges, names[to]) for ranges, to in moves[state] if to in alive) for state in names),
        tuple(ends[state] for state in names),
        steps,
    )


class _Subsets:
    """The subset construction for a pattern's automaton: a state is a set of places in the pattern. Places lead to
    other places by one character, or without a character; some of the latter only at the begin or the end of the
    text."""

    def __init__(self, node: Node) -> None:
        self._jumps: list[list[tuple[int, bool | None]]] = []
        self._steps: list[tuple[Ranges, int] | None] = []
        self._work = 0
        # The match may be anywhere in the text: any text may come before it and after it.
        self._start, begin = self._place(), self._place()
        self._steps[self._start] = (ANY, self._start)
        self._jumps[self._start].append((begin, None))
        self._found = self._add(node, begin)

    def automaton(self) -> Automaton:
        atoms = self._atoms()
        # The first state is separate, because only there is the begin of the text.
        left = [self._closure({self._start}, begin=True)]
        known: dict[frozenset[int], int] = {}
        moves: list[list[tuple[Ranges, int]]] = []
        ends = []
        for state, places in enumerate(left):
            ends.append(self._found in self._closure(places, begin=state == 0, end=True))
            if self._found in places:
                moves.append([(ANY, state)])
                continue
            targets: dict[int, set[int]] = {}
            for place in places:
                step = self._steps[place]
                if step is not None:
                    for atom in atoms[step[0]]:
                        targets.setdefault(atom, set()).add(step[1])
                        self._count()
            merged: dict[frozenset[int], list[int]] = {}
            for atom, following_places in targets.items():
                merged.setdefault(frozenset(following_places), []).append(atom)
            found: dict[int, list[tuple[int, int]]] = {}
            for reached, of_atoms in merged.items():
                following = self._closure(reached)
                if self._found in following:
                    following = frozenset({self._found})
                if following not in known:
                    known[following] = len(left)
                    left.append(following)
                found.setdefault(known[following], []).extend(self._pieces[atom] for atom in of_atoms)
            if len(left) > MOST_STATES:
                raise Unsayable
            moves.append([(united(ranges), target) for target, ranges in found.items()])
        return _trimmed(moves, ends, self._work)

    def _place(self) -> int:
        self._jumps.append([])
        self._steps.append(None)
        if len(self._jumps) > 4 * MOST_STATES:
            raise Unsayable
        return len(self._jumps) - 1

    def _add(self, node: Node, begin: int) -> int:
        """Add a node that begins at a place; return the place after it."""
        if isinstance(node, Sequence):
            for part in node.parts:
                begin = self._add(part, begin)
            return begin
        if isinstance(node, Repeat):
            return self._add_repeat(node, begin)
        end = self._place()
        if isinstance(node, Class):
            # A place has at most one move by a character: what comes next begins at a new place.
            self._steps[begin] = (node.ranges, end)
        elif isinstance(node, Anchor):
            self._jumps[begin].append((end, node.end))
        else:
            for branch in node.branches:
                inner = self._place()
                self._jumps[begin].append((inner, None))
                self._jumps[self._add(branch, inner)].append((end, None))
        return end

    def _add_repeat(self, node: Repeat, begin: int) -> int:
        for _ in range(node.least):
            begin = self._add(node.part, begin)
        end = self._place()
        self._jumps[begin].append((end, None))
        if node.most is None:
            inner = self._place()
            self._jumps[begin].append((inner, None))
            after = self._add(node.part, inner)
            self._jumps[after] += [(inner, None), (end, None)]
            return end
        for _ in range(node.most - node.least):
            inner = self._place()
            self._jumps[begin].append((inner, None))
            begin = self._add(node.part, inner)
            self._jumps[begin].append((end, None))
        return end

    def _closure(self, places: Iterable[int], *, begin: bool = False, end: bool = False) -> frozenset[int]:
        found = set(places)
        left = list(found)
        while left:
            for target, kind in self._jumps[left.pop()]:
                self._count()
                if target not in found and (kind is None or (end if kind else begin)):
                    found.add(target)
                    left.append(target)
        return frozenset(found)

    def _atoms(self) -> dict[Ranges, list[int]]:
        """Split the characters into pieces that no class of the pattern divides. Return the pieces of each class."""
        classes = {step[0] for step in self._steps if step is not None}
        bounds = sorted({edge for ranges in classes for low, high in ranges for edge in (low, high + 1)} | {LAST + 1})
        self._pieces = [(low, high - 1) for low, high in itertools.pairwise(bounds)]
        if len(self._pieces) * len(classes) > _MOST_STEPS:
            raise Unsayable
        return {
            ranges: [index for index, (low, _) in enumerate(self._pieces) if any(a <= low <= b for a, b in ranges)]
            for ranges in classes
        }

    def _count(self) -> None:
        self._work += 1
        if self._work > _MOST_STEPS:
            raise Unsayable
