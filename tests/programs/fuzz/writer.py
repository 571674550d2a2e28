"""From a table of forms to the source of a program: what is drawn, and what names stand for.

A *form* is a piece of source with placeholders; a *rule* is a list of forms with weights:

    num:  np.sin($num)      0.5 * ($num + $num)      $the_cell.s      ...

`Writer.expand` replaces each placeholder.  Where one cannot be (there is no name of that kind) the
form is given up and another is drawn.

    $num          a form of the rule ``num``, one level less deep; at level 0 one of ``num0``
    $num0         a form of the rule ``num0``
    $vec, $vec_n  a rule that has a size: the size of the statement, or the one given; to its forms
                  come those of the rule ``vec:n``
    $the_cell     a name of kind ``cell``, the same wherever it stands in the form
    $other_cell   another such name, or the same again
    $own_cell     a name that may be bound here (in a function inside: not one of outside)
    $new_cell     a new name, which is of that kind from the next line on; in the head of a block,
                  inside of the block
    $a .. $e      something of the rule in `SHORT`, the same wherever it stands in the form
    $block, $loop, $body   a line for some statements

The kinds in `SIZED` have a size: ``n``, ``m``.  A ``turn`` counts the passes of a ``while``: it is read, never bound
again, so that each loop ends.  A ``2`` after the kind makes another name: ``$new_num2``.

Each program draws weights for the tables (`Form.feature`) as well, so that some programs are all text and
others all stores (swarm testing, Groce et al. 2012).
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass, field

SIZED = {"vec", "single", "ints", "mask", "into", "below"}
SHORT = {"v": "place", "w": "place", "i": "at", "j": "at", "s": "num", "r": "num0"}
PREFIXES = ("the", "other", "own", "new")
PLACEHOLDER = re.compile(r"\$(\w+)")
HEADING = re.compile(r"^\[([\w:]+) \| ([\w ]+)\]$", re.MULTILINE)
WEIGHTED = re.compile(r"(\d+): ")
AUGMENTED = re.compile(r"(\w+) (\S*=) ")
LOOP_ENDS = ("break", "continue")


@dataclass(frozen=True)
class Form:
    """A piece of source with placeholders."""

    text: str
    feature: str
    weight: float = 1.0


Rules = dict[str, list[Form]]


class Missing(Exception):
    """A form asks for a name of a kind that no name is of."""


def read(text: str) -> Rules:
    """The rules of a text: ``[rule | feature]``, and under it one form a line, ``3: `` in front is a weight.

    Lines that are indented, go on with a block, or begin with ``& ``, belong to the form before.
    """
    rules: Rules = {}
    _, *parts = HEADING.split(text)
    for rule, feature, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        for form in re.split(r"\n(?! |& |else|elif|except|finally)", body.strip("\n")):
            weight = WEIGHTED.match(form)
            source = (form[weight.end() :] if weight else form).replace("\n& ", "\n")
            factor = float(weight[1]) if weight else 1.0
            rules.setdefault(rule, []).append(Form(source, feature, factor))
    return rules


@dataclass
class Frame:
    """What placeholders of one form stand for."""

    depth: int
    size: str
    memo: dict[str, str] = field(default_factory=dict)
    pending: list[tuple[str, str]] = field(default_factory=list)  # new names with their kinds
    heads: list[tuple[str, str]] = field(default_factory=list)  # those in the head of a block
    late: list[tuple[str, str]] = field(default_factory=list)  # of which only one path may have met


@dataclass
class Writer:
    """Writes statements for the names in scope; every decision is drawn from `choose`."""

    choose: random.Random
    rules: Rules
    scope: dict[str, str]  # names with their kinds, as "vec:n"
    result: str = "$num"  # what an early return gives
    lines: list[str] = field(default_factory=list)
    indent: int = 1
    loops: int = 0  # that are open
    nested: int = 0  # functions that are open
    foreign: frozenset[str] = frozenset()  # names of the outer function
    made: int = 0
    swarm: dict[str, float] = field(default_factory=dict)
    used: Counter[Form] = field(default_factory=Counter)

    def fresh(self, prefix: str) -> str:
        """A name that no statement has used."""
        self.made += 1
        return f"{prefix}{self.made}"

    def weight(self, form: Form) -> float:
        """How often a form is drawn in this program."""
        if form.feature not in self.swarm:
            self.swarm[form.feature] = self.choose.choice((0.1, 1.0, 1.0, 4.0))
        return form.weight * self.swarm[form.feature]

    # --- expressions ---------------------------------------------------------------------------

    def expand(self, text: str, frame: Frame) -> str:
        """Source with all placeholders replaced."""
        return PLACEHOLDER.sub(lambda match: self.word(match[1], frame), text)

    def word(self, word: str, frame: Frame) -> str:
        """What one placeholder stands for."""
        if word in frame.memo:
            return frame.memo[word]
        head, _, tail = word.partition("_")
        if head in PREFIXES:
            found = self.name(head, tail, frame)
            frame.memo[word] = found
        elif word in SHORT:
            found = self.rule(SHORT[word], frame.size, min(frame.depth - 1, 1))
            frame.memo[word] = found
        elif word == "const":
            found = f"{self.choose.randrange(-1500000, 1500000) / 1e6 + 1.23e-7:.9f}"
        elif word == "size":
            found = frame.size
        elif word == "across":
            found = "m" if frame.size == "n" else "n"
        elif word == "axis":
            found = str(int(frame.size == "n"))
        elif word == "result":
            found = self.expand(self.result if not self.nested else "$num", frame)
        else:
            found = self.rule(head, self.sized(tail, frame), frame.depth - 1)
        return found

    def sized(self, given: str, frame: Frame) -> str:
        """The size that a placeholder asks for."""
        return self.word("across", frame) if given == "across" else given or frame.size

    def kind(self, asked: str, frame: Frame) -> str:
        """The kind of a name, with its size."""
        kind, _, size = asked.rstrip("2").partition("_")
        return f"{kind}:{self.sized(size, frame)}" if kind in SIZED else kind

    def name(self, what: str, asked: str, frame: Frame) -> str:
        """A name that there is, or a new one."""
        kind = frame.memo.get("kind", "") if asked.rstrip("2") == "any" else self.kind(asked, frame)
        if what == "new":
            name = self.fresh(kind[0])
            frame.pending.append((name, kind))
            return name
        names = [name for name, of in self.scope.items() if of == kind]
        if what == "own":
            names = [name for name in names if name not in self.foreign]
        if not names:
            raise Missing(kind)
        # Names made last are read and changed more often, or most statements would be dead code.
        return self.choose.choice(names[-3:] if self.choose.random() < 0.5 else names)

    def rule(self, rule: str, size: str, depth: int) -> str:
        """A form of a rule, expanded; at depth 0, of its atoms."""
        atoms = f"{rule}0"
        if atoms in self.rules and (depth <= 0 or self.choose.random() < 0.25):
            rule = atoms
        possible = [*self.rules.get(rule, ()), *self.rules.get(f"{rule}:{size}", ())]
        weights = [self.weight(form) for form in possible]
        while possible:
            k = self.choose.choices(range(len(possible)), weights)[0]
            try:
                found = self.expand(possible[k].text, Frame(max(depth, 0), size))
                self.used[possible[k]] += 1
                return found
            except Missing:
                del possible[k], weights[k]
        raise Missing(rule)

    # --- statements ------------------------------------------------------------------------------

    def statements(self, depth: int, count: int) -> None:
        """So many statements, in this block."""
        for _ in range(count):
            self.statement(depth)

    def statement(self, depth: int) -> None:
        """One statement; control flow only where `depth` allows it."""
        rule = "control" if depth > 0 and self.choose.random() < 0.45 else "statement"
        possible = [*self.rules[rule]]
        weights = [self.weight(form) for form in possible]
        while possible:
            k = self.choose.choices(range(len(possible)), weights)[0]
            kept = (len(self.lines), self.indent, dict(self.scope), self.loops, self.nested)
            foreign = self.foreign
            try:
                if not self.allowed(possible[k]):
                    raise Missing("a loop")
                self.write(possible[k].text, depth)
                self.used[possible[k]] += 1
                return
            except Missing:
                length, self.indent, self.scope, self.loops, self.nested = kept
                self.foreign = foreign
                del self.lines[length:], possible[k], weights[k]

    def allowed(self, form: Form) -> bool:
        """Whether a form may stand here: a break in a loop, a function not in a function."""
        text = form.text
        leaves = any(word in text for word in LOOP_ENDS) and "for " not in text
        return not (leaves and not self.loops and "while" not in text) and not (
            self.nested and ("$body" in text or "nonlocal" in text)
        )

    def write(self, text: str, depth: int) -> None:
        """Add the lines of a form."""
        frame = Frame(3, self.choose.choice("nnm"))
        if "_any" in text or "$make" in text:
            kinds = [rule[5:] for rule in self.rules if rule.startswith("make_")]
            if "the_any" in text or "own_any" in text:
                kinds = [kind for kind in kinds if kind in self.scope.values()]
            if not kinds:
                raise Missing("any")
            weights = [self.weight(self.rules[f"make_{kind}"][0]) for kind in kinds]
            frame.memo["kind"] = self.choose.choices(kinds, weights)[0]
            frame.memo["make"] = self.rule(f"make_{frame.memo['kind']}", frame.size, 2)
        for line in text.split("\n"):
            inner = (len(line) - len(line.lstrip())) // 4
            word = line.strip()
            self.indent += inner
            if word in ("$block", "$loop", "$body"):
                self.block(word, frame, depth)
            else:
                self.add(self.expand(word, frame))
                self.bind(frame, head=word.endswith(":"), late=bool(inner))
            self.indent -= inner
        self.scope.update(frame.late)

    def add(self, line: str) -> None:
        """Add a line; arrays of the outer function are stored into, as `A += 1` would bind `A`."""
        bound = AUGMENTED.match(line)
        if bound and bound[1] in self.foreign and bound[2] != "=":
            line = f"{bound[1]}[...]{line[len(bound[1]) :]}"
        self.lines.append("    " * self.indent + line)

    def bind(self, frame: Frame, head: bool, late: bool) -> None:
        """New names are in scope: in the block, from here on, or after the statement."""
        if head:
            frame.heads += frame.pending
        elif late:
            frame.late += frame.pending
        else:
            self.scope.update(frame.pending)
        frame.pending.clear()

    def block(self, word: str, frame: Frame, depth: int) -> None:
        """Statements of their own; their names are forgotten afterwards."""
        outer = (dict(self.scope), self.loops, self.nested, self.foreign)
        if word == "$loop":
            self.loops += 1
        if word == "$body":
            free = {frame.memo[name] for name in frame.memo if name.startswith("own_")}
            self.foreign = frozenset(self.scope) - free
            self.loops, self.nested = 0, self.nested + 1
        frame.late += [(name, kind) for name, kind in frame.heads if kind == "inner"]
        self.scope.update((name, kind) for name, kind in frame.heads if kind != "inner")
        self.statements(depth - 1, self.choose.randrange(1, 4))
        if word == "$body":
            self.add(self.expand("return $num", Frame(3, "n")))
        self.scope, self.loops, self.nested, self.foreign = outer
