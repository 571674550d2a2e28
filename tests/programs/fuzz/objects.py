"""The forms of objects that know one another: two names of one, lists and dicts of them, histories.

A ``Body`` is two numbers, and equal to itself alone.  It may be in several places: under two names, in a list (``bodies``),
in a dict (``index``), in a ``Link`` (``links``: a list of those), as the state of a ``Trail`` and in the list that is its past.
A store in one place is one in all, and ``is`` tells whether there are two: both are asked while the program runs, and
of its results.
"""

from __future__ import annotations

ENDS: dict[str, tuple[str, str]] = {
    "body": ("0.4 * $x.x - 0.3 * $x.y", "$x"),
    "bodies": ("sum((b.x + 0.1 * i * b.y for i, b in enumerate($x)), 0.0)", "$x"),
    "link": ("0.2 * $x.body.x * $x.t", "$x"),
    "links": ("sum((0.2 * i * q.body.y + q.t for i, q in enumerate($x)), 0.0)", "$x"),
    "trail": ("$x.at.x + sum((0.3 * b.x - 0.1 * i * b.y for i, b in enumerate($x.past)), 0.0)", "$x"),
    "index": ("0.5 * $x['a'].x - 0.2 * $x['b'].y + 0.1 * len($x)", "$x"),
}  # fmt: skip

FORMS = """
[make_body | objects of numbers]
4: Body($num, $num0)
2: $the_body.step($num0)
replace($the_body, x=$num)
3: $one

[make_bodies | lists of objects]
5: [Body(e, $num0) for e in $vec0]
3: [$one, Body($num, $num0)]
2: [$the_body, $the_body]
[b.step($num0) for b in $the_bodies]
[*$the_bodies[-2:], $one]
[]

[make_link | members of members]
3: Link($one, $num)
$the_links[-1]

[make_links | members of members]
4: [Link($one, $num)]
2: [Link(b, $num0) for b in $the_bodies]
[Link($the_body), Link($one, $num0)]

[make_trail | histories]
4: Trail($one)
2: Trail($the_body, [$the_body])
Trail($one, $the_bodies)

[make_index | dicts of objects]
3: {'a': $one, 'b': Body($num, $num0)}
3: {'a': $the_body, 'b': $the_body}
dict(zip('ab', [$one, $one]))

[one | objects of numbers]
3: $the_body
Body($num, $num0)

[one | lists of objects]
$the_bodies[0]
$the_bodies[-1]
$the_bodies[k % 2]
min($the_bodies, key=lambda b: b.x)
max($the_bodies, key=lambda b: b.y * $const)

[one | members of members]
$the_link.body
$the_links[0].body
$the_links[-1].body

[one | histories]
$the_trail.at
$the_trail.past[-1]
$the_trail.past[0]

[one | dicts of objects]
$the_index['a']
$the_index['b']
$the_index.get(word, $the_index['a'])

[num0 | objects of numbers]
$the_body.x
$the_body.y

[num0 | members of members]
$the_link.t
$the_links[-1].body.x

[num0 | histories]
$the_trail.at.y
(0.1 * len($the_trail.past))

[num | lists of objects]
(0.3 * sum(b.x for b in $the_bodies))
(0.1 * len($the_bodies))

[cond0 | objects of numbers]
2: $the_body is $other_body
$the_body is not $one
$the_body == $one

[cond0 | lists of objects]
$the_bodies[0] is $one
$the_body in $the_bodies
2: any(b is $the_body for b in $the_bodies)
len($the_bodies) > 2

[cond0 | members of members]
$the_links[0].body is $the_links[-1].body
$the_link.body is $one
$the_link is $the_links[-1]

[cond0 | histories]
$the_trail.at is $the_trail.past[-1]
$the_trail.at is $one
2: $the_trail.past is $the_bodies

[cond0 | dicts of objects]
$the_index['a'] is $the_index['b']
$the_index['b'] is $one

[statement | objects of numbers]
2: $the_body.x = $num
$the_body.x += 0.3 * np.sin($num)
$the_body.y *= 0.8
$the_body.x, $the_body.y = $the_body.y, $num
2: $the_body.kick($num)
$own_body = $the_body.kick($num0)
2: $own_body = $one
2: $own_body = Body($num, $the_body.y)
$own_body = $the_body.step($num0)
$own_body = $the_body if $cond else $one
$own_num += 0.4 if $the_body is $other_body else $num0
$own_num = 0.5 * $own_num + 0.3 * $the_body.x * $the_body.y
if $cond:
    $own_body = $one
if $cond:
    $the_body.kick($num)
if $the_body is $other_body:
    $own_body = Body($num, $num0)

[statement | lists of objects]
2: $the_bodies.append($one)
2: $the_bodies.append(Body($num, $num0))
2: $the_bodies.append($the_body.step($num0))
$the_bodies[0] = $one
2: $the_bodies[-1] = $the_body
$the_bodies[k % 2] = $one
$the_bodies[0], $the_bodies[-1] = $the_bodies[-1], $the_bodies[0]
$the_bodies[0].x = $num
$the_bodies[-1].y += 0.3 * $num
$the_bodies[k % 2].kick($num0)
2: $own_bodies = [b.step($num0) for b in $the_bodies]
2: $own_bodies = [Body(0.9 * b.x + 0.1 * $the_body.x, b.y) for b in $the_bodies]
$own_bodies = [b for b in $the_bodies if b.x > $const]
$own_bodies = [b if b.x > $const else $the_body for b in $the_bodies]
$own_bodies = [b.kick($num0) for b in $the_bodies]
$own_bodies = sorted($the_bodies, key=lambda b: b.x)
$own_bodies = $the_bodies[::-1]
$the_bodies.sort(key=lambda b: b.y)
$the_bodies.insert(0, $one)
if len($the_bodies) > 3: $own_body = $the_bodies.pop()
if $cond:
    $the_bodies.append($one)

[statement | members of members]
2: $the_links.append(Link($one, $num))
$the_links.append($the_link)
$the_links[0].body = $one
$the_links[-1].body = $the_body
$the_links[-1].body.x += 0.3 * $num
$the_links[k % 2].body.kick($num0)
$the_links[0].t = $num
$the_link.body = $one
$the_link.body.y *= 0.9
2: $the_link.body, $the_links[0].body = $the_links[0].body, $the_link.body
$own_links = [Link(q.body, 0.9 * q.t) for q in $the_links]
$own_links = [Link(q.body.step($num0), q.t) for q in $the_links]
4: $own_link = Link($the_body, $num)
if $cond:
    $the_links[0].body = $the_links[-1].body

[statement | histories]
2: $the_trail.at = $one
$the_trail.at = Body(0.9 * $the_trail.at.x, $num)
$the_trail.at.x += 0.3 * $num
2: $the_trail.past.append($the_trail.at)
$the_trail.past.append($one)
3: $the_trail.go($num0)
$the_trail.past[0].y = $num
2: $the_trail.past = $the_bodies
2: $own_bodies = $the_trail.past
$own_body = $the_trail.at
if $cond:
    $the_trail.past.append($the_trail.at)
3: if $the_trail.at.x > $the_body.x:
    $own_body = $the_trail.at

[statement | dicts of objects]
2: $the_index['a'] = $one
$the_index['b'] = $the_index['a'].step($num0)
2: $the_index[word] = $the_body
$the_index['a'].x += 0.3 * $num
$the_index['b'].kick($num0)
$the_index['a'], $the_index['b'] = $the_index['b'], $the_index['a']
$own_index = {key: b.step($num0) for key, b in $the_index.items()}
4: $own_bodies = list($the_index.values())
for key in 'ab': $the_index[key] = Body($num, $the_index[key].x)
if $cond:
    $the_index['a'] = $the_index['b']

[control | objects of numbers]
2: for $new_num in $vec0:
    $own_body = Body(0.8 * $own_body.x + 0.2 * $new_num, $num0)
    $loop
for $new_num in $vec0:
    $the_body.kick($new_num)
    if $cond:
        $own_body = $one
    $loop
for $new_count in range(k):
    $own_body, $own_body2 = $own_body2, $own_body
    $loop

[control | lists of objects]
2: for $new_num in $vec0:
    $the_bodies.append(Body($new_num, $num0))
    $loop
for $new_num in $vec0:
    $own_bodies = [b.step($new_num) for b in $the_bodies]
    $loop
for $new_body in $the_bodies[:3]:
    $new_body.x += 0.3 * $num0
    $loop
3: for $new_body in [*$the_bodies]:
    if $new_body is not $the_body:
        $new_body.kick($num0)
    $loop
for $new_body, $new_num in zip($the_bodies, $vec0):
    $new_body.y = $new_num
    $loop

[control | members of members]
for $new_num in $vec0:
    $the_links.append(Link($one, $new_num))
    $loop
for $new_link in $the_links[:3]:
    $new_link.body.x *= 0.9
    $loop

[control | histories]
2: for $new_num in $vec0:
    $the_trail.go($new_num)
    $loop
for $new_num in $vec0:
    $the_trail.past.append($the_trail.at)
    $the_trail.at = Body($new_num, $num0)
    $loop

[control | dicts of objects]
for $new_num in $vec0:
    $the_index['a'] = Body($new_num, 0.5 * $the_index['b'].y)
    $loop
for key, $new_body in $the_index.items():
    $new_body.x += 0.3 * $num0
    $loop
"""
