"""The forms of containers, objects and text.

All arrays in containers have ``n`` elements, so that each may be put wherever another is.  For a kind
of container there are: the rule ``make_KIND``; places in it, as forms of ``place:n`` and ``num0``; and
statements that change it.  What applies to all kinds (a second name, one of two, an exchange) is
written once, with the kind ``any``.
"""

from __future__ import annotations

# What the result says of a name of a kind: a number, and what is returned beside it.
ENDS: dict[str, tuple[str, str]] = {
    "num": ("0.37 * $x", "$x"),
    "count": ("0.1 * $x", "$x"),
    "flag": ("0.3 * bool($x)", "$x"),
    "vec:n": ("($x @ w)", "$x"),
    "vec:m": ("($x @ u)", "$x"),
    "loose": ("0.3 * ($x * np.arange(1.0, len($x) + 1)).sum()", "$x"),
    "single:n": ("0.3 * float($x @ w)", "$x"),
    "single:m": ("0.3 * float($x @ u)", "$x"),
    "ints:n": ("0.01 * ($x * w).sum()", "$x"),
    "ints:m": ("0.01 * ($x * u).sum()", "$x"),
    "mask:n": ("0.3 * $x.sum()", "$x"),
    "mask:m": ("0.3 * $x.sum()", "$x"),
    "into:n": ("0.01 * ($x * u).sum()", "$x"),
    "into:m": ("0.01 * ($x * w).sum()", "$x"),
    "mat": ("(w @ $x @ u)", "$x"),
    "cell": ("0.7 * ($x.u @ w) + 0.3 * $x.s", "$x"),
    "state": ("0.3 * ($x.u @ w) + $x.s + 0.1 * sum($x.log) + 0.2 * $x.count", "$x.u, $x.s, $x.log"),
    "dict": ("0.6 * ($x['u'] @ w) - 0.4 * $x['s']", "$x"),
    "pair": ("0.7 * ($x[0] @ w) - 0.4 * ($x[1] @ w ** 2)", "$x"),
    "nested": ("0.3 * ($x[0][0] @ w) * $x[1][0]", "$x"),
    "list": ("0.2 * sum($x) * len($x)", "$x"),
    "tuple": ("0.2 * sum($x) + $x[-1]", "$x"),
    "rows": ("sum(0.1 * i * (v @ w) for i, v in enumerate($x))", "$x"),
    "pairs": ("sum((c - 0.3 * d for c, d in $x), 0.0)", "$x"),
    "table": ("sum(0.3 * r[0] + i * r[1] for i, r in enumerate($x))", "$x"),
    "group": ("0.3 * sum(c.s * (c.u @ w) for c in $x)", "[c.u for c in $x]"),
    "home": ("($x['c'].u @ $x['d']['u']) + $x['v'][-1][0]", "$x['d'], $x['v']"),
    "point": ("0.4 * ($x.u @ w) + $x.s", "$x"),
    "queue": ("0.3 * sum($x) + $x[0]", "$x"),
    "tally": ("sum($x.values())", "$x"),
    "space": ("0.5 * ($x.u @ w) * $x.s", "$x"),
    "text": ("0.01 * $x.count('(')", "$x"),
    "texts": ("0.01 * len($x)", "$x"),
    "bag": ("0.1 * sum($x)", "sorted($x)"),
    "iterator": ("next($x, 0.4) + sum($x)", ""),
}

FORMS = """
[make_cell | cell]
Cell($vec_n, $num)
Cell(u=$place_n)

[make_state | state]
State($vec_n, $num)

[make_dict | dict]
{'u': $vec_n, 's': $num}
dict(u=$place_n, s=$num0)

[make_pair | pair]
($vec_n, $vec_n)
($place_n, $vec_n)

[make_nested | nested]
(($vec_n, $num0), [$num, $place_n])

[make_list | list]
[$num, $num0]
[0.0] * 3
[$num0 for _ in range(3)]
list($vec0) + [0.5]
[e * 0.5 for e in $vec0] + [$num]
[$int, 0.5]
[$num] * (k + 2)

[make_tuple | tuple]
($num, $int, $num0)
tuple(e + 0.1 for e in $vec0)
($num0, *$vec0)

[make_rows | rows]
[$vec_n, $vec_n]
[$vec_n for _ in range(2)]
[$place_n, $place_n]

[make_pairs | pairs]
[]
[($num0, $num)]

[make_table | table]
[[$num0, $num], [$num0, 0.5]]
[[$num, $num0]] * 3
[[e, $num0] for e in $vec0]
[row[:] for row in $the_table]

[make_group | group]
2: [Cell($vec_n, $num0), $the_cell]
[$the_cell, $the_cell]
16: [$the_state, $the_cell]
[Cell($vec_n, $num0), Cell($vec_n)]

[make_home | home]
{'c': Cell($vec_n), 'd': $the_dict, 'v': $the_rows}
{'c': Cell($vec_n), 'd': {'u': $vec_n, 's': $num}, 'v': [$vec_n, $place_n]}
{'c': $the_cell, 'd': {'u': $vec_n, 's': $num}, 'v': [$vec_n, $place_n]}

[make_point | point]
Point($vec_n, $num)
Point(s=$num0, u=$place_n)

[make_queue | queue]
deque([$num, $num0], maxlen=4)
deque($vec0)

[make_tally | tally]
{str(k): $num}
defaultdict(float, {word: $num})
OrderedDict([('b', $num), ('a', $num0)])
Counter(word)

[make_space | space]
SimpleNamespace(u=$vec_n, s=$num)

[make_texts | texts]
[word, '%.3f' % $num]
[]

[make_bag | bag]
{k, $int}
set(range(k))

[make_iterator | iterator]
iter([$num0, $num0, $num])
(0.5 * e for e in [$num0, $num])

[place:n | containers]
2: $the_cell.u
2: $the_state.u
2: $the_dict['u']
$the_rows[0]
$the_rows[-1]
$the_rows[k % 2]
$the_pair[0]
$the_pair[1]
$the_nested[1][1]
$the_nested[0][0]
$the_group[0].u
$the_home['c'].u
$the_home['v'][0]
$the_home['d']['u']
$the_point.u
$the_space.u

[num0 | containers]
$the_cell.s
$the_state.s
$the_dict['s']
$the_list[-1]
$the_list[k % 2]
$the_tuple[0]
$the_tuple[-1]
$the_table[0][1]
$the_nested[1][0]
$the_group[-1].s
$the_point.s
$the_queue[0]
$the_queue[-1]
$the_space.s
$the_tally.get(word, 0.25)

[num | containers]
(0.1 * sum($the_list))
(0.1 * max($the_list))
(0.1 * np.sum($the_list))
(0.2 * sum($the_tuple) / len($the_tuple))
(0.2 * np.dot($the_list[:2], [0.5, 0.25]))
(0.1 * len($the_pairs))
($the_pairs[-1][1] if $the_pairs else $num)
(0.2 * sum(c.s for c in $the_group))
sum(r[0] for r in $the_table)
(0.2 * $the_state.count)
(0.1 * sum($the_tally.values()))
(0.1 * len($the_tally))
(0.1 * sum($the_queue))
min($the_list, key=lambda e: abs(e - 0.31))
(0.1 * sum(sorted($the_list)[:2]))
dict(zip('ab', $the_list)).get('b', 0.5)
(0.3 * len($the_bag))

[vec:n | containers]
($the_rows[0] + $the_rows[1])
np.sum($the_rows, axis=0)
np.stack($the_rows).mean(axis=0)
np.asarray($the_rows)[-1]
(np.array($the_list)[:1] * $vec)
(x * $the_list[0])
Cell($vec).u
(lambda v, s: s * v)(*$the_point[:2])

[loose | containers]
np.array($the_list)
np.asarray($the_tuple)
np.array($the_queue)
np.sin($the_list)
np.concatenate($the_rows)
np.array([c for c, d in $the_pairs])

[cond0 | containers]
len($the_list) > 2
$the_dict is $other_dict
$the_rows is $other_rows
$the_cell is $other_cell
$the_list == $other_list
word in $the_tally
k in $the_bag
isinstance($the_list[0], float)
not $the_pairs

[statement | new containers]
12: $new_any = $make

[statement | names of containers]
2: $new_any = $the_any
2: $new_any = $the_any if $cond else $other_any
$new_any = $the_any if $cond else $make
$own_any = $make
$own_any = $the_any
$own_any, $own_any2 = $own_any2, $own_any
if $cond:
    $own_any = $make
if $cond:
    $own_any = $the_any
else:
    $own_any = $other_any
$new_any = copy.copy($the_any)
$new_any = copy.deepcopy($the_any)
$new_any = [$the_any, $make][int(flag)]

[statement | objects]
$the_cell.u = $vec_n
$the_cell.u[$at_n] = $num
$the_cell.u *= 0.8
$the_cell.s = $num
$the_cell.s += 0.3 * np.sin($num)
$the_cell.u, $the_cell.s = $vec_n, $num
touch($the_cell, $num)
$own_cell = touch($the_cell, $num)
$the_cell.s = 0.1 * $the_cell.settle($num0)
poke($the_cell.u, $num)
$own_cell = replace($the_cell, s=$num)
3: $the_state.push($vec_n)
3: $the_state.damp($num)
3: $the_state.take($place_n)
3: $the_state.take($vec_n).damp($num0)
3: $the_state.note($num)
3: $the_state.exchange($other_state)
3: $the_state.exchange($the_cell)
3: $the_state.count += 1
3: $the_state.log = [$num]
3: $the_state.log.append($num)
3: $the_cell.u, $the_state.u = $the_state.u, $the_cell.u
3: $the_space.s = $num
3: $the_space.u = $vec_n
3: $the_space.u[$at_n] -= $num
3: setattr($the_space, 's', 0.5 * getattr($the_space, 's'))
$own_point = $the_point._replace(s=$num)
$the_point.u[$at_n] = $num

[statement | dicts]
$the_dict['u'] = $vec_n
$the_dict['u'][$at_n] = $num
$the_dict['s'] = $num
$the_dict['u'] *= 0.9
$the_dict['s'] += 0.2 * $num0
fill($the_dict, $vec_n)
$the_dict.update(s=$num)
$own_dict = {**$the_dict, 's': $num}
for key in $the_dict: $the_dict[key] = 0.7 * $the_dict[key]
$the_home['c'].u = $vec_n
$the_home['d']['s'] = $num
$the_home['v'][0] = $vec_n
$the_home['v'].append($vec_n)
$the_home['d'] = {'u': $the_home['c'].u, 's': $num0}
$the_tally[word] = $num
$the_tally['b'] = 0.5 * $the_tally.get('b', $num)
$the_tally[f"{$int}"] = $num
$the_tally.setdefault('c', $num)
$the_tally[k] = $num
$the_tally.pop(word, 0.0)

[statement | lists]
3: $the_list.append($num)
$the_list.append($int)
2: $the_list[-1] = $num
$the_list[k % 2] = $num
$the_list[$int] = $num
extend($the_list, $num, k)
$the_list[0] += 0.3 * $num0
rotate($the_list)
$own_list = $the_list + [$num]
$own_list = $the_list[::-1]
$the_list += [$num, $num0]
$the_list.insert(0, $num)
$the_list.insert(k - 1, $num)
$the_list.append($the_list.pop(0) * 0.5)
$the_list.append($num); del $the_list[0]
$own_list = [0.5 * e for e in $the_list]
$the_list.reverse()
$the_list.sort()
$the_list[:1] = [$num]
$the_list.extend($vec0[:2])
if len($the_list) > 2: $the_list.pop()
$the_list[0], $the_list[-1] = $the_list[-1], $the_list[0]
$the_queue.append($num)
$the_queue.appendleft($num)
$the_queue.rotate(1)
$own_tuple = ($num, *$the_tuple[1:])
$own_tuple += ($num,)
$the_bag.add($int)
$the_bag.discard(k)
$own_num = 0.5 * next($the_iterator, $num)

[statement | lists of containers]
$the_rows.append($vec_n)
$the_rows[0] = $vec_n
$the_rows[-1][$at_n] = $num
$the_rows[k % 2] *= 0.8
$the_rows.append($the_rows[0])
$own_rows = [v * 0.9 for v in $the_rows]
$own_rows = [*$the_rows[1:], $vec_n]
$the_rows[0], $the_rows[-1] = $the_rows[-1], $vec_n
rotate($the_rows)
$the_pairs.append(($num, $num0))
$the_pairs.append(($num0, $int))
$own_pairs = [(d, c) for c, d in $the_pairs]
if $the_pairs: $the_pairs[-1] = ($num, $num0)
if $the_pairs: $the_pairs.pop()
$the_table.append([$num, $num0])
$the_table[0][0] = $num
$the_table[-1][1] += 0.2 * $num0
$the_table.append($the_table[0])
$the_table[k % 2] = [$num, $num0]
$the_table.sort(key=lambda r: r[0])
$the_table[0], $the_table[-1] = $the_table[-1], $the_table[0]
$the_table[k % 2] = $the_table[-1]
2: $the_table[0] = [0.5 * e for e in $the_table[-1]]
$the_table[k % 2][0] += 0.2 if $the_table[0] is $the_table[-1] else $num0
$the_table.reverse()
$the_table[0].reverse()
$the_group[0].u = $vec_n
$the_group[-1].s = $num
$the_group[k % 2] = $the_cell
$the_group.append($the_cell)
touch($the_group[0], $num)
$the_group[0].u, $the_group[1].u = $the_group[1].u, $the_group[0].u
$own_pair = ($the_pair[1], $the_pair[0])
$own_pair = both(*$the_pair)
$the_pair[0][$at_n] = $num
$the_nested[1][0] = $num
$the_nested[1][1] = $vec_n
$the_nested[1][1] *= 0.9
$the_nested[0][0][$at_n] = $num

[control | loops over containers]
2: for $new_num in $the_list[:4]:
    $loop
for $new_count, $new_num in enumerate($the_list[:4]):
    $loop
for $new_count in range(len($the_list[:4])):
    $the_list[$new_count] = $num
    $loop
for $new_num in $the_tuple:
    $loop
for $new_vec_n in $the_rows[:3]:
    $new_vec_n[$at_n] = $num
    $loop
for $new_vec_n in $the_pair:
    $new_vec_n *= 0.9
    $loop
for $new_num, $new_num2 in $the_pairs[:3]:
    $loop
for $new_num, $new_num2 in $the_table[:2]:
    $loop
for $new_count in range(7):
    $the_table[$new_count % 2][$new_count % 2] -= 0.1 * $the_table[-1][0]
    $loop
for $new_count in range(6):
    $the_table[$new_count % 2], $the_table[-1] = $the_table[-1], $the_table[$new_count % 2]
    $loop
for $new_count in range(6):
    $the_list.append($num); $the_list.pop(0)
    $loop
for $new_cell in $the_group[:3]:
    $new_cell.s = $num
    $loop
for $new_cell in ($the_cell, $other_cell):
    $new_cell.u = $vec_n
    $loop
for key, $new_num in list($the_tally.items())[:3]:
    $the_tally[key] = $num
    $loop
for $new_num in $the_queue.copy():
    $loop
for $new_num, $new_num2 in zip($the_list[:3], $the_tuple):
    $loop
for $new_num in $vec0_n:
    $the_list.append($num)
    $loop

[text | text]
2: f"{$num:.3f}"
f"{$num0:8.2e}|{$int:>3d}"
f"{$num!r}"
f"{$num0} and {$num0}"
str($num)
repr($num0)
'%.4g %s' % ($num, $int)
'%d of %r' % ($int, word)
'{:.3f} {}'.format($num, $int)
str($vec0)
repr($vec0)
np.array2string($vec0, precision=3)
repr($the_list)
str($the_dict)
4: repr($the_cell)
4: repr($the_point)
4: repr($the_queue)
4: str($the_tally)
f"{$the_tuple}"
4: str($the_space)
4: repr($the_rows)
4: repr($the_nested)
4: repr($the_bag)
str($the_ints)
repr($the_mask)
repr($the_single)
str($cond)
word + str($int)
' '.join(f"{e:.2f}" for e in $vec0)
', '.join(map(str, $the_list))
$the_text.upper()
$the_text + word
type($num).__name__
str($vec0.dtype) + str($vec0.shape)

[statement | text]
2: $new_text = $text
$own_text = $text
$own_text += $text
$the_texts.append($text)
2: print($text)
print(word, $num, $the_list)
print('{:.3f}'.format($num), end=';')
print($num, $int, sep=' | ')
2: $the_tally[f"{$num:.1f}"] = $num
$own_num = {f"{$num0:.1f}": $num}.get('0.5', $num0)
if word == 'down':
    $own_num = $num
if $the_text.startswith('0'):
    $own_num = $num
$own_num = {'up': $num0, 'down': $num}[word]
$own_num += 0.01 * $text.count("(")
"""
