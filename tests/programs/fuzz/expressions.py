"""The forms of expressions: numbers, integers, truth values, vectors and matrices of several dtypes.

Numbers grow slowly, and are compared with irrational ones: a random point is a point where programs
are differentiable.  Forms stand in brackets where another operator may follow.  ``F`` is float32; in
the twin of a program, whose differences are taken, it is float64.
"""

from __future__ import annotations

FORMS = """
[num0 | numbers]
4: $the_num
$const
2: $vec0[$at]
$the_mat[$at_n, $at_m]

[num | numbers]
np.sin($num)
(0.5 * ($num + $num))
($num * np.sin($num))
($num / (1.5 + $num ** 2))
(0.8 * np.sqrt(1.1 + $num ** 2))
np.exp(-$num ** 2)
np.tanh($num - $num)
max($num, $num, $num0)
min($num, $num)
abs($num)
mix($num, $num)
($num if $cond else $num)

[num | types of paths]
min($num, $int)
max(0, $num)
($num if $cond0 else $int)
float($num > $const and $num)
float($num < $const or $num)
($num * ($num > $const))
(0.3 * $int)
($int / 3)
0.5 ** abs($int)
float($int)
round($num)
float(np.float32(0.5) * $int)
np.float64($num)
(0.2 * np.mean([$num, $num, $int]))

[num | reductions]
(0.2 * $vec.sum())
$vec.max()
$vec.mean()
$vec.std()
np.ptp($vec)
(0.2 * np.dot($vec_n, $vec_n))
(0.2 * $mat0.sum(axis=0, keepdims=True)[0, $at_m])
(0.2 * np.linalg.norm($vec))
$vec[np.argmax($vec)]
(0.1 * np.prod(np.cos($vec)))
(0.1 * np.sum($mat0, where=$mat0 > $num))
(0.2 * np.trace($mat0))
(0.3 * locate($vec, $num)[1])
$vec[locate($vec, $num)[0]]

[num | loose sizes]
(0.2 * $loose.sum())
(0.1 * ($loose ** 2).sum())
(0.1 * len($loose))
(0.1 * sum(np.sin(e) for e in $loose))
(0.1 * sum(halves($loose)))
(0.1 * sum(e * i for i, e in enumerate($loose)))
(0.1 * sum(e for e in $loose if e > $const))
max((e for e in $loose), default=0.3)

[int0 | integers]
0
1
3
-2
2: $the_count
$the_turn
$the_below_n
$the_below_m
k
step

[int | integers]
($int + $int)
$int // 2
max($int, $int)
abs($int)
$the_ints[$at]
np.count_nonzero($the_mask)
($the_ints.sum() % 5)
int(np.floor($num0))
len($loose)
np.argmin($vec0)
sum(1 for e in $vec0 if e > $const)

[at | indices]
0
-1
$size // 2
$size - 1
j % $size
(k + 2) % $size
4: $the_below
2: $size - 1 - $the_below
-1 - $the_below
($the_below + 1) % $size
$the_below_across % $size
int(flag) % $size
$the_count % $size
np.argmax($the_vec)

[at:n | indices]
j
6: $the_into_n[0]
n - 1 - j

[at:m | indices]
6: $the_into_m[0]

[loose | loose sizes]
3: $the_loose
$vec0[:$at]
$vec0[$at:]
$vec0[$at::2]
$vec0[::step]
$vec0[j::step]
$vec0[k:j]
$vec0[-k:]
$vec0[$vec0 > $const]
$vec0[1:][::-1]
$mat0[$mat0 < $const]
$mat0[$at_n, :$at_m]
$mat0.reshape(-1)[1::2]
$mat0[$at_n:, $at_m][::2]
$vec0[$the_mask]
np.arange(0.5, n, 1.5)
np.zeros(k)

[cond0 | conditions]
3: $num0 > $const
2: $num0 < $const
flag
not flag
k > 1
$the_flag

[cond | conditions]
$num > $const
$num < $const
$num <= $const
not $num > $const
($num0 > $const and $num0 < $const)
($num > $const or $cond0)
-0.187654 < $num0 <= math.sqrt($num0) < 1.234567
($vec0 > $const).any()
len($loose) > 1
$the_mask[$at]
$the_below_n % 2 == 0
$int == $int
$int >= $int
all(e < 1.234567 for e in $vec0)

[vec0 | vectors]
4: $the_vec

[vec0:n | vectors]
2: $place_n
$the_mat[:, $at_m]
$the_mat.T[$at_m]
x

[vec0:m | vectors]
$the_mat[$at_n]
$the_mat[::-1][0]
np.linspace(0.1, 0.9, m)

[place | vectors]
6: $the_vec

[place:n | vectors]
2: $the_mat[:, $at_m]

[place:m | vectors]
2: $the_mat[$at_n]

[vec | vectors]
np.sin($vec)
(0.5 * ($vec + $vec))
($vec * np.cos($vec))
$vec[::-1]
($vec / (1.5 + $vec ** 2))
np.where($vec > $const, $vec, 0.3 * $vec)
np.maximum($vec, $num)
($num + 0.5 * $vec)
np.clip($vec, $num0, 1.234567)
np.minimum($vec, $const)
(np.cumsum($vec) * 0.3)
np.roll($vec, $int)
np.sort($vec)
smooth($vec)
np.array([np.sin(e) for e in $vec])
(np.array([e * $const for e in $vec]) + $vec)
np.full($size, $num)
halve($vec * 1.0, $num0)
np.max([$vec, $vec], axis=0)

[vec | matrices]
$mat0.mean(axis=$axis)
$mat0.sum(axis=$axis, where=$mat0 > $const)
$mat0.max(axis=$axis, initial=-0.5)
($mat0 - $mat0.mean(axis=$axis, keepdims=True)).sum(axis=$axis)

[vec:n | matrices]
np.linalg.solve(3.0 * np.eye(n) + 0.1 * np.outer($vec0_n, w), $vec_n)
(0.4 * $mat0 @ $vec_m)
np.einsum('ij,j->i', 0.3 * $mat0, $vec_m)
both($vec, $vec)[0]

[vec:m | matrices]
(0.4 * $mat0.T @ $vec_n)

[vec | where and out]
np.add($vec, $num0, where=$vec0 > $const, out=$vec * 1.0)
np.sin($vec, out=np.zeros($size), where=$mask)
np.multiply($vec, $vec, out=np.empty($size))
np.divide($vec, $vec, out=np.ones($size), where=np.abs($vec0) > 0.31234)
np.select([$vec > $const, $vec < $const], [$vec, 0.3 * $vec], $num0)

[vec | dtypes]
(0.2 * $ints + $vec)
($vec * $mask)
($vec + $single)
np.where($mask, $vec, $single)
($vec / (1.5 + $ints ** 2))
$single.astype(float)
np.concatenate([$the_single, $vec])[:$size]
$vec_across[$the_into_across]
np.bincount($the_into, weights=$vec_across, minlength=$size)
(np.asarray($ints, dtype=float) * 0.1)

[num | dtypes]
(0.5 * float($the_single[$at]))
(0.3 * $the_single.sum(dtype=float))
float(np.float32(0.5) * $the_single[$at])
(0.1 * $the_ints.mean())
(0.3 * ($mask & ($vec0 > $const)).sum())

[vec | ufuncs of lists]
np.add([$num] * $size, $vec)
([$num0] * $size * $vec)
np.hypot(list($vec), $num0)
np.sin([e for e in $vec])
np.multiply(tuple($vec), 0.5)
np.maximum.accumulate($vec)
np.insert(np.delete($vec, $at), 0, $num)

[num | ufuncs of lists]
np.maximum.reduce([$num, $num0])
(0.2 * np.sum([$num, $num0], axis=0))
(0.3 * np.multiply(($num, 2), [0.3, $num0])[0])
(0.2 * np.add.reduceat($vec, [0, $size // 2])[0])
(0.1 * sum(u * v for u, v in np.nditer([$vec * 1.0, $vec * 1.0])))

[int | ufuncs of lists]
bisect.bisect(CUTS, $num)
bisect.bisect_left(CUTS, float($num0))
np.searchsorted(CUTS, $num)

[mask | unsigned]
(np.abs($ints).astype(np.uint64) > $int)
(np.abs($ints).astype(np.uint8) != $int - 300)
($ints < np.abs($ints).astype(np.uint64))

[vec | unsigned]
(0.1 * (np.abs($ints).astype(np.uint8) + np.uint8(250)))
np.where(np.abs($ints).astype(np.uint64) >= -1, $vec, 0.0)

[single0 | dtypes]
3: $the_single
$vec0.astype(F)

[single | dtypes]
2: $the_single
$vec.astype(F)
(np.sin($single) * 0.5)
($single * $mask)
$single[::-1]
np.zeros($size, dtype=F)
(F(0.3) + $single)
np.where($mask, $single, F(0.25))

[ints0 | dtypes]
3: $the_ints
(np.arange($size) * 3 - 2)

[ints | dtypes]
2: $the_ints
np.floor($vec).astype(int)
(np.arange($size) * 3 - 2)
np.argsort($vec)
np.zeros($size, dtype=np.int32)
($vec > $const).astype(np.int8)
np.arange($size, dtype=np.uint8)
($ints - 2)
($ints // 2)
np.where($mask, $ints, 1)
np.full($size, $int)

[mask0 | dtypes]
3: $the_mask
($vec0 > $const)

[mask | dtypes]
2: $the_mask
($vec > $const)
(($vec > $const) | ($vec < $const))
($ints % 2 == 0)
~$mask
($mask & ($ints < 2))
np.logical_xor($mask, $vec > $const)
np.isfinite($vec)

[into | indices]
2: $the_into
(np.arange($across) * 2 % $size)
(np.abs(np.floor($vec_across)).astype(np.int32) % $size)
(np.argsort($vec_across) % $size)

[mat0 | matrices]
4: $the_mat
np.outer(w, u)

[mat | matrices]
2: $the_mat
$the_mat[::-1]
$the_mat[:, ::-1]
$the_mat.copy()
np.outer($vec_n, $vec_m)
np.where($the_mat > $const, $the_mat, $num)
np.sin($the_mat.T).T
($the_mat * $vec_m)
np.array([$vec_m for _ in range(n)])
np.column_stack([$vec_n] * m)
np.zeros((n, m))
np.tile($vec_m, (n, 1))
"""
