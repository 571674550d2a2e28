"""The JAX engine: a program becomes one jitted function of XLA, for GPU, TPU or CPU.

    platform      JAX itself, imported on use; devices; double precision for our calls alone
    elements      the core scalar functions in ``jax.lax``
    arrays        creation, views, updates, reductions; arrays whose size is known at run time only
    kernels       products, factorisations, transforms, sorting
    translation   operation by operation, with control flow and checks
    engine        the function that is called: forms, tapes that grow, what failed
    advice        work that a GPU does slowly, with its line

What is here knows programs alone: reverse mode is in the program when it arrives, hence a ``while``
loop with a trip count that depends on data has a gradient here, too.
"""
