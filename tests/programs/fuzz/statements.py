"""The forms of statements: assignments, stores, views, control flow, functions, exceptions.

Loops end by themselves.  What a statement raises in plain Python is what it shall raise compiled.
"""

from __future__ import annotations

FORMS = """
[statement | names]
2: $new_num = $num
2: $own_num = $num
$own_num += 0.3 * np.sin($num)
$own_num *= np.cos($num)
$own_num -= 0.1 * $int
$own_num, $own_num2 = $own_num2, 0.5 * $num
$new_count = $int
$own_count += $int
$own_count = ($the_count + $int) % 7
$new_flag = bool($cond)
$new_vec = $vec
$new_vec = $vec.copy()
$new_vec = np.zeros($size)
$own_vec = $vec
$own_vec = $place
$own_vec, $new_vec = $vec0, $own_vec
$new_mat = $mat
$own_mat = $mat
$new_loose = $loose
$own_loose = $loose
$new_loose = np.concatenate([$loose, $loose])
$own_loose = np.append($loose[-3:], $num0)
$new_loose = np.repeat($loose, 2)

[statement | dtypes]
$new_single = $single
$new_ints = $ints
$new_mask = $mask
$new_into = $into
$the_single[$i] = $num
$the_single[1:] *= F(0.7)
$the_single[:] = $vec
$the_single[::2] += $const
$the_single[$i] += $int
$the_single += $vec0
$the_ints[$i] = $int
$the_ints[$i] = $num
$the_ints[$the_ints > 1] -= 2
$the_ints[$i], $the_ints[$j] = $the_ints[$j], $the_ints[$i]
$the_ints[1:] = $the_ints[:-1]
$the_ints[:] //= 2
$the_ints[::2] *= -1
$the_mask[$i] = $cond
$the_mask[1:] ^= $the_mask[:-1]
$the_mask[:] = ~$the_mask
$the_mask &= $vec0 < $const

[statement | stores]
$v[$i] = $num
$v[$i] = $int
$v[$i] += 0.5 * $num
$v[$i], $v[$j] = $v[$j], $v[$i]
$v[$i:] *= np.cos($num)
$v[:$i] = $num
$v[::-1] = $vec
$v[::2][1:] = $num
$v[1:][::2] *= $const
$v[::-1][$i] += $num0
$v[:] = $num0, *$v[1:]
$v[$i:][:1] = $num0
$v[::2] += 0.3 * $vec[::2]
$v[$i:] = $vec0[$i:]
$v[::step] = $num
$v[j::step] *= 0.7
$v[k:] -= 0.1
$v[:2], $v[-2:] = $v[-2:], $v[:2]
$v[...] = $vec
$the_vec *= np.cos($num)
$the_vec += 0.3 * $vec
$the_vec -= 0.1 * $ints
$the_vec.sort()
$the_vec.fill($num)
$the_loose[::2] = $num
$the_loose[1:] += 0.3 * $the_loose[:-1]

[statement | overlaps]
$v[1:] = $v[:-1]
$v[:-1] -= 0.3 * $v[1:]
$v[:] = $v[::-1]
$v[1:] -= 0.3 * $v[0]
np.add($the_vec[1:], $the_vec[:-1], out=$the_vec[1:])
$v[::2] = $v[::2][::-1]
$v[:] += 0.3 * $w
$v[...], $w[...] = $w, $v

[statement | masks and indices]
$v[$v > $const] = $num
$v[$v > $const] += 0.3 * $v.sum()
$v[np.abs($v) > 0.654321] *= 0.5
np.add.at($v, [0, -1, 0], 0.3 * $num)
$v[[0, 0, -1]] += 0.3 * $num
$v[np.argmin($v)] = $num
$v[np.argsort($v)[:2]] *= 0.5
$v[np.flatnonzero($v < $const)] = $num
$v[$mask] = $num
$v[~$the_mask] = $vec[~$the_mask]
$v[$the_mask] = $vec[:$the_mask.sum()].copy()
$v[$the_into] = $vec_across
$v[$into] += 0.3
np.add.at($v, $the_into, 0.3 * $vec0_across)
np.maximum.at($v, $the_into, $vec0_across)
np.put($v, [0, -1], $num)

[statement | where and out]
np.multiply($the_vec, np.sin($num), out=$the_vec, where=$the_vec < $const)
np.add($the_vec, $num, out=$the_vec)
np.sin($vec, out=$the_vec, where=$mask)
np.add($vec, $single, out=$the_vec)
np.copyto($the_vec, 0.5 * $vec)
np.copyto($the_vec, $num0, where=$mask)
np.cumsum($vec0, out=$the_vec)
np.sum($the_mat, axis=$axis, out=$the_vec)
np.clip($vec, -0.5, 0.5, out=$the_vec)
np.maximum($the_single, $const, out=$the_single)
np.greater($vec, $num0, out=$the_mask)

[statement | matrix stores]
$the_mat[$at_n, $at_m] = $num
$the_mat[$at_n][$at_m] += 0.5 * $num
$the_mat[$at_n] = $vec_m
$the_mat[:, $at_m] = 0.5 * $vec_n
$the_mat.T[$at_m] += 0.3 * $vec_n
$the_mat.T[$at_m][::2] = $num0
$the_mat[[$at_n, 0]] = $the_mat[[0, $at_n]]
$the_mat[$at_n], $the_mat[0] = $the_mat[0].copy(), $the_mat[$at_n].copy()
$the_mat[:, ::-1][$at_n, 1:] = $the_mat[$at_n, 1:]
$the_mat.reshape(-1)[::m + 1] = $num
$the_mat.reshape(m, n)[:, 0] *= 0.9
$the_mat.ravel()[1:3] += $num0
$the_mat[$the_mat > $const] = $num
$the_mat[$the_mat > $const] *= 0.7
$the_mat[...] = $the_mat - 0.3 * $the_mat.mean(axis=0, keepdims=True)
$the_mat[1:] = $the_mat[:-1]
$the_mat[:, 1:] -= 0.2 * $the_mat[:, :-1]
$the_mat[...] = np.where($other_mat > $const, $the_mat, 0.4 * $other_mat)
$the_mat[np.argmax($the_mat[:, 0])] = $vec_m
$the_mat[...] += 0.2 * np.outer($vec_n, $vec_m)
$the_mat[$at_n:, :$at_m] *= np.sin($num)
np.fill_diagonal($the_mat, $num)
np.multiply($the_mat, 0.7, out=$the_mat, where=$other_mat > $const)
np.copyto($the_mat, 0.5 * $the_mat, where=$the_mat > $const)
np.put_along_axis($the_mat, np.argmax($the_mat, axis=1)[:, None], $num0, axis=1)
$the_mat.sort(axis=0)
$the_mat[$the_mask_n] *= 0.8
$the_mat[$the_mask_n, $at_m] = $num0
$the_mat[np.arange(m) % n, $the_into_n % m] *= 0.6

[view | views]
2: $place
$place[::-1]

[view:n | views]
$the_mat[:, $at_m]
$the_mat.T[$at_m]
$the_mat[::-1].T[$at_m]
$the_mat.reshape(-1)[:n]
$the_mat.T.reshape(-1)[:n]

[view:m | views]
$the_mat[$at_n]
$the_mat[::-1][$at_n][::-1]
$the_mat.ravel()[-m:]

[statement | views]
3: $new_vec = $view
$new_loose = $view[$at:]
$new_loose = $the_mat[$at_n:, $at_m]
$new_vec = $view if $cond0 else $view
$new_vec = $view if $cond0 else $vec
if $cond:
    $new_vec = $view
else:
    $new_vec = $vec
$own_vec = $own_vec if $cond0 else $view
$own_vec = $own_vec[::-1]
$own_loose = $own_loose[1:]

[control | branches]
if $cond:
    $block
if $cond:
    $block
else:
    $block
if $cond:
    $block
elif $cond:
    $block
else:
    $block

[control | branches of other kinds]
match k:
    case 0:
        $block
    case 1 | 2:
        $block
    case _:
        $block
match $num > $const, word:
    case (True, 'up'):
        $block
    case (False, other):
        print(other)
with np.errstate(divide='ignore'):
    $block
with suppress(ValueError, Refused):
    if $cond:
        $raising
    $block
with suppress(LookupError):
    $the_list[$int] = $num
    $block
with Scaled($the_vec, $num) as $new_num:
    $block

[control | loops]
for $new_num in halves($vec0):
    $loop
for $new_below_n in range(n):
    $loop
for $new_below_m in range(m):
    $loop
for $new_below_n in range(1, n):
    $loop
for $new_below_n in range(n - 1, -1, -1):
    $loop
for $new_count in range(k):
    $loop
for $new_below_n in range(j, n, 2):
    $loop
for $new_count in range(0, n * step, step):
    $loop
for $new_below_n in range($the_below_n):
    $loop
for $new_count in range(2):
    $loop
else:
    $block
for $new_num in $vec0:
    $loop
for $new_num in reversed($vec0):
    $loop
for $new_below_n, $new_num in enumerate($vec0_n):
    $loop
for $new_num, $new_num2 in zip($vec0, $vec0):
    $loop
for $new_vec_m in $the_mat:
    $loop
for $new_vec_n in $the_mat.T:
    $loop
for $new_below_n, $new_vec_m in enumerate($the_mat[::-1]):
    $loop
for $new_num in $loose:
    $loop
for $new_vec_n in ($vec0_n, $vec0_n):
    $loop

[control | while loops]
2: $new_turn = 0
& while $new_turn < 5 and ($cond):
    $new_turn += 1
    $loop
$new_turn = 0
& while True:
    $new_turn += 1
    if $new_turn > 4 or $cond:
        break
    $loop
$new_turn = 0
& while $new_turn < 4:
    $new_turn += 1
    $loop
else:
    $block

[statement | early exits]
3: if $cond:
    break
3: if $cond:
    continue
if $cond:
    return $result
if $cond:
    $own_num = $num
    return $result

[control | types of paths]
$new_num = 0
& for $new_count in range(k):
    $new_num = $new_num + $num
    $loop
$new_num = k
& for $new_below_n in range(n):
    $new_num = 0.5 * $new_num + $new_below_n
    $loop
$new_num = True
& for $new_below_n in range(j):
    $new_num = $num0 if $cond0 else $new_num
    $loop

[statement | calls]
$new_num = squash($the_vec, $num)
$new_vec = halve($the_vec, $num)
$new_vec = halve($the_vec, $num, by=3)
$new_count, $new_num = locate($vec, $num)
$new_vec_n, _ = both($vec0_n, $vec0_n)
$own_num = mix(p=$num, q=$num)
$new_num = (lambda e, f=$num0: e * f)($num)
$own_num = mix(*[$num, $num0])
$own_num = mix(**{'q': $num, 'p': $num0})
if (e := $num) > $const: $own_num = e
$new_num = sum(map(np.sin, [$num0, $num0]))

[control | functions]
def $new_inner($new_num, $new_vec_n):
    $body
def $new_inner($new_num, $new_vec_n):
    nonlocal $own_num
    $body

[statement | functions]
6: $new_num = $the_inner($num, $vec0_n)
2: $own_num += 0.5 * $the_inner($num0, $vec0_n)

[raising | exceptions]
raise ValueError(f"bad value {$num:.4f}")
raise Refused($num)
raise KeyError(word)
raise IndexError($int)
raise ArithmeticError('of', $int)

[statement | exceptions]
if $num > 1.4142136:
    $raising
if $num0 < -1.7320508:
    $raising
assert $num < 1.6180339, f"{$num:.3f} is large"
assert len($loose) < 9

[control | exceptions]
try:
    if $cond:
        $raising
    $block
except (ValueError, Refused, KeyError):
    $block
try:
    if $cond:
        raise Refused($num)
    $block
except Refused as error:
    $own_num = 0.5 * error.value
    $block
$new_text = 'none'
& try:
    if $cond:
        $raising
    $block
except (LookupError, ArithmeticError) as error:
    $new_text = type(error).__name__
    $block
finally:
    $own_num += 0.1
try:
    $new_num = $the_list[$int]
except IndexError:
    $new_num = $num
else:
    $block
$new_text = ''
& try:
    $new_num = $int / (k - 2)
except ZeroDivisionError as error:
    $new_num = $num
    $new_text = str(error)
try:
    $block
    if $cond:
        return $result
finally:
    $v[$i] = $num
for $new_below_n in range(n):
    try:
        if $num > $const:
            raise Refused($num)
        $loop
    except Refused as error:
        if error.value > 0.7654321:
            break
        continue
    finally:
        $own_num = 0.9 * $own_num
$new_text = word
& for $new_count in range(3):
    try:
        $loop
        if $cond:
            raise ValueError(f"at {$new_count}")
    except ValueError as error:
        $new_text = f"caught {error}"
        if $cond0:
            return $result
$new_text = 'passed'
& try:
    check($num, $vec0)
    $block
except ValueError as error:
    $new_text = str(error)
    $own_num = 0.5 * $own_num
"""
